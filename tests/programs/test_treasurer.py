"""The treasurer: a Run with its vault, a coordinator with the Run as authority, and claims."""

from __future__ import annotations

import struct

import pytest

from psyche_cli.model import instructions as steps
from psyche_cli.protocol.run_states import RunState

from .chain import (
    ABORT,
    COORDINATOR,
    COORDINATOR_ACCOUNT_SIZE,
    TOKEN,
    TREASURER,
    account_discriminator,
    borsh_string,
    find_pda,
    instance_address,
    option,
    token_address,
    treasurer_run_address,
    wallet,
)
from .coordinator_bytes import decode, u64, update_arguments
from .test_account_checks import assert_blamed, replaced
from .world import GOOD_CONFIG, GOOD_MODEL, Call, World, mint_data, token_account_data, token_amount


@pytest.fixture
def world() -> World:
    return World()


def run_update(
    world: World,
    update: steps.Update | None = None,
    *,
    earning: int | None = None,
    slashing: int | None = None,
    paused: bool | None = None,
    version: str | None = None,
) -> Call:
    rates = b"".join(option(None if rate is None else struct.pack("<Q", rate)) for rate in (earning, slashing))
    switch = option(None if paused is None else bytes([paused]))
    text = option(None if version is None else borsh_string(version))
    return world.run_update(update_arguments(update or steps.Update()) + rates + switch + text)


# --- run_create ------------------------------------------------------------------------------------------------------


def test_run_create_makes_run_vault_and_coordinator(world: World) -> None:
    address, bump = find_pda(TREASURER, b"Run", struct.pack("<Q", 7))
    keys = (world.authority, world.authority, world.account, world.instance, world.mint)
    expected = account_discriminator("Run") + bytes([bump]) + struct.pack("<Q", 7) + b"".join(map(bytes, keys))
    assert world.chain.data(address) == expected.ljust(200, b"\0")
    assert world.chain.lamports(address) == (200 + 128) * 6960
    vault = world.chain.data(world.vault)
    assert (vault[:32], vault[32:64], len(vault)) == (bytes(world.mint), bytes(world.run), 165)
    instance = world.chain.data(world.instance)
    assert (instance[9:41], instance[41:73]) == (bytes(world.run), bytes(world.authority))
    state = decode(world.chain.data(world.account))
    assert (state.run_id, state.client_version, state.nonce) == ("paid", "latest", 0)


def test_known_run_addresses() -> None:
    index = 7313085519096743583  # of run id "test" by the clients' convention
    assert str(treasurer_run_address(index)) == "tG3nRngwkJC3JAL9Aq9AMhFtTzr56hr9ZmaSRpD8dT8"


def another_run(world: World, run_id: str = "second", index: int = 8) -> Call:
    account = wallet("another account").pubkey()
    world.chain.put(account, bytes(COORDINATOR_ACCOUNT_SIZE), COORDINATOR)
    run = treasurer_run_address(index)
    instance = instance_address(run_id[:32])
    addresses = {
        "run": run,
        "run_collateral": token_address(run, world.mint),
        "coordinator_instance": instance,
        "coordinator_account": account,
    }
    call = world.run_create()
    for at, slot in enumerate(call.slots):
        call = replaced(call, at, addresses.get(slot.name, slot.address))
    strings = borsh_string(run_id) + borsh_string("latest")
    arguments = struct.pack("<Q", index) + strings + bytes(world.authority) * 2
    return Call(call.program, call.name, call.slots, arguments)


def test_second_run_with_the_same_mint(world: World) -> None:
    world.chain.must(another_run(world).instruction())


@pytest.mark.parametrize(("run_id", "index", "code"), [("second", 7, 0), ("paid", 8, 0), ("x" * 33, 8, 6001)])
def test_run_create_refused(world: World, run_id: str, index: int, code: int) -> None:
    assert world.chain.send(another_run(world, run_id, index).instruction()).code == code


def test_vault_that_exists_already_blocks(world: World) -> None:
    call = another_run(world)
    vault = call.slots[2].address
    world.chain.put(vault, token_account_data(world.mint, call.slots[1].address), TOKEN)
    assert world.chain.send(call.instruction()).code == "IllegalOwner"


