"""Creation and closing of a run's accounts, and the settings of the main authority."""

from __future__ import annotations

import struct

import pytest
from solders.instruction import Instruction
from solders.pubkey import Pubkey
from solders.rent import Rent
from solders.system_program import CreateAccountParams, create_account

from psyche_cli.model import instructions as steps
from psyche_cli.protocol.run_states import RunState

from .chain import (
    ABORT,
    COORDINATOR,
    COORDINATOR_ACCOUNT_RENT,
    COORDINATOR_ACCOUNT_SIZE,
    SYSTEM,
    Chain,
    borsh_string,
    find_pda,
    instance_address,
    instruction,
    meta,
    wallet,
)
from .run import Run
from .traces import client, model_value
from .world import GOOD_CONFIG, GOOD_MODEL, World

INSTANCE_RENT = 2_094_960
MAIN, JOIN = (Pubkey(client(number)) for number in (1, 2))
# init_coordinator with these authorities, run id "test", client version "latest", as the published client encodes it
KNOWN_INIT = bytes.fromhex(
    "14399449e8857a195704de18fc6045e4d08c3a261162795689ba6a0383964109350f8fad3c4ad97266c4d728fb28e09b8972593b4211"
    "81c727d921eb3162bbbfb7d6eca7049114020400000074657374060000006c6174657374"
)


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def account(chain: Chain) -> Pubkey:
    address = wallet("account").pubkey()
    chain.put(address, bytes(COORDINATOR_ACCOUNT_SIZE), COORDINATOR)
    return address


def init(
    chain: Chain, account: Pubkey, run_id: str, *, instance: Pubkey | None = None, version: str = "latest"
) -> Instruction:
    metas = [meta(chain.payer.pubkey(), "sw"), meta(instance or instance_address(run_id), "w"), meta(account, "w")]
    arguments = bytes(MAIN) + bytes(JOIN) + borsh_string(run_id) + borsh_string(version)
    return instruction(COORDINATOR, "init_coordinator", [*metas, meta(SYSTEM)], arguments)


# --- init ------------------------------------------------------------------------------------------------------------


def test_known_init_creates_the_instance(chain: Chain, account: Pubkey) -> None:
    built = init(chain, account, "test")
    assert bytes(built.data) == KNOWN_INIT
    before = chain.lamports(chain.payer.pubkey())
    chain.must(built)
    address, bump = find_pda(COORDINATOR, b"coordinator", b"test")
    assert (str(address), bump) == ("9L4yCH7TsMn9JfoXYEupuQwtcNPTTtHcyNL6uqDfjwGB", 255)
    expected = bytes([156, 9, 153, 16, 175, 24, 31, 252, bump]) + bytes(MAIN) + bytes(JOIN) + bytes(account)
    assert chain.data(address) == (expected + borsh_string("test")).ljust(173, b"\0")
    assert chain.lamports(address) == INSTANCE_RENT
    assert before - chain.lamports(chain.payer.pubkey()) == INSTANCE_RENT + 5000


def test_account_is_created_and_initialized_in_one_transaction(chain: Chain) -> None:
    account, payer = wallet("new account").pubkey(), chain.payer.pubkey()
    new = CreateAccountParams(
        from_pubkey=payer,
        to_pubkey=account,
        lamports=COORDINATOR_ACCOUNT_RENT,
        space=COORDINATOR_ACCOUNT_SIZE,
        owner=COORDINATOR,
    )
    chain.must(create_account(new), init(chain, account, "one"))
    assert len(chain.data(account)) == COORDINATOR_ACCOUNT_SIZE
    assert chain.svm.minimum_balance_for_rent_exemption(COORDINATOR_ACCOUNT_SIZE) == COORDINATOR_ACCOUNT_RENT


@pytest.mark.parametrize("run_id", ["", "é-run", "a" * 32])
def test_run_ids_of_any_length_up_to_32_bytes(chain: Chain, account: Pubkey, run_id: str) -> None:
    chain.must(init(chain, account, run_id))
    assert chain.data(account)[376:408] == run_id.encode().ljust(32, b"\0")


