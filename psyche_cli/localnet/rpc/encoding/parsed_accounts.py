"""The ``jsonParsed`` form of accounts whose layout is public: SPL tokens and mints, nonces, look-up tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.limits import MINT_BYTES, TOKEN_ACCOUNT_BYTES
from psyche_cli.localnet.rpc.fault import Json
from psyche_cli.solana.programs import (
    LOOKUP_TABLE_PROGRAM,
    NATIVE_MINT,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
)

NONCE_BYTES: Final = 80
LOOKUP_TABLE_META_BYTES: Final = 56
TOKEN_PROGRAMS: Final = frozenset({TOKEN_PROGRAM, TOKEN_2022_PROGRAM})
_STATES: Final = {1: "initialized", 2: "frozen"}
DecimalsOf = Callable[[Pubkey], "int | None"]


def token_amount(amount: int, decimals: int) -> Json:
    """An amount of base units in the four forms of the RPC interface."""
    digits = str(amount).rjust(decimals + 1, "0")
    text = f"{digits[:-decimals]}.{digits[-decimals:]}".rstrip("0").rstrip(".") if decimals else digits
    return {"amount": str(amount), "decimals": decimals, "uiAmount": float(text), "uiAmountString": text}


def is_token_account(account: Account) -> bool:
    """Whether this is an initialized SPL token account (165 bytes, or more with Token-2022 extensions)."""
    if account.owner not in TOKEN_PROGRAMS:
        return False
    data = account.data
    if len(data) == TOKEN_ACCOUNT_BYTES:
        return data[108] in _STATES
    return len(data) > TOKEN_ACCOUNT_BYTES and data[TOKEN_ACCOUNT_BYTES] == 2 and data[108] in _STATES


def is_mint(account: Account) -> bool:
    """Whether this is an initialized SPL mint (82 bytes, or more with Token-2022 extensions)."""
    if account.owner not in TOKEN_PROGRAMS:
        return False
    data = account.data
    if len(data) == MINT_BYTES:
        return data[45] == 1
    return len(data) > TOKEN_ACCOUNT_BYTES and data[TOKEN_ACCOUNT_BYTES] == 1 and data[45] == 1


def token_mint(data: bytes) -> Pubkey:
    """The mint of a token account."""
    return Pubkey(data[0:32])


def token_owner(data: bytes) -> Pubkey:
    """The wallet that owns a token account."""
    return Pubkey(data[32:64])


def token_base_units(data: bytes) -> int:
    """The balance of a token account in base units."""
    return int.from_bytes(data[64:72], "little")


def mint_supply(data: bytes) -> int:
    """Base units in existence."""
    return int.from_bytes(data[36:44], "little")


def mint_decimals(data: bytes) -> int:
    """Decimal places of a mint."""
    return data[44]


def _optional_key(data: bytes, offset: int) -> str | None:
    return str(Pubkey(data[offset + 4 : offset + 36])) if data[offset] else None


def _parsed_token_account(data: bytes, decimals_of: DecimalsOf) -> Json | None:
    mint = token_mint(data)
    decimals = decimals_of(mint)
    if decimals is None:
        return None
    info = {
        "mint": str(mint),
        "owner": str(token_owner(data)),
        "tokenAmount": token_amount(token_base_units(data), decimals),
        "state": _STATES[data[108]],
        "isNative": mint == NATIVE_MINT,
    }
    if delegate := _optional_key(data, 72):
        info["delegate"] = delegate
        info["delegatedAmount"] = token_amount(int.from_bytes(data[121:129], "little"), decimals)
    if data[109]:
        info["rentExemptReserve"] = token_amount(int.from_bytes(data[113:121], "little"), decimals)
    if close_authority := _optional_key(data, 129):
        info["closeAuthority"] = close_authority
    return {"type": "account", "info": info}


def _parsed_mint(data: bytes) -> Json:
    return {
        "type": "mint",
        "info": {
            "mintAuthority": _optional_key(data, 0),
            "supply": str(mint_supply(data)),
            "decimals": mint_decimals(data),
            "isInitialized": True,
            "freezeAuthority": _optional_key(data, 46),
        },
    }


def _parsed_nonce(data: bytes) -> Json:
    return {
        "type": "initialized",
        "info": {
            "authority": str(Pubkey(data[8:40])),
            "blockhash": str(Pubkey(data[40:72])),
            "feeCalculator": {"lamportsPerSignature": str(int.from_bytes(data[72:80], "little"))},
        },
    }


def _parsed_lookup_table(data: bytes) -> Json:
    info = {
        "deactivationSlot": str(int.from_bytes(data[4:12], "little")),
        "lastExtendedSlot": str(int.from_bytes(data[12:20], "little")),
        "lastExtendedSlotStartIndex": data[20],
        "addresses": [str(address) for address in lookup_table_addresses(data)],
    }
    if data[21]:
        info["authority"] = str(Pubkey(data[22:54]))
    return {"type": "lookupTable", "info": info}


def lookup_table_addresses(data: bytes) -> list[Pubkey]:
    """The addresses of a look-up table account."""
    return [Pubkey(data[start : start + 32]) for start in range(LOOKUP_TABLE_META_BYTES, len(data) - 31, 32)]


def parsed(account: Account, decimals_of: DecimalsOf) -> Json | None:
    """``{"program", "parsed", "space"}``, or None when the layout is not one of the known ones."""
    data = account.data
    program, content = "", None
    if is_token_account(account):
        program, content = "spl-token", _parsed_token_account(data, decimals_of)
    elif is_mint(account):
        program, content = "spl-token", _parsed_mint(data)
    elif account.owner == SYSTEM_PROGRAM and len(data) == NONCE_BYTES and data[4:8] == b"\1\0\0\0":
        program, content = "nonce", _parsed_nonce(data)
    elif account.owner == LOOKUP_TABLE_PROGRAM and len(data) >= LOOKUP_TABLE_META_BYTES and data[:4] == b"\1\0\0\0":
        program, content = "address-lookup-table", _parsed_lookup_table(data)
    if content is None:
        return None
    if account.owner == TOKEN_2022_PROGRAM:
        program = "spl-token-2022"
    return {"program": program, "parsed": content, "space": len(data)}
