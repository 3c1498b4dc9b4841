"""The ``jsonParsed`` form of instructions of the system, SPL token, associated token and memo programs.

Instructions of other programs, and invalid ones, remain in their encoded form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from solders.pubkey import Pubkey

from psyche_cli import base58
from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.token_state import token_amount
from psyche_cli.solana.programs import (
    ASSOCIATED_TOKEN_PROGRAM,
    MEMO_PROGRAMS,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
)

_AUTHORITY_TYPES: Final = ("mintTokens", "freezeAccount", "accountOwner", "closeAccount")


class _Reader:
    """Reads instruction data sequentially. Raises ValueError at the end of the data."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        part = self._data[self._at : self._at + size]
        if len(part) < size:
            raise ValueError("unexpected end of data")
        self._at += size
        return part

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def key(self) -> str:
        return str(Pubkey(self.take(32)))

    def text(self) -> str:
        return self.take(self.number(8)).decode("utf-8")

    def optional_key(self) -> str | None:
        return self.key() if self.number(1) else None


def _lamports(reader: _Reader) -> Json:
    return reader.number(8)


def _amount(reader: _Reader) -> Json:
    return str(reader.number(8))


def _token_amount(reader: _Reader) -> Json:
    amount = reader.number(8)
    return token_amount(amount, reader.number(1))


def _authority_type(reader: _Reader) -> Json:
    return _AUTHORITY_TYPES[reader.number(1)]


def _byte(reader: _Reader) -> Json:
    return reader.number(1)


_Read = Callable[[_Reader], Json]
_KEY: Final[_Read] = _Reader.key
_TEXT: Final[_Read] = _Reader.text
_OPTIONAL_KEY: Final[_Read] = _Reader.optional_key


@dataclass(frozen=True)
class _Shape:
    """The definition of one instruction: its name, account names and arguments, both in order."""

    name: str
    accounts: tuple[str, ...]
    arguments: Mapping[str, _Read]


def _shape(name: str, accounts: str, **arguments: _Read) -> _Shape:
    return _Shape(name, tuple(accounts.split()), arguments)


_NONCE: Final = "nonceAccount recentBlockhashesSysvar"
_SYSTEM: Final[Mapping[int, _Shape]] = {
    0: _shape("createAccount", "source newAccount", lamports=_lamports, space=_lamports, owner=_KEY),
    1: _shape("assign", "account", owner=_KEY),
    2: _shape("transfer", "source destination", lamports=_lamports),
    3: _shape(
        "createAccountWithSeed",
        "source newAccount",
        base=_KEY,
        seed=_TEXT,
        lamports=_lamports,
        space=_lamports,
        owner=_KEY,
    ),
    4: _shape("advanceNonce", f"{_NONCE} nonceAuthority"),
    5: _shape(
        "withdrawFromNonce",
        "nonceAccount destination recentBlockhashesSysvar rentSysvar nonceAuthority",
        lamports=_lamports,
    ),
    6: _shape("initializeNonce", f"{_NONCE} rentSysvar", nonceAuthority=_KEY),
    7: _shape("authorizeNonce", "nonceAccount nonceAuthority", newAuthorized=_KEY),
    8: _shape("allocate", "account", space=_lamports),
    9: _shape("allocateWithSeed", "account", base=_KEY, seed=_TEXT, space=_lamports, owner=_KEY),
    10: _shape("assignWithSeed", "account", base=_KEY, seed=_TEXT, owner=_KEY),
    11: _shape(
        "transferWithSeed",
        "source sourceBase destination",
        lamports=_lamports,
        sourceSeed=_TEXT,
        sourceOwner=_KEY,
    ),
    12: _shape("upgradeNonce", "nonceAccount"),
}
_TOKEN: Final[Mapping[int, _Shape]] = {
    0: _shape("initializeMint", "mint rentSysvar", decimals=_byte, mintAuthority=_KEY, freezeAuthority=_OPTIONAL_KEY),
    1: _shape("initializeAccount", "account mint owner rentSysvar"),
    3: _shape("transfer", "source destination authority", amount=_amount),
    4: _shape("approve", "source delegate owner", amount=_amount),
    5: _shape("revoke", "source owner"),
    6: _shape("setAuthority", "account authority", authorityType=_authority_type, newAuthority=_OPTIONAL_KEY),
    7: _shape("mintTo", "mint account mintAuthority", amount=_amount),
    8: _shape("burn", "account mint authority", amount=_amount),
    9: _shape("closeAccount", "account destination owner"),
    10: _shape("freezeAccount", "account mint freezeAuthority"),
    11: _shape("thawAccount", "account mint freezeAuthority"),
    12: _shape("transferChecked", "source mint destination authority", tokenAmount=_token_amount),
    13: _shape("approveChecked", "source mint delegate owner", tokenAmount=_token_amount),
    14: _shape("mintToChecked", "mint account mintAuthority", tokenAmount=_token_amount),
    15: _shape("burnChecked", "account mint authority", tokenAmount=_token_amount),
    16: _shape("initializeAccount2", "account mint rentSysvar", owner=_KEY),
    17: _shape("syncNative", "account"),
    18: _shape("initializeAccount3", "account mint", owner=_KEY),
    20: _shape("initializeMint2", "mint", decimals=_byte, mintAuthority=_KEY, freezeAuthority=_OPTIONAL_KEY),
    21: _shape("getAccountDataSize", "mint"),
    22: _shape("initializeImmutableOwner", "account"),
}
_ASSOCIATED: Final = "source account wallet mint systemProgram tokenProgram"
_ASSOCIATED_TOKEN: Final[Mapping[int, _Shape]] = {
    0: _shape("create", _ASSOCIATED),
    1: _shape("createIdempotent", _ASSOCIATED),
}