def test_mints_of_the_wrong_form(world: World) -> None:
    call = another_run(world)
    mint = wallet("odd mint").pubkey()
    good = mint_data()
    cases = {"UninitializedAccount": good[:45] + b"\0" + good[46:], "InvalidAccountData": good + b"\0"}
    for code, data in cases.items():
        world.chain.put(mint, data, TOKEN)
        outcome = world.chain.send(replaced(call, 3, mint).instruction())
        assert outcome.code == code
        assert outcome.said(f"ProgramError caused by account: collateral_mint. Error Code: {code}.")
    world.chain.put(mint, b"\2" + good[1:], TOKEN)
    assert world.chain.send(replaced(call, 3, mint).instruction()).code == "InvalidAccountData"


# --- run_update ------------------------------------------------------------------------------------------------------


def test_everything_in_one_call_and_in_order(world: World) -> None:
    texts = {"name": "n", "description": "d", "num_parameters": 1, "vocab_size": 2}
    progress = {"epoch": 0, "step": 9, "epoch_start_data_index": 5}
    update = steps.Update(texts, GOOD_CONFIG, GOOD_MODEL, progress)
    outcome = world.chain.must(run_update(world, update, earning=66, slashing=3, paused=False).instruction())
    inner = [line.removeprefix("Program log: Instruction: ") for line in outcome.logs if "Instruction: " in line]
    assert inner == ["RunUpdate", "Update", "SetFutureEpochRates", "SetPaused"]
    state = decode(world.chain.data(world.account))
    assert (state.run_state, state.nonce, state.step) == (RunState.WAITING_FOR_MEMBERS, 3, 1)
    assert (state.metadata, state.config, state.model) == (texts, GOOD_CONFIG, GOOD_MODEL)
    assert (state.future_epoch_rates.earning_rate_total_shared, state.future_epoch_rates.slashing_rate_per_client) == (
        66,
        3,
    )


def test_nothing_given_does_nothing(world: World) -> None:
    before = world.chain.data(world.account)
    outcome = world.chain.must(run_update(world).instruction())
    assert world.chain.data(world.account) == before
    assert not outcome.said("invoke [2]")


@pytest.mark.parametrize(
    ("arguments", "nonce"),
    [
        ({"earning": 1}, 1),
        ({"slashing": 1}, 1),
        ({"version": "v9"}, 0),
        ({"update": steps.Update(config=GOOD_CONFIG)}, 1),
    ],
)
def test_only_what_is_given_is_called(world: World, arguments: dict[str, object], nonce: int) -> None:
    outcome = world.chain.must(run_update(world, **arguments).instruction())  # type: ignore[arg-type]  # test table
    assert sum("invoke [2]" in line for line in outcome.logs) == 1
    assert decode(world.chain.data(world.account)).nonce == nonce


def test_pause_and_version_in_one_call_depend_on_the_state(world: World) -> None:
    world.chain.must(run_update(world, steps.Update(config=GOOD_CONFIG, model=GOOD_MODEL)).instruction())
    resume = run_update(world, paused=False, version="v2")
    assert world.chain.send(resume.instruction()).code == 6001
    world.chain.must(run_update(world, paused=False).instruction())
    world.chain.must(run_update(world, paused=True, version="v2").instruction())
    state = decode(world.chain.data(world.account))
    assert (state.run_state, state.client_version) == (RunState.PAUSED, "v2")


def test_failures_inside_come_out_with_the_inner_code(world: World) -> None:
    outcome = world.chain.send(run_update(world, paused=False).instruction())
    assert outcome.code == 6004
    assert outcome.said(f"Program {COORDINATOR} failed: custom program error: 0x1774")


# --- claims ----------------------------------------------------------------------------------------------------------


def earn(world: World, points: int) -> None:
    """Set the user's earned ``points`` in the coordinator account."""
    data = bytearray(world.chain.data(world.account))
    data[94424:94456] = bytes(world.grantee)
    data[94424 + 96 : 94424 + 128] = bytes(world.user)
    struct.pack_into("<Q", data, 94424 + 96 + 72, points)
    struct.pack_into("<Q", data, 119000, 2)
    world.chain.put(world.account, bytes(data), COORDINATOR)


def fill_vault(world: World, amount: int) -> None:
    data = bytearray(world.chain.data(world.vault))
    struct.pack_into("<Q", data, 64, amount)
    world.chain.put(world.vault, bytes(data), TOKEN)


def totals(world: World) -> tuple[int, int, int, int]:
    """The claimed amount and points of the participant, then of the Run."""
    participant, run = world.chain.data(world.participant), world.chain.data(world.run)
    return u64(participant, 9), u64(participant, 17), u64(run, 177), u64(run, 185)


