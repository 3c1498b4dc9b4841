"""The instructions of Solana's own programs: system, tokens, compute budget, memo, upgrades of programs.

Names of instructions, accounts and arguments are those of the ``jsonParsed`` encoding of validators, in camel case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from solders.pubkey import Pubkey

from psyche_cli.solana.byte_reader import ByteReader
from psyche_cli.solana.programs import (
    ASSOCIATED_TOKEN_PROGRAM,
    COMPUTE_BUDGET_PROGRAM,
    MEMO_PROGRAMS,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    UPGRADEABLE_LOADER,
)

Argument: TypeAlias = "int | str | Pubkey | TokenQuantity | None"


class TokenQuantity(NamedTuple):
    """An amount of ``base_units``, with the decimals that the mint must have."""

    base_units: int
    decimals: int


class BaseUnits(int):
    """An amount in base units of a mint that the instruction does not name."""


class KnownInstruction(NamedTuple):
    """A decoded instruction: its name, the names of its accounts in order, and its arguments by name."""

    name: str
    accounts: tuple[str, ...]
    arguments: Mapping[str, Argument]


class _Shape(NamedTuple):
    name: str
    accounts: tuple[str, ...]
    arguments: Mapping[str, Callable[[ByteReader], Argument]]


def known_instruction(program: Pubkey, data: bytes) -> KnownInstruction | None:
    """The instruction with this data; None for a program that is not known here.

    Raises ValueError with the reason for an unknown instruction and for data that ends too early.
    """
    if program in MEMO_PROGRAMS:
        return KnownInstruction("memo", (), {"memo": data.decode("utf-8")})
    if program not in _PROGRAMS:
        return None
    width, shapes = _PROGRAMS[program]
    reader = ByteReader(data or b"\0" if program == ASSOCIATED_TOKEN_PROGRAM else data)
    number = reader.number(width)
    if number not in shapes:
        raise ValueError(f"the program's instruction {number} is not known")
    shape = shapes[number]
    return KnownInstruction(shape.name, shape.accounts, {name: read(reader) for name, read in shape.arguments.items()})


def known_shapes() -> Iterator[tuple[Pubkey, str, tuple[str, ...], tuple[str, ...]]]:
    """Every instruction that is known here: its program, its name, and the names of its accounts and arguments."""
    for program, (_, shapes) in _PROGRAMS.items():
        for shape in shapes.values():
            yield program, shape.name, shape.accounts, tuple(shape.arguments)
    for program in MEMO_PROGRAMS:
        yield program, "memo", (), ("memo",)


def _u64(reader: ByteReader) -> int:
    return reader.number(8)


def _u32(reader: ByteReader) -> int:
    return reader.number(4)


def _byte(reader: ByteReader) -> int:
    return reader.number(1)


def _base_units(reader: ByteReader) -> BaseUnits:
    return BaseUnits(reader.number(8))


def _token_quantity(reader: ByteReader) -> TokenQuantity:
    return TokenQuantity(reader.number(8), reader.number(1))


def _text(reader: ByteReader) -> str:
    return reader.text(8)


def _optional_key(reader: ByteReader) -> Pubkey | None:
    tag = reader.number(1)
    if tag > 1:
        raise ValueError("the tag of an optional key is neither 0 nor 1")
    return reader.key() if tag else None


def _authority_type(reader: ByteReader) -> str:
    number = reader.number(1)
    if number >= len(_AUTHORITY_TYPES):
        raise ValueError(f"the authority type {number} is not known")
    return _AUTHORITY_TYPES[number]


_KEY: Final = ByteReader.key
_AUTHORITY_TYPES: Final = ("mintTokens", "freezeAccount", "accountOwner", "closeAccount")


def _shape(name: str, accounts: str, **arguments: Callable[[ByteReader], Argument]) -> _Shape:
    return _Shape(name, tuple(accounts.split()), arguments)


_NONCE: Final = "nonceAccount recentBlockhashesSysvar"
_SYSTEM: Final = {
    0: _shape("createAccount", "source newAccount", lamports=_u64, space=_u64, owner=_KEY),
    1: _shape("assign", "account", owner=_KEY),
    2: _shape("transfer", "source destination", lamports=_u64),
    3: _shape(
        "createAccountWithSeed", "source newAccount", base=_KEY, seed=_text, lamports=_u64, space=_u64, owner=_KEY
    ),
    4: _shape("advanceNonce", f"{_NONCE} nonceAuthority"),
    5: _shape(
        "withdrawFromNonce",
        "nonceAccount destination recentBlockhashesSysvar rentSysvar nonceAuthority",
        lamports=_u64,
    ),
    6: _shape("initializeNonce", f"{_NONCE} rentSysvar", nonceAuthority=_KEY),
    7: _shape("authorizeNonce", "nonceAccount nonceAuthority", newAuthorized=_KEY),
    8: _shape("allocate", "account", space=_u64),
    9: _shape("allocateWithSeed", "account", base=_KEY, seed=_text, space=_u64, owner=_KEY),
    10: _shape("assignWithSeed", "account", base=_KEY, seed=_text, owner=_KEY),
    11: _shape("transferWithSeed", "source sourceBase destination", lamports=_u64, sourceSeed=_text, sourceOwner=_KEY),
    12: _shape("upgradeNonce", "nonceAccount"),
}
_TOKEN: Final = {
    0: _shape("initializeMint", "mint rentSysvar", decimals=_byte, mintAuthority=_KEY, freezeAuthority=_optional_key),
    1: _shape("initializeAccount", "account mint owner rentSysvar"),
    3: _shape("transfer", "source destination authority", amount=_base_units),
    4: _shape("approve", "source delegate owner", amount=_base_units),
    5: _shape("revoke", "source owner"),
    6: _shape("setAuthority", "account authority", authorityType=_authority_type, newAuthority=_optional_key),
    7: _shape("mintTo", "mint account mintAuthority", amount=_base_units),
    8: _shape("burn", "account mint authority", amount=_base_units),
    9: _shape("closeAccount", "account destination owner"),
    10: _shape("freezeAccount", "account mint freezeAuthority"),
    11: _shape("thawAccount", "account mint freezeAuthority"),
    12: _shape("transferChecked", "source mint destination authority", tokenAmount=_token_quantity),
    13: _shape("approveChecked", "source mint delegate owner", tokenAmount=_token_quantity),
    14: _shape("mintToChecked", "mint account mintAuthority", tokenAmount=_token_quantity),
    15: _shape("burnChecked", "account mint authority", tokenAmount=_token_quantity),
    16: _shape("initializeAccount2", "account mint rentSysvar", owner=_KEY),
    17: _shape("syncNative", "account"),
    18: _shape("initializeAccount3", "account mint", owner=_KEY),
    20: _shape("initializeMint2", "mint", decimals=_byte, mintAuthority=_KEY, freezeAuthority=_optional_key),
    21: _shape("getAccountDataSize", "mint"),
    22: _shape("initializeImmutableOwner", "account"),
}
_ASSOCIATED: Final = "source account wallet mint systemProgram tokenProgram"
_ASSOCIATED_TOKEN: Final = {
    0: _shape("create", _ASSOCIATED),
    1: _shape("createIdempotent", _ASSOCIATED),
}
_COMPUTE_BUDGET: Final = {
    1: _shape("requestHeapFrame", "", bytes=_u32),
    2: _shape("setComputeUnitLimit", "", units=_u32),
    3: _shape("setComputeUnitPrice", "", microLamports=_u64),
    4: _shape("setLoadedAccountsDataSizeLimit", "", bytes=_u32),
}
_LOADER: Final = {
    3: _shape(
        "upgrade", "programDataAccount programAccount bufferAccount spillAccount rentSysvar clockSysvar authority"
    ),
    4: _shape("setAuthority", "account authority"),
    5: _shape("close", "account recipient"),
    7: _shape("setAuthorityChecked", "account authority newAuthority"),
}
"""The instructions for programs that are deployed. A new authority of ``setAuthority`` is a further account."""
_PROGRAMS: Final[Mapping[Pubkey, tuple[int, Mapping[int, _Shape]]]] = {
    SYSTEM_PROGRAM: (4, _SYSTEM),
    TOKEN_PROGRAM: (1, _TOKEN),
    TOKEN_2022_PROGRAM: (1, _TOKEN),
    ASSOCIATED_TOKEN_PROGRAM: (1, _ASSOCIATED_TOKEN),
    COMPUTE_BUDGET_PROGRAM: (1, _COMPUTE_BUDGET),
    UPGRADEABLE_LOADER: (4, _LOADER),
}
"""By program: the size of an instruction's number in bytes, and the instructions by their numbers."""
