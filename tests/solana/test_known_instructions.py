"""The instructions of Solana's own programs. The names and values of each are compared in tests/localnet too."""

from __future__ import annotations

import pytest
from solders import system_program as system
from solders.pubkey import Pubkey
from spl.token import instructions as token

from psyche_cli.solana.byte_reader import ByteReader
from psyche_cli.solana.known_instructions import (
    BaseUnits,
    KnownInstruction,
    TokenQuantity,
    known_instruction,
    known_shapes,
)
from psyche_cli.solana.programs import (
    ASSOCIATED_TOKEN_PROGRAM,
    COMPUTE_BUDGET_PROGRAM,
    MEMO_PROGRAMS,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
)

A, B, C, D = (Pubkey.new_unique() for _ in range(4))


@pytest.mark.parametrize(
    ("program", "data", "expected"),
    [
        (
            SYSTEM_PROGRAM,
            bytes(
                system.create_account_with_seed(
                    system.CreateAccountWithSeedParams(
                        from_pubkey=A, to_pubkey=B, base=C, seed="é", lamports=7, space=9, owner=D
                    )
                ).data
            ),
            KnownInstruction(
                "createAccountWithSeed",
                ("source", "newAccount"),
                {"base": C, "seed": "é", "lamports": 7, "space": 9, "owner": D},
            ),
        ),
        (
            TOKEN_PROGRAM,
            bytes(
                token.initialize_mint(
                    token.InitializeMintParams(decimals=6, program_id=TOKEN_PROGRAM, mint=A, mint_authority=B)
                ).data
            ),
            KnownInstruction(
                "initializeMint",
                ("mint", "rentSysvar"),
                {"decimals": 6, "mintAuthority": B, "freezeAuthority": None},
            ),
        ),
        (
            TOKEN_PROGRAM,
            b"\6\2\1" + bytes(A),
            KnownInstruction(
                "setAuthority", ("account", "authority"), {"authorityType": "accountOwner", "newAuthority": A}
            ),
        ),
        (
            TOKEN_2022_PROGRAM,
            b"\3" + (5).to_bytes(8, "little"),
            KnownInstruction("transfer", ("source", "destination", "authority"), {"amount": BaseUnits(5)}),
        ),
        (
            TOKEN_PROGRAM,
            b"\x0c" + (5).to_bytes(8, "little") + b"\2",
            KnownInstruction(
                "transferChecked",
                ("source", "mint", "destination", "authority"),
                {"tokenAmount": TokenQuantity(5, 2)},
            ),
        ),
        (COMPUTE_BUDGET_PROGRAM, b"\2\5\0\0\0", KnownInstruction("setComputeUnitLimit", (), {"units": 5})),
        (MEMO_PROGRAMS[1], "für Ada".encode(), KnownInstruction("memo", (), {"memo": "für Ada"})),
        (A, b"\1", None),
    ],
)
def test_known_answers(program: Pubkey, data: bytes, expected: KnownInstruction | None) -> None:
    assert known_instruction(program, data) == expected


def test_an_associated_account_may_be_created_without_data() -> None:
    names = [known_instruction(ASSOCIATED_TOKEN_PROGRAM, data) for data in (b"", b"\0", b"\1")]
    assert [one and one.name for one in names] == ["create", "create", "createIdempotent"]


@pytest.mark.parametrize(
    ("program", "data", "reason"),
    [
        (SYSTEM_PROGRAM, b"\2\0\0", "unexpected end of data"),
        (SYSTEM_PROGRAM, b"\2\0\0\0\1", "unexpected end of data"),
        (SYSTEM_PROGRAM, b"\xff\0\0\0", "the program's instruction 255 is not known"),
        (TOKEN_PROGRAM, b"", "unexpected end of data"),
        (TOKEN_PROGRAM, b"\6\4\0", "the authority type 4 is not known"),
        (TOKEN_PROGRAM, b"\6\0\2" + bytes(32), "the tag of an optional key is neither 0 nor 1"),
        (MEMO_PROGRAMS[0], b"\xff", "utf-8"),
    ],
)
def test_invalid_data(program: Pubkey, data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        known_instruction(program, data)


def test_the_shapes_name_what_is_decoded() -> None:
    shapes = {(program, name): (accounts, arguments) for program, name, accounts, arguments in known_shapes()}
    assert len(shapes) == len(list(known_shapes()))
    assert shapes[SYSTEM_PROGRAM, "transfer"] == (("source", "destination"), ("lamports",))
    assert shapes[MEMO_PROGRAMS[1], "memo"] == ((), ("memo",))
    decoded = known_instruction(TOKEN_PROGRAM, b"\x0c" + bytes(9))
    assert decoded is not None
    assert shapes[TOKEN_PROGRAM, "transferChecked"] == (decoded.accounts, (*decoded.arguments,))


def test_reading_bytes() -> None:
    reader = ByteReader(b"\xff\xff\1\0\0\0a" + bytes(A))
    assert reader.number(2, signed=True) == -1
    assert reader.text(4) == "a"
    assert (reader.key(), reader.left) == (A, 0)
