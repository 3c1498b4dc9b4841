"""The ``jsonParsed`` form of SPL token accounts and mints, nonce accounts and address lookup tables."""

from __future__ import annotations

from solders.account import Account
from solders.address_lookup_table_account import AddressLookupTable
from solders.token.state import Mint, TokenAccount, TokenAccountState

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.token_state import DecimalsOf, token_amount
from psyche_cli.solana.lookup_tables import lookup_table_of
from psyche_cli.solana.nonces import Nonce, nonce_in
from psyche_cli.solana.programs import NATIVE_MINT, TOKEN_2022_PROGRAM
from psyche_cli.solana.token_state import mint_of, token_account_of


def _parsed_token_account(account: TokenAccount, decimals_of: DecimalsOf) -> Json | None:
    decimals = decimals_of(account.mint)
    if decimals is None:
        return None
    info = {
        "mint": str(account.mint),
        "owner": str(account.owner),
        "tokenAmount": token_amount(account.amount, decimals),
        "state": "frozen" if account.state == TokenAccountState.Frozen else "initialized",
        "isNative": account.mint == NATIVE_MINT,
    }
    if account.delegate is not None:
        info["delegate"] = str(account.delegate)
        info["delegatedAmount"] = token_amount(account.delegated_amount, decimals)
    if account.is_native is not None:
        info["rentExemptReserve"] = token_amount(account.is_native, decimals)
    if account.close_authority is not None:
        info["closeAuthority"] = str(account.close_authority)
    return {"type": "account", "info": info}


def _parsed_mint(mint: Mint) -> Json:
    return {
        "type": "mint",
        "info": {
            "mintAuthority": None if mint.mint_authority is None else str(mint.mint_authority),
            "supply": str(mint.supply),
            "decimals": mint.decimals,
            "isInitialized": True,
            "freezeAuthority": None if mint.freeze_authority is None else str(mint.freeze_authority),
        },
    }


def _parsed_nonce(nonce: Nonce) -> Json:
    return {
        "type": "initialized",
        "info": {
            "authority": str(nonce.authority),
            "blockhash": str(nonce.value),
            "feeCalculator": {"lamportsPerSignature": str(nonce.lamports_per_signature)},
        },
    }


def _parsed_lookup_table(table: AddressLookupTable) -> Json:
    meta = table.meta
    info = {
        "deactivationSlot": str(meta.deactivation_slot),
        "lastExtendedSlot": str(meta.last_extended_slot),
        "lastExtendedSlotStartIndex": meta.last_extended_slot_start_index,
        "addresses": [str(address) for address in table.addresses],
    }
    if meta.authority is not None:
        info["authority"] = str(meta.authority)
    return {"type": "lookupTable", "info": info}


def parsed(account: Account, decimals_of: DecimalsOf) -> Json | None:
    """``{"program", "parsed", "space"}``, or None if the account has no ``jsonParsed`` form."""
    program, content = "", None
    token_account, mint = token_account_of(account), mint_of(account)
    nonce, table = nonce_in(account.owner, account.data), lookup_table_of(account)
    if token_account is not None:
        program, content = "spl-token", _parsed_token_account(token_account, decimals_of)
    elif mint is not None:
        program, content = "spl-token", _parsed_mint(mint)
    elif nonce is not None:
        program, content = "nonce", _parsed_nonce(nonce)
    elif table is not None:
        program, content = "address-lookup-table", _parsed_lookup_table(table)
    if content is None:
        return None
    if account.owner == TOKEN_2022_PROGRAM:
        program = "spl-token-2022"
    return {"program": program, "parsed": content, "space": len(account.data)}
