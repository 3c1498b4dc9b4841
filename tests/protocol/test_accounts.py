"""The Borsh accounts of the three programs, and the accounts of SPL Token."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.pubkey import Pubkey
from solders.token.state import Mint, TokenAccountState
from solders.token.state import TokenAccount as SplTokenAccount

from psyche_cli.errors import AccountError, MalformedAccount, WrongDiscriminator, WrongOwner, WrongSize
from psyche_cli.protocol.accounts.small_accounts import (
    Authorization,
    decode_authorization,
    decode_instance,
    decode_participant,
    decode_treasurer_run,
    lets_join,
)
from psyche_cli.protocol.accounts.token_accounts import TokenAccount, TokenMint, decode_mint, decode_token_account
from psyche_cli.protocol.addresses import ANYONE
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.solana.programs import SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from psyche_cli.solana.raw_account import RawAccount
from tests.protocol.images import ADDRESS, key, raw


def hex_key(number: int) -> str:
    return f"{number:02x}" * 32


INSTANCE = bytes.fromhex(
    "9c099910af181ffc" + "fe" + hex_key(1) + hex_key(2) + hex_key(3) + "06000000" + "c3a92d72756e"
).ljust(173, b"\0")


def test_coordinator_instance() -> None:
    instance = decode_instance(raw(INSTANCE))
    assert instance.address == ADDRESS
    assert instance.bump == 254
    assert instance.main_authority == key(1)
    assert instance.join_authority == key(2)
    assert instance.coordinator_account == key(3)
    assert instance.run_id == "é-run"


AUTHORIZATION_HEAD = (
    "0344a8f3c3a8204b" + "fd" + hex_key(1) + hex_key(2) + "12000000" + b"CoordinatorJoinRun".hex() + "01"
)
AUTHORIZATION = bytes.fromhex(AUTHORIZATION_HEAD + "02000000" + hex_key(8) + hex_key(9) + "00f1536500000000")


def test_authorization() -> None:
    authorization = decode_authorization(raw(AUTHORIZATION, owner=PUBLISHED.authorizer))
    assert len(AUTHORIZATION) == 108 + 2 * 32
    assert authorization.bump == 253
    assert authorization.grantor == key(1)
    assert authorization.grantee == key(2)
    assert authorization.scope == b"CoordinatorJoinRun"
    assert authorization.active is True
    assert authorization.delegates == (key(8), key(9))
    assert authorization.grantor_update_timestamp == 1_700_000_000


HEAD = bytes.fromhex(AUTHORIZATION_HEAD)
FOR_EVERYONE = HEAD.replace(bytes([2] * 32), bytes(32))


@pytest.mark.parametrize(
    ("data", "grantor", "user", "joins"),
    [
        (HEAD, key(1), key(2), True),
        (AUTHORIZATION, key(1), key(2), True),
        (AUTHORIZATION, key(1), key(8), False),  # a delegate, who may not be part of the beginning
        (HEAD, key(2), key(1), False),
        (HEAD, key(7), key(2), False),
        (FOR_EVERYONE, key(1), key(7), True),
        (FOR_EVERYONE, key(7), key(7), False),
        (HEAD[:-1] + b"\0", key(1), key(2), False),
        (HEAD[:-1] + b"\2", key(1), key(2), False),
        (HEAD.replace(b"Join", b"Quit"), key(1), key(2), False),
        (HEAD[:-1], key(1), key(2), False),
        (b"\0" + HEAD[1:], key(1), key(2), False),
    ],
)
def test_whether_the_beginning_of_an_authorization_lets_join(
    data: bytes, grantor: Pubkey, user: Pubkey, joins: bool
) -> None:
    assert lets_join(raw(data, owner=PUBLISHED.authorizer), grantor, user) is joins
    assert not lets_join(raw(data, owner=PUBLISHED.treasurer), grantor, user)


GRANTEE = key(2)


def authorization(
    grantee: Pubkey = GRANTEE, *, active: bool = True, scope: bytes = b"CoordinatorJoinRun"
) -> Authorization:
    return Authorization(ADDRESS, 0, 255, key(1), grantee, scope, active, (key(8), key(9)), 0)


@pytest.mark.parametrize(
    ("given", "grantor", "user", "valid"),
    [
        (authorization(), key(1), key(2), True),
        (authorization(), key(1), key(8), True),
        (authorization(), key(1), key(9), True),
        (authorization(), key(1), key(7), False),
        (authorization(), key(7), key(2), False),
        (authorization(active=False), key(1), key(2), False),
        (authorization(scope=b"Other"), key(1), key(2), False),
        (authorization(ANYONE), key(1), key(7), True),
        (authorization(ANYONE, active=False), key(1), key(7), False),
    ],
)
def test_whom_an_authorization_is_valid_for(given: Authorization, grantor: Pubkey, user: Pubkey, valid: bool) -> None:
    assert given.is_valid_for(grantor, user) is valid


def test_scopes_other_than_joining() -> None:
    assert authorization(scope=b"Other").is_valid_for(key(1), key(2), b"Other") is True


RUN = bytes.fromhex(
    "c7369b56eb73f6bd"
    "fc"
    "9f86d081884c7d65"
    + hex_key(1)
    + hex_key(2)
    + hex_key(3)
    + hex_key(4)
    + hex_key(5)
    + "0700000000000000"
    + "0800000000000000"
).ljust(200, b"\0")


def test_treasurer_run() -> None:
    run = decode_treasurer_run(raw(RUN, owner=PUBLISHED.treasurer))
    assert run.bump == 252
    assert run.index == 7313085519096743583
    assert run.main_authority == key(1)
    assert run.join_authority == key(2)
    assert run.coordinator_account == key(3)
    assert run.coordinator_instance == key(4)
    assert run.collateral_mint == key(5)
    assert run.total_claimed_collateral_amount == 7
    assert run.total_claimed_earned_points == 8


CLAIMER_RUN = bytes.fromhex(
    "c7369b56eb73f6bd"
    "fc"
    "9f86d081884c7d65" + hex_key(1) + hex_key(3) + hex_key(4) + hex_key(5) + "0700000000000000" + "0800000000000000"
).ljust(168, b"\0")


def test_treasurer_run_with_one_authority() -> None:
    run = decode_treasurer_run(raw(CLAIMER_RUN, owner=PUBLISHED.treasurer))
    assert (run.bump, run.index, run.main_authority, run.join_authority) == (252, 7313085519096743583, key(1), None)
    assert (run.coordinator_account, run.coordinator_instance, run.collateral_mint) == (key(3), key(4), key(5))
    assert (run.total_claimed_collateral_amount, run.total_claimed_earned_points) == (7, 8)


PARTICIPANT = bytes.fromhex("208e6c4ff7b33606" + "fb" + "0100000000000000" + "0200000000000000").ljust(32, b"\0")


def test_participant() -> None:
    participant = decode_participant(raw(PARTICIPANT, owner=PUBLISHED.treasurer))
    assert participant.bump == 251
    assert participant.claimed_collateral_amount == 1
    assert participant.claimed_earned_points == 2


Decoder = Callable[[RawAccount, ProgramIds], object]
BORSH: list[tuple[Decoder, bytes, Pubkey, int]] = [
    (decode_instance, INSTANCE, PUBLISHED.coordinator, 115),
    (decode_authorization, AUTHORIZATION, PUBLISHED.authorizer, len(AUTHORIZATION)),
    (decode_treasurer_run, RUN, PUBLISHED.treasurer, 193),
    (decode_participant, PARTICIPANT, PUBLISHED.treasurer, 25),
]


@pytest.mark.parametrize(("decoder", "data", "owner", "used"), BORSH)
def test_owner_then_discriminator_then_content(decoder: Decoder, data: bytes, owner: Pubkey, used: int) -> None:
    with pytest.raises(WrongOwner) as wrong_owner:
        decoder(raw(bytes(len(data)), owner=SYSTEM_PROGRAM), PUBLISHED)
    assert (wrong_owner.value.context["found"], wrong_owner.value.context["expected"]) == (
        str(SYSTEM_PROGRAM),
        str(owner),
    )
    with pytest.raises(WrongDiscriminator) as wrong_type:
        decoder(raw(bytes(8) + data[8:], owner=owner), PUBLISHED)
    assert wrong_type.value.context["expected"] == data[:8].hex()
    with pytest.raises(WrongDiscriminator, match="got nothing"):
        decoder(raw(b"", owner=owner), PUBLISHED)
    for size in set(range(8, used)) - {168 if decoder is decode_treasurer_run else used}:  # 168 bytes: another layout
        with pytest.raises(MalformedAccount, match="needs"):
            decoder(raw(data[:size], owner=owner), PUBLISHED)
    assert decoder(raw(data[:used], owner=owner), PUBLISHED) == decoder(raw(data, owner=owner), PUBLISHED)


def test_what_a_truncated_account_lacks() -> None:
    with pytest.raises(MalformedAccount) as caught:
        decode_instance(raw(INSTANCE[:60]))
    assert caught.value.message == (
        f"The coordinator instance {ADDRESS} is damaged: "
        "join_authority at byte 41 needs 32 bytes, but only 19 are left."
    )
    assert caught.value.context == {"address": str(ADDRESS), "field": "join_authority", "offset": 41, "size": 60}


def test_content_that_no_program_writes() -> None:
    bad_bool = AUTHORIZATION[:95] + b"\x02" + AUTHORIZATION[96:]
    with pytest.raises(MalformedAccount, match="active at byte 95 is 2, but must be 0 or 1"):
        decode_authorization(raw(bad_bool, owner=PUBLISHED.authorizer))
    too_many = AUTHORIZATION[:96] + b"\xff\xff\xff\xff" + AUTHORIZATION[100:]
    with pytest.raises(MalformedAccount, match="delegates at byte 100 needs 137438953440 bytes"):
        decode_authorization(raw(too_many, owner=PUBLISHED.authorizer))
    bad_text = INSTANCE[:109] + b"\xff\xff" + INSTANCE[111:]
    with pytest.raises(MalformedAccount, match="run_id at byte 105 is not valid UTF-8"):
        decode_instance(raw(bad_text))


@pytest.mark.parametrize(("decoder", "data", "owner", "used"), BORSH)
def test_random_content_is_read_or_refused_by_name(decoder: Decoder, data: bytes, owner: Pubkey, used: int) -> None:
    @given(st.binary(max_size=300), st.integers(0, used), st.booleans())
    @settings(deadline=None)
    def check(content: bytes, at: int, with_rest: bool) -> None:
        whole = data[:at] + content + (data[at + len(content) :] if with_rest else b"")
        try:
            decoder(raw(whole, owner=owner), PUBLISHED)
        except AccountError:
            return
        assert whole.startswith(data[:8])

    check()


MINT = bytes(Mint(key(1), 1_000_000, 6, True, None))
TOKENS = bytes(SplTokenAccount(key(1), key(2), 258, key(3), TokenAccountState.Initialized, None, 0, None))


def test_mint() -> None:
    assert b"\x01\0\0\0" + bytes(key(1)) + struct.pack("<QBB", 1_000_000, 6, 1) + bytes(36) == MINT
    assert decode_mint(raw(MINT, owner=TOKEN_PROGRAM)) == TokenMint(ADDRESS, 6, 1_000_000, key(1))


def test_token_account() -> None:
    assert decode_token_account(raw(TOKENS, owner=TOKEN_PROGRAM)) == TokenAccount(ADDRESS, key(1), key(2), 258, key(3))


@pytest.mark.parametrize(
    ("decoder", "data", "what", "size"),
    [(decode_mint, MINT, "mint", 82), (decode_token_account, TOKENS, "token account", 165)],
)
def test_invalid_token_accounts(decoder: Callable[[RawAccount], object], data: bytes, what: str, size: int) -> None:
    with pytest.raises(WrongOwner, match=f"The {what} {ADDRESS} is owned by Token-2022") as token_2022:
        decoder(raw(data, owner=TOKEN_2022_PROGRAM))
    assert "mints of the SPL Token program" in token_2022.value.hint
    with pytest.raises(WrongOwner, match="is owned by the system program"):
        decoder(raw(data, owner=SYSTEM_PROGRAM))
    with pytest.raises(WrongSize, match=f"is {size - 1} bytes long; a {what} is {size} bytes"):
        decoder(raw(data[:-1], owner=TOKEN_PROGRAM))
    with pytest.raises(MalformedAccount, match="cannot be read"):
        decoder(raw(bytes(size), owner=TOKEN_PROGRAM))
    with pytest.raises(MalformedAccount, match="cannot be read"):
        decoder(raw(b"\xff" * size, owner=TOKEN_PROGRAM))