@pytest.mark.parametrize("length", [33, 64, 65, 200])
def test_longer_run_ids_abort(chain: Chain, account: Pubkey, length: int) -> None:
    outcome = chain.send(init(chain, account, "a" * length, instance=wallet("x").pubkey()))
    assert outcome.code == ABORT
    assert outcome.said("Length of the seed is too long for address generation")


@pytest.mark.parametrize("size", [0, 8, COORDINATOR_ACCOUNT_SIZE - 1, COORDINATOR_ACCOUNT_SIZE + 1])
def test_account_of_another_size(chain: Chain, account: Pubkey, size: int) -> None:
    chain.put(account, bytes(size), COORDINATOR)
    assert chain.send(init(chain, account, "test")).code == 6002


def test_account_that_is_in_use(chain: Chain, account: Pubkey) -> None:
    chain.must(init(chain, account, "first"))
    outcome = chain.send(init(chain, account, "second"))
    assert outcome.code == 3000
    assert outcome.said("Error Code: AccountDiscriminatorAlreadySet. Error Number: 3000.")


def test_account_of_another_owner(chain: Chain, account: Pubkey) -> None:
    chain.put(account, bytes(COORDINATOR_ACCOUNT_SIZE), SYSTEM)
    outcome = chain.send(init(chain, account, "test"))
    assert outcome.code == 2004
    assert outcome.said("AnchorError caused by account: coordinator_account. Error Code: ConstraintOwner.")


def test_run_id_that_is_in_use(chain: Chain, account: Pubkey) -> None:
    chain.must(init(chain, account, "test"))
    other = wallet("other").pubkey()
    chain.put(other, bytes(COORDINATOR_ACCOUNT_SIZE), COORDINATOR)
    assert chain.send(init(chain, other, "test")).code == 0


@pytest.mark.parametrize("gift", [1, INSTANCE_RENT - 1, INSTANCE_RENT, INSTANCE_RENT + 5])
def test_lamports_sent_ahead_do_not_block_an_instance(chain: Chain, account: Pubkey, gift: int) -> None:
    address = instance_address("test")
    chain.fund(address, gift)
    before = chain.lamports(chain.payer.pubkey())
    chain.must(init(chain, account, "test"))
    assert chain.lamports(address) == max(gift, INSTANCE_RENT)
    assert before - chain.lamports(chain.payer.pubkey()) == max(0, INSTANCE_RENT - gift) + 5000
    assert len(chain.data(address)) == 173


@pytest.mark.parametrize(("rate", "threshold"), [(3480, 2.0), (6960, 1.0), (5, 64.0)])
def test_rent_is_what_the_cluster_says(chain: Chain, account: Pubkey, rate: int, threshold: float) -> None:
    chain.svm.set_rent(Rent(rate, threshold, 50))
    chain.must(init(chain, account, "test"))
    assert chain.lamports(instance_address("test")) == int((173 + 128) * rate * threshold)


def test_payer_cannot_be_the_new_account(chain: Chain, account: Pubkey) -> None:
    built = init(chain, account, "test")
    metas = list(built.accounts)
    metas[0] = meta(instance_address("test"), "sw")
    chain.fund(instance_address("test"), 10**9)
    outcome = chain.send(type(built)(COORDINATOR, bytes(built.data), metas))
    assert outcome.code == 4101
    assert outcome.said("Error Code: TryingToInitPayerAsProgramAccount. Error Number: 4101.")


def test_payer_without_lamports(chain: Chain, account: Pubkey) -> None:
    poor = wallet("poor").pubkey()
    built = init(chain, account, "test")
    metas = list(built.accounts)
    metas[0] = meta(poor, "sw")
    assert chain.send(type(built)(COORDINATOR, bytes(built.data), metas)).code == 1


def test_client_version_is_cut(chain: Chain, account: Pubkey) -> None:
    chain.must(init(chain, account, "test", version="v" * 97 + "ü"))
    assert chain.data(account)[119050 : 119050 + 102] == b"v" * 96 + bytes(6)