def parsed_instruction(program: Pubkey, accounts: Sequence[Pubkey], data: bytes, stack_height: int | None) -> Json:
    """One instruction, parsed if the program is known."""
    content = _parsed(program, accounts, data)
    if content is None:
        return {
            "programId": str(program),
            "accounts": [str(account) for account in accounts],
            "data": base58.encode(data),
            "stackHeight": stack_height,
        }
    name, parsed = content
    return {"program": name, "programId": str(program), "parsed": parsed, "stackHeight": stack_height}


def _parsed(program: Pubkey, accounts: Sequence[Pubkey], data: bytes) -> tuple[str, Json] | None:
    try:
        if program in MEMO_PROGRAMS:
            return "spl-memo", data.decode("utf-8")
        reader = _Reader(data)
        if program == SYSTEM_PROGRAM:
            return "system", _read(_SYSTEM[reader.number(4)], accounts, reader)
        if program == TOKEN_PROGRAM:
            return "spl-token", _read_token(_TOKEN[reader.number(1)], accounts, reader)
        if program == TOKEN_2022_PROGRAM:
            return "spl-token-2022", _read_token(_TOKEN[reader.number(1)], accounts, reader)
        if program == ASSOCIATED_TOKEN_PROGRAM:
            shape = _ASSOCIATED_TOKEN[reader.number(1) if data else 0]
            return "spl-associated-token-account", _read(shape, accounts, reader)
    except (KeyError, IndexError, ValueError):
        pass
    return None


def _read(shape: _Shape, accounts: Sequence[Pubkey], reader: _Reader) -> Json:
    if len(accounts) < len(shape.accounts):
        raise ValueError("not enough accounts")
    info = {name: str(account) for name, account in zip(shape.accounts, accounts, strict=False)}
    arguments = {name: read(reader) for name, read in shape.arguments.items()}
    # An absent freeze authority is omitted, but an absent new authority is null.
    if arguments.get("freezeAuthority", "") is None:
        del arguments["freezeAuthority"]
    return {"type": shape.name, "info": {**info, **arguments}}


def _read_token(shape: _Shape, accounts: Sequence[Pubkey], reader: _Reader) -> Json:
    """Like ``_read``; if more accounts follow, the last named account is a multisig and these are its signers."""
    content = _read(shape, accounts, reader)
    info = content["info"]
    if shape.name == "setAuthority" and info["authorityType"] in ("mintTokens", "freezeAccount"):
        content["info"] = info = {"mint": info.pop("account"), **info}
    signers = accounts[len(shape.accounts) :]
    last = shape.accounts[-1]
    if signers and (last == "owner" or last.lower().endswith("authority")):
        info[f"multisig{last[0].upper()}{last[1:]}"] = info.pop(last)
        info["signers"] = [str(signer) for signer in signers]
    return content
