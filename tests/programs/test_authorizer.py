"""Authorizations: granting, delegation, rent, and revocation."""

from __future__ import annotations

import struct

import pytest
from solders.pubkey import Pubkey

from psyche_cli.model import instructions as steps
from psyche_cli.protocol.accounts.coordinator_parts import Identity

from .chain import (
    ABORT,
    AUTHORIZER,
    SOL,
    SYSTEM,
    Chain,
    account_discriminator,
    authorization_address,
    find_pda,
    instruction,
    meta,
    wallet,
)
from .run import Run
from .world import GOOD_CONFIG, SCOPE, World

THIRTY_DAYS = 30 * 24 * 60 * 60
NEW_KEYS = [wallet(f"delegate {number}").pubkey() for number in range(400)]


def rent(size: int) -> int:
    return (size + 128) * 6960


@pytest.fixture
def world() -> World:
    return World()


def delegates(world: World) -> list[Pubkey]:
    data = world.chain.data(world.authorization)
    (count,) = struct.unpack_from("<I", data, 96)
    assert len(data) == 108 + 32 * count
    assert world.chain.lamports(world.authorization) >= rent(len(data))
    return [Pubkey(data[100 + 32 * index : 132 + 32 * index]) for index in range(count)]


def timestamp(world: World) -> int:
    value: int = struct.unpack("<q", world.chain.data(world.authorization)[-8:])[0]
    return value


# --- create and switch -----------------------------------------------------------------------------------------------


def test_created_inactive_with_exact_bytes_and_rent() -> None:
    chain = Chain()
    payer = chain.payer.pubkey()
    grantee = wallet("grantee").pubkey()
    address, bump = find_pda(AUTHORIZER, b"Authorization", bytes(payer), bytes(grantee), SCOPE)
    metas = [meta(payer, "sw"), meta(payer, "s"), meta(address, "w"), meta(SYSTEM)]
    arguments = bytes(grantee) + struct.pack("<I", len(SCOPE)) + SCOPE
    chain.must(instruction(AUTHORIZER, "authorization_create", metas, arguments))
    expected = account_discriminator("Authorization") + bytes([bump]) + bytes(payer) + bytes(grantee)
    assert chain.data(address) == expected + struct.pack("<I", 18) + SCOPE + bytes(13)
    assert chain.lamports(address) == rent(108)


@pytest.mark.parametrize("length", [0, 1, 31, 32])
def test_scopes_of_any_length_up_to_32_bytes(world: World, length: int) -> None:
    scope = b"s" * length
    address = authorization_address(world.authority, world.user, scope)
    metas = [meta(world.payer, "sw"), meta(world.authority, "s"), meta(address, "w"), meta(SYSTEM)]
    arguments = bytes(world.user) + struct.pack("<I", length) + scope
    world.chain.must(instruction(AUTHORIZER, "authorization_create", metas, arguments))
    world.chain.must(
        instruction(AUTHORIZER, "authorization_grantor_update", [meta(world.authority, "s"), meta(address, "w")], b"\1")
    )
    data = world.chain.data(address)
    assert len(data) == 90 + length
    assert data[73:] == struct.pack("<I", length) + scope + b"\1" + bytes(4) + struct.pack("<q", 1000)


def test_longer_scopes_abort(world: World) -> None:
    metas = [meta(world.payer, "sw"), meta(world.authority, "s"), meta(world.spill, "w"), meta(SYSTEM)]
    arguments = bytes(world.user) + struct.pack("<I", 33) + b"s" * 33
    assert world.chain.send(instruction(AUTHORIZER, "authorization_create", metas, arguments)).code == ABORT


def test_created_once(world: World) -> None:
    outcome = world.chain.send(world.authorization_create().instruction())
    assert outcome.code == 0
    assert outcome.said("already in use")


def test_every_switch_sets_the_time(world: World) -> None:
    for now, active in ((2000, True), (3000, True), (4000, False), (5000, False), (-7, True)):
        world.chain.set_clock(now, 1)
        world.chain.must(world.authorization_grantor_update(active=active).instruction())
        assert world.chain.data(world.authorization)[95] == active
        assert timestamp(world) == now


# --- delegates -------------------------------------------------------------------------------------------------------