def test_participant_create(world: World) -> None:
    _, bump = find_pda(TREASURER, b"Participant", bytes(world.run), bytes(world.user))
    assert world.chain.data(world.participant) == account_discriminator("Participant") + bytes([bump]) + bytes(23)
    assert world.chain.send(world.participant_create().instruction()).code == 0


def test_claims_add_up_to_what_was_earned(world: World) -> None:
    chain = world.chain
    earn(world, 1000)
    fill_vault(world, 1500)
    for points in (0, 1, 998):
        chain.must(world.participant_claim(points).instruction())
    assert chain.send(world.participant_claim(2).instruction()).code == 6000
    chain.must(world.participant_claim(1).instruction())
    assert chain.send(world.participant_claim(1).instruction()).code == 6000
    assert totals(world) == (1000, 1000, 1000, 1000)
    assert (token_amount(chain, world.vault), token_amount(chain, world.user_tokens)) == (500, 1000)
    earn(world, 1007)
    chain.must(world.participant_claim(7).instruction())
    assert totals(world) == (1007, 1007, 1007, 1007)


def test_empty_vault_fails_in_the_token_program_and_changes_nothing(world: World) -> None:
    earn(world, 10)
    fill_vault(world, 9)
    outcome = world.chain.send(world.participant_claim(10).instruction())
    assert outcome.code == 1
    assert outcome.said(f"Program {TOKEN} failed: custom program error: 0x1")
    assert totals(world) == (0, 0, 0, 0)
    world.chain.must(world.participant_claim(9).instruction())


def test_wallets_that_never_joined_have_earned_nothing(world: World) -> None:
    world.chain.must(world.participant_claim(0).instruction())
    assert world.chain.send(world.participant_claim(1).instruction()).code == 6000


def test_less_earned_than_claimed_aborts(world: World) -> None:
    earn(world, 5)
    fill_vault(world, 5)
    world.chain.must(world.participant_claim(5).instruction())
    earn(world, 4)
    assert world.chain.send(world.participant_claim(0).instruction()).code == ABORT


def test_totals_that_overflow_abort(world: World) -> None:
    earn(world, 5)
    fill_vault(world, 5)
    data = bytearray(world.chain.data(world.run))
    struct.pack_into("<Q", data, 177, 2**64 - 2)
    world.chain.put(world.run, bytes(data), TREASURER)
    assert world.chain.send(world.participant_claim(2).instruction()).code == ABORT
    world.chain.must(world.participant_claim(1).instruction())


def test_any_token_account_of_the_user_will_do(world: World) -> None:
    other = wallet("other token account").pubkey()
    world.chain.put(other, token_account_data(world.mint, world.user), TOKEN)
    earn(world, 5)
    fill_vault(world, 5)
    world.chain.must(replaced(world.participant_claim(5), 1, other).instruction())
    assert token_amount(world.chain, other) == 5


def test_token_accounts_that_will_not_do(world: World) -> None:
    other, mint = wallet("other token account").pubkey(), wallet("other mint").pubkey()
    cases = [
        token_account_data(mint, world.user),
        token_account_data(world.mint, world.authority),
        token_account_data(world.mint, world.user, delegate=world.authority),
    ]
    for data in cases:
        world.chain.put(other, data, TOKEN)
        outcome = world.chain.send(replaced(world.participant_claim(), 1, other).instruction())
        assert_blamed(outcome, 2003, "user_collateral")


def test_vault_must_be_the_runs_associated_account(world: World) -> None:
    other = wallet("other vault").pubkey()
    for owner, code in ((world.user, 2015), (world.run, 2009)):
        world.chain.put(other, token_account_data(world.mint, owner, 100), TOKEN)
        outcome = world.chain.send(replaced(world.participant_claim(), 3, other).instruction())
        assert_blamed(outcome, code, "run_collateral")


@pytest.mark.parametrize(
    ("offset", "value", "code"),
    [(108, 0, "UninitializedAccount"), (108, 3, "InvalidAccountData"), (72, 2, "InvalidAccountData")],
)
def test_token_accounts_of_the_wrong_form(world: World, offset: int, value: int, code: str) -> None:
    data = bytearray(token_account_data(world.mint, world.user))
    data[offset] = value
    world.chain.put(world.user_tokens, bytes(data), TOKEN)
    outcome = world.chain.send(world.participant_claim().instruction())
    assert outcome.code == code
    assert outcome.said("ProgramError caused by account: user_collateral.")