# --- free ------------------------------------------------------------------------------------------------------------


def test_free_returns_all_rent_and_the_run_id() -> None:
    world = World()
    chain = world.chain
    before = chain.lamports(world.spill)
    outcome = chain.must(world.free_coordinator().instruction())
    assert outcome.logs[1] == "Program log: Instruction: FreeCoordinator"
    assert chain.lamports(world.spill) - before == INSTANCE_RENT + COORDINATOR_ACCOUNT_RENT
    assert not chain.exists(world.plain_instance)
    assert not chain.exists(world.plain_account)
    chain.put(world.plain_account, bytes(COORDINATOR_ACCOUNT_SIZE), COORDINATOR)
    chain.must(world.init_coordinator().instruction())


@pytest.mark.parametrize("state", list(RunState))
def test_free_only_while_halted(state: RunState) -> None:
    world = World()
    data = bytearray(world.chain.data(world.plain_account))
    data[408] = state
    world.chain.put(world.plain_account, bytes(data), COORDINATOR)
    outcome = world.chain.send(world.free_coordinator().instruction())
    assert outcome.code == (None if state.is_halted else 6009)


def test_runs_of_the_treasurer_cannot_be_freed_by_their_owner() -> None:
    world = World()
    metas = [meta(world.authority, "s"), meta(world.spill, "w"), meta(world.instance, "w"), meta(world.account, "w")]
    assert world.chain.send(instruction(COORDINATOR, "free_coordinator", metas)).code == 2003


# --- what the main authority sets ------------------------------------------------------------------------------------


@pytest.fixture
def run(chain: Chain) -> Run:
    return Run(chain)


BROKEN_CONFIGS = [
    {"epoch_time": 0},
    {"warmup_time": 100},
    {"max_round_train_time": 0},
    {"max_round_train_time": 100},
    {"round_witness_time": 0},
    {"min_clients": 0},
    {"min_clients": 2},
    {"init_min_clients": 257},
    {"global_batch_size_start": 0},
    {"global_batch_size_start": 257},
    {"global_batch_size_end": 0},
    {"total_steps": 0},
    {"witness_nodes": 2},
    {"init_min_clients": 40, "min_clients": 40, "witness_nodes": 33},
    {"cooldown_time": 0},
    {"waiting_for_members_extra_time": 0},
]
BOUNDARY_CONFIGS = [
    {"warmup_time": 99},
    {"max_round_train_time": 99},
    {"init_min_clients": 256},
    {"init_min_clients": 256, "min_clients": 256, "witness_nodes": 32},
    {"global_batch_size_start": 1, "global_batch_size_end": 65535},
    {"verification_percent": 255},
    {"global_batch_size_warmup_tokens": 2**64 - 1, "cooldown_time": 2**64 - 1},
    {"warmup_time": 0, "total_steps": 1},
]


@pytest.mark.parametrize("change", BROKEN_CONFIGS, ids=str)
def test_broken_config(run: Run, change: dict[str, int]) -> None:
    outcome = run.send(steps.Update(config={**GOOD_CONFIG, **change}))
    assert outcome.code == 6004
    assert outcome.said("Error Code: ConfigSanityCheckFailed. Error Number: 6004. Error Message: Config sanity check")
    assert run.state.nonce == 0


@pytest.mark.parametrize("change", BOUNDARY_CONFIGS, ids=str)
def test_config_at_the_boundary(run: Run, change: dict[str, int]) -> None:
    run.must(steps.Update(config={**GOOD_CONFIG, **change}))
    assert run.state.config == {**GOOD_CONFIG, **change}


def test_cold_start_reason_is_logged(run: Run) -> None:
    run.must(steps.Update(config=GOOD_CONFIG))
    run.must(steps.Update(model=model_value("hub:a/b", 1, 4, GOOD_MODEL["LLM"]["optimizer"])))
    outcome = run.send(steps.Update(model=model_value("hub:a/b", 1, 5, GOOD_MODEL["LLM"]["optimizer"])))
    assert outcome.code == 6004
    assert outcome.said(
        "cold_start_warmup_steps (5) exceeds estimated training rounds per epoch "
        "((epoch_time=100 - warmup_time=10) / max_round_train_time=20 = 4)"
    )