def test_delegates_are_added_kept_and_cleared(world: World) -> None:
    update = world.authorization_grantee_update
    world.chain.must(update(*NEW_KEYS[:2]).instruction())
    assert delegates(world) == NEW_KEYS[:2]
    world.chain.must(update(NEW_KEYS[1], NEW_KEYS[2]).instruction())
    assert delegates(world) == [*NEW_KEYS[:2], NEW_KEYS[1], NEW_KEYS[2]]
    world.chain.must(update().instruction())
    assert len(delegates(world)) == 4
    world.chain.must(update(NEW_KEYS[5], clear=True).instruction())
    assert delegates(world) == [NEW_KEYS[5]]
    world.chain.must(update(clear=True).instruction())
    assert delegates(world) == []
    assert timestamp(world) == 1000  # the grantee does not touch the grantor's time
    assert world.chain.data(world.authorization)[95] == 1


def test_payer_pays_for_growth_and_gets_everything_back(world: World) -> None:
    chain = world.chain
    before = chain.lamports(world.payer)
    chain.must(world.authorization_grantee_update(*NEW_KEYS[:10]).instruction())
    assert before - chain.lamports(world.payer) == 10 * 32 * 6960
    assert chain.lamports(world.authorization) == rent(108 + 320)
    chain.fund(world.authorization, rent(108 + 320) + 12345)
    chain.must(world.authorization_grantee_update(*NEW_KEYS[:3], clear=True).instruction())
    assert chain.lamports(world.payer) == before - 3 * 32 * 6960 + 12345
    assert chain.lamports(world.authorization) == rent(108 + 96)


def test_growth_uses_what_is_there_already(world: World) -> None:
    chain = world.chain
    chain.fund(world.authorization, rent(10_000))
    before = chain.lamports(world.payer)
    chain.must(world.authorization_grantee_update(*NEW_KEYS[:4]).instruction())
    assert chain.lamports(world.payer) == before
    assert chain.lamports(world.authorization) == rent(10_000)


def test_replacement_of_equal_length_moves_no_lamports(world: World) -> None:
    chain = world.chain
    chain.must(world.authorization_grantee_update(*NEW_KEYS[:2]).instruction())
    chain.fund(world.authorization, 10 * SOL)
    before = chain.lamports(world.payer)
    chain.must(world.authorization_grantee_update(*NEW_KEYS[2:4], clear=True).instruction())
    assert (chain.lamports(world.payer), chain.lamports(world.authorization)) == (before, 10 * SOL)
    assert delegates(world) == NEW_KEYS[2:4]


def test_320_delegates_at_once_and_not_one_more(world: World) -> None:
    chain = world.chain
    outcome = chain.send(world.authorization_grantee_update(*NEW_KEYS[:321]).instruction())
    assert outcome.code == 3016
    assert outcome.said("caused by account: authorization. Error Code: AccountReallocExceedsLimit. Error Number: 3016.")
    chain.must(world.authorization_grantee_update(*NEW_KEYS[:320]).instruction())
    chain.must(world.authorization_grantee_update(*NEW_KEYS[320:400]).instruction())
    assert delegates(world) == NEW_KEYS
    chain.must(world.authorization_grantee_update(clear=True).instruction())
    assert delegates(world) == []


def test_the_513th_delegate_does_not_fit_in_memory(world: World) -> None:
    """Nor in the published program's, which would then allocate a capacity of 1,024."""
    chain, update = world.chain, world.authorization_grantee_update
    keys = [wallet(f"one of many {number}").pubkey() for number in range(36)]  # as many as a transaction holds
    for _ in range(14):
        chain.must(update(*keys).instruction())
    chain.must(update(*keys[:8]).instruction())
    assert len(delegates(world)) == 512
    outcome = chain.send(update(keys[0]).instruction())
    assert outcome.code == ABORT
    assert outcome.said("Program log: Error: memory allocation failed, out of memory")
    assert chain.send(update(*keys).instruction()).code == ABORT
    chain.must(world.authorization_grantor_update(active=False).instruction())
    chain.must(update().instruction())
    chain.must(update(*keys, clear=True).instruction())
    assert delegates(world) == keys


def test_account_that_pays_for_itself_loses_its_balance(world: World) -> None:
    """The freed rent is first added to the payer, then the account's balance is set."""
    world.chain.must(world.authorization_grantee_update(*NEW_KEYS[:2]).instruction())
    call = world.authorization_grantee_update(clear=True)
    metas = [meta(world.authorization, "sw"), *call.metas[1:]]
    assert world.chain.send(call.instruction(metas)).code == "UnbalancedInstruction"


def test_account_below_its_rent_cannot_shrink(world: World) -> None:
    world.chain.must(world.authorization_grantee_update(*NEW_KEYS[:2]).instruction())
    data = struct.pack("<I", 2) + b"".join(map(bytes, NEW_KEYS[:2]))
    world.chain.put(
        world.authorization,
        _authorization_bytes(world)[:96] + data + struct.pack("<q", 1),
        AUTHORIZER,
        lamports=rent(108) - 1,
    )
    assert world.chain.send(world.authorization_grantee_update(clear=True).instruction()).code == ABORT


