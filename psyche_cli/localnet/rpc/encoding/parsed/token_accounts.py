"""The parsed form of the token programs' accounts: token accounts, mints and multisigs."""

from __future__ import annotations

from solders.account import Account
from solders.token.state import Mint, TokenAccount

from psyche_cli.json_values import Json
from psyche_cli.limits import TOKEN_MULTISIG_BYTES
from psyche_cli.localnet.rpc.encoding.parsed.accounts import AccountOf, ChainAccount
from psyche_cli.localnet.rpc.encoding.parsed.readers import NO_KEY, boolean, items, key, record, state, u8
from psyche_cli.localnet.rpc.encoding.parsed.token_extensions import ACCOUNT_STATES, Holder, parsed_extensions
from psyche_cli.localnet.rpc.encoding.parsed.token_units import units_of
from psyche_cli.solana.byte_reader import ByteReader
from psyche_cli.solana.token_state import mint_of, token_account_of

_MOST_SIGNERS = 11


def parse(found: ChainAccount) -> Json:
    """The account. Raises ValueError; also for a token account whose mint does not exist."""
    account = found.account
    token_account = token_account_of(account)
    if token_account is not None:
        info = _token_account(token_account, found.account_of)
        return state("account", info | _extensions(account, Holder.ACCOUNT))
    mint = mint_of(account)
    if mint is not None:
        return state("mint", _mint(mint) | _extensions(account, Holder.MINT))
    return state("multisig", _multisig(account.data))


def _extensions(account: Account, holder: Holder) -> dict[str, Json]:
    extensions = parsed_extensions(account.data, holder)
    return {"extensions": extensions} if extensions else {}


def _token_account(account: TokenAccount, account_of: AccountOf) -> dict[str, Json]:
    units = units_of(account.mint, account_of)
    if units is None:
        raise ValueError("the mint does not exist")
    info: dict[str, Json] = {
        "mint": str(account.mint),
        "owner": str(account.owner),
        "tokenAmount": units.amount(account.amount),
        "state": ACCOUNT_STATES[int(account.state)],
        "isNative": account.is_native is not None,
    }
    if account.delegate is not None:
        info["delegate"] = str(account.delegate)
        info["delegatedAmount"] = units.amount(account.delegated_amount)
    if account.is_native is not None:
        info["rentExemptReserve"] = units.amount(account.is_native)
    if account.close_authority is not None:
        info["closeAuthority"] = str(account.close_authority)
    return info


def _mint(mint: Mint) -> dict[str, Json]:
    return {
        "mintAuthority": None if mint.mint_authority is None else str(mint.mint_authority),
        "supply": str(mint.supply),
        "decimals": mint.decimals,
        "isInitialized": True,
        "freezeAuthority": None if mint.freeze_authority is None else str(mint.freeze_authority),
    }


def _multisig(data: bytes) -> dict[str, Json]:
    if len(data) != TOKEN_MULTISIG_BYTES:
        raise ValueError("no account of a token program")
    read = record(numRequiredSigners=u8, numValidSigners=u8, isInitialized=boolean, signers=items(key, _MOST_SIGNERS))
    multisig: dict[str, Json] = read(ByteReader(data))
    if not multisig["isInitialized"]:
        raise ValueError("the multisig is not initialized")
    return {**multisig, "signers": [signer for signer in multisig["signers"] if signer != NO_KEY]}