@pytest.mark.parametrize("state", list(RunState))
def test_what_may_be_updated_in_which_state(run: Run, state: RunState) -> None:
    data = bytearray(run.raw)
    data[408] = state
    run.chain.put(run.accounts.account, bytes(data), COORDINATOR)
    texts = {"name": "n", "description": "", "num_parameters": 0, "vocab_size": 0}
    finished = state == RunState.FINISHED
    assert run.send(steps.Update(metadata=texts)).code == (6000 if finished else None)
    refusal = 6000 if finished else None if state.is_halted else 6001
    assert run.send(steps.Update(config=GOOD_CONFIG)).code == refusal
    assert run.send(steps.Update(progress={"epoch": 0, "step": 1, "epoch_start_data_index": 0})).code == refusal
    assert run.send(steps.UpdateClientVersion("v")).code == (None if state.is_halted else 6001)
    assert run.send(steps.SetFutureEpochRates(1, None)).code is None


def test_nonce_counts_all_but_the_client_version(run: Run) -> None:
    run.must(steps.Update())
    run.must(steps.SetFutureEpochRates(1_000_000, None))
    run.must(steps.UpdateClientVersion("v2"))
    assert run.state.nonce == 2
    assert run.send(steps.Tick(), client(0)).code == 6015
    assert run.state.nonce == 2
    assert run.state.future_epoch_rates.earning_rate_total_shared == 1_000_000


def test_client_version_of_96_bytes_at_most(run: Run) -> None:
    outcome = run.must(steps.UpdateClientVersion("x" * 96))
    assert outcome.said("Program log: new version: " + "x" * 96)
    assert run.send(steps.UpdateClientVersion("x" * 97)).code == ABORT
    run.must(steps.UpdateClientVersion("y"))
    assert run.raw[119050:119146] == b"y".ljust(96, b"\0")


def test_resume_of_a_fresh_run_names_what_is_missing(run: Run) -> None:
    assert run.send(steps.SetPaused(True)).code == 6015
    assert run.send(steps.SetPaused(False)).code == 6004
    run.must(steps.Update(config=GOOD_CONFIG))
    assert run.send(steps.SetPaused(False)).code == 6005
    run.must(steps.Update(model=GOOD_MODEL))
    outcome = run.must(steps.SetPaused(False))
    assert [line.removeprefix("Program log: ") for line in outcome.logs[1:-2]] == [
        "Instruction: SetPaused",
        "Nonce: 3",
        "set_paused called: paused=false, state=Uninitialized",
        "Pending active clients ids: 0",
        "Pre-tick run state: Waiting for members",
        "Post-tick run state: Waiting for members",
    ]
    assert (run.state.run_state, run.state.step) == (RunState.WAITING_FOR_MEMBERS, 1)
    assert run.send(steps.SetPaused(False)).code == 6018


def test_resume_checks_the_cold_start_once_more(run: Run) -> None:
    """Updates reject such a pair, but an earlier build of the program might have accepted it."""
    run.must(steps.Update(config=GOOD_CONFIG, model=GOOD_MODEL))
    data = bytearray(run.raw)
    struct.pack_into("<I", data, 428, 5)  # cold_start_warmup_steps
    run.chain.put(run.accounts.account, bytes(data), COORDINATOR)
    outcome = run.send(steps.SetPaused(False))
    assert outcome.code == 6004
    assert outcome.said("cold_start_warmup_steps (5) exceeds estimated training rounds per epoch ")


def test_another_slashing_rate_leaves_the_earning_rate(run: Run) -> None:
    run.must(steps.SetFutureEpochRates(5, 6))
    run.must(steps.SetFutureEpochRates(None, 7))
    rates = struct.unpack_from("<QQ", run.raw, 119032)
    assert rates == (5, 7)