def _authorization_bytes(world: World) -> bytes:
    header = account_discriminator("Authorization") + b"\xff" + bytes(world.authority) + bytes(world.grantee)
    return header + struct.pack("<I", len(SCOPE)) + SCOPE + b"\1"


def test_an_authorization_for_all_wallets_has_no_grantee_that_can_sign(world: World) -> None:
    """An authorization for all wallets has no grantee that could delegate."""
    call = world.authorization_grantee_update(NEW_KEYS[0])
    metas = call.metas
    metas[1] = meta(world.user, "s")
    assert world.chain.send(call.instruction(metas)).code == 2003


# --- close -----------------------------------------------------------------------------------------------------------


def test_close_returns_the_rent(world: World) -> None:
    chain = world.chain
    close = world.authorization_close().instruction()
    assert chain.send(close).code == 6000
    chain.must(world.authorization_grantor_update(active=False).instruction())
    before = chain.lamports(world.spill)
    chain.must(close)
    assert chain.lamports(world.spill) - before == rent(108)
    assert not chain.exists(world.authorization)
    assert chain.send(close).code == 3012
    chain.must(world.authorization_create().instruction())


def test_delegates_keep_it_open_for_thirty_days(world: World) -> None:
    chain = world.chain
    chain.must(world.authorization_grantee_update(NEW_KEYS[0]).instruction())
    chain.set_clock(5000, 1)
    chain.must(world.authorization_grantor_update(active=False).instruction())
    close = world.authorization_close().instruction()
    for now, code in ((5000, 6001), (5000 + THIRTY_DAYS - 1, 6001), (5000 + THIRTY_DAYS, None)):
        chain.set_clock(now, 1)
        assert chain.send(close).code == code


# --- joining ---------------------------------------------------------------------------------------------------------


def join(run: Run, user: Pubkey, authorization: Pubkey) -> object:
    accounts = run.accounts
    metas = [meta(user, "s"), meta(authorization), meta(accounts.instance), meta(accounts.account, "w")]
    step = steps.JoinRun(Identity(bytes(user)))
    built = accounts.encode(step, user)
    return run.chain.send(type(built)(built.program_id, bytes(built.data), metas)).code


def authorize(run: Run, grantee: Pubkey, scope: bytes = SCOPE, *, active: bool = True) -> Pubkey:
    chain = run.chain
    grantor = chain.payer.pubkey()
    address = authorization_address(grantor, grantee, scope)
    metas = [meta(grantor, "sw"), meta(grantor, "s"), meta(address, "w"), meta(SYSTEM)]
    arguments = bytes(grantee) + struct.pack("<I", len(scope)) + scope
    chain.must(instruction(AUTHORIZER, "authorization_create", metas, arguments))
    switch = [meta(grantor, "s"), meta(address, "w")]
    chain.must(instruction(AUTHORIZER, "authorization_grantor_update", switch, bytes([active])))
    return address


def test_who_may_join() -> None:
    run = Run(Chain())
    run.must(steps.Update(config=GOOD_CONFIG))
    grantee, delegate, stranger = (wallet(name).pubkey() for name in ("grantee", "delegate", "stranger"))
    address = authorize(run, grantee)
    metas = [meta(run.chain.payer.pubkey(), "sw"), meta(grantee, "s"), meta(address, "w"), meta(SYSTEM)]
    arguments = b"\0" + struct.pack("<I", 1) + bytes(delegate)
    run.chain.must(instruction(AUTHORIZER, "authorization_grantee_update", metas, arguments))
    assert [join(run, user, address) for user in (grantee, delegate, stranger)] == [None, None, 2003]
    assert join(run, stranger, run.accounts.authorization) is None  # the one for anybody
    assert join(run, grantee, authorize(run, grantee, b"CoordinatorJoinRum")) == 2003
    assert join(run, grantee, authorize(run, grantee, b"CoordinatorJoinRun2")) == 2003
    assert join(run, stranger, authorize(run, stranger, active=False)) == 2003
    grantor_update = [meta(run.chain.payer.pubkey(), "s"), meta(address, "w")]
    run.chain.must(instruction(AUTHORIZER, "authorization_grantor_update", grantor_update, b"\0"))
    assert [join(run, user, address) for user in (grantee, delegate)] == [2003, 2003]


def test_authorizations_of_other_grantors_do_not_count() -> None:
    world = World()
    run = Run(world.chain)
    assert join(run, world.grantee, world.authorization) == 2003
