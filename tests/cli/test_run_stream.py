"""The stream of a run's observations, on the real local validator."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from itertools import islice

import pytest
from solders.signature import Signature

from psyche_cli.model.from_account import state_from_account
from psyche_cli.operations.sessions import reading_session
from psyche_cli.operations.status import history
from psyche_cli.operations.status.observation import Observation
from psyche_cli.operations.status.replayed_account import ReplayedAccount
from psyche_cli.operations.status.stream import RunStream, StreamNotice
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
from psyche_cli.protocol.run_states import RunState
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.whole_transactions import LedgerTransaction, ledger_transactions
from tests.cli.conftest import House
from tests.cli.harness import environment_of
from tests.cli.test_claims import UNIT, rewarded
from tests.faults.clock import ScheduleClock
from tests.support.clocks import FastClock
from tests.support.run_history import RunHistory

URL = "http://127.0.0.1:1"
LONG = 600.0


@contextmanager
def streaming(house: House, run_id: str = "test") -> Iterator[RunStream]:
    """A stream whose pauses take no time."""
    cli = replace(house.cli, clock=ScheduleClock())
    with reading_session(environment_of(cli), rpc=URL) as session, RunStream(session, run_id) as stream:
        yield stream


def rest(stream: RunStream) -> tuple[list[Observation], list[StreamNotice]]:
    """All that has happened up to now."""
    items = list(iter(lambda: stream.next(LONG), None))
    observations = [item for item in items if isinstance(item, Observation)]
    return observations, [item for item in items if isinstance(item, StreamNotice)]


def test_changes_are_observed_once(house: House) -> None:
    house.run()
    with streaming(house) as stream:
        assert stream.next(0.0) is stream.latest
        assert stream.next(LONG) is None
        house.cli.json("set-paused", "--run-id", "test", "--resume")
        assert stream.next(LONG) is stream.latest
        assert stream.latest.state.run_state == RunState.WAITING_FOR_MEMBERS
        assert stream.next(LONG) is None


def test_the_end_of_a_run_ends_the_stream(house: House) -> None:
    house.run()
    with streaming(house) as stream:
        stream.next(0.0)
        house.driver().close()
        assert stream.next(LONG) == StreamNotice("closed", "Run 'test' was closed.")
        assert stream.ended
        assert stream.next(LONG) is None


def test_states_that_no_read_has_seen_come_from_the_ledger(still_house: House) -> None:
    run = still_house.driver().create()
    history = RunHistory(still_house.chain.dispatcher.context.bank, run.instance.coordinator_account)
    with streaming(still_house) as stream:
        stream.next(0.0)
        run.resume()
        run.start_training(0, 1, 2)
        run.play_round()
        run.play_to_cooldown()
        run.end_cooldown()
        run.start_training(2, 3, 0)
        run.pause()
        run.play_round(3)
        run.end_cooldown()
        observations, notices = rest(stream)
        assert [one.state for one in observations] == history.states
        assert notices == []
        run.close()
        assert rest(stream)[1] == [StreamNotice("closed", "Run 'test' was closed.")]


def money(observations: list[Observation]) -> list[tuple[int, int, int]]:
    """Vault, claimed points, and nonce of each observation."""
    found = []
    for one in observations:
        assert one.run.treasury is not None
        treasury = one.run.treasury
        found.append((treasury.vault_amount, treasury.run.total_claimed_earned_points, one.state.nonce))
    return found


def test_deposits_and_claims_that_no_read_has_seen(house: House) -> None:
    [member] = rewarded(house, 12 * UNIT, vault="1")
    top_up = ("treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount")
    with streaming(house) as stream:
        first = stream.next(0.0)
        assert isinstance(first, Observation)
        nonce = first.state.nonce
        house.cli.json(*top_up, "20")
        house.cli.json("set-future-epoch-rates", "--run-id", "test", "--earning-rate", "5")  # through the treasurer
        house.cli.json("treasurer-claim-rewards", "--run-id", "test", "-w", member)
        house.cli.json(*top_up, "3")
        observations, notices = rest(stream)
        assert money(observations) == [
            (21 * UNIT, 0, nonce),
            (21 * UNIT, 0, nonce + 1),
            (9 * UNIT, 12 * UNIT, nonce + 1),
            (12 * UNIT, 12 * UNIT, nonce + 1),
        ]
        assert observations[1].run.account.future_epoch_rates.earning_rate_total_shared == 5 * UNIT
        assert notices == []


def test_a_gap_that_the_ledger_does_not_explain(house: House) -> None:
    """Accounts that were overwritten without a transaction, as by a program that the model does not know."""
    house.run()
    with streaming(house) as stream:
        stream.next(0.0)
        house.edit(lambda image: setattr(image, "nonce", 99))
        observations, [notice] = rest(stream)
        assert [one.state.nonce for one in observations] == [99]
        assert notice.kind == "gap"
        assert notice.nonces is not None
        assert notice.nonces[1] == 99


def test_a_run_that_is_always_ahead_of_its_ledger(still_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It changes twice between two reads, and its transactions are only found after 3 seconds."""
    run = still_house.driver().create()
    names = [str(number) for number in range(60)]
    left = iter(names)

    def change(_: float) -> None:
        for name in islice(left, 2):
            run.update(metadata={"name": name, "description": "", "num_parameters": 1, "vocab_size": 1})

    clock = FastClock(change)
    listed: dict[Signature, float] = {}

    def found(rpc: RpcClient, signatures: Sequence[Signature]) -> list[LedgerTransaction | None]:
        times = [listed.setdefault(signature, clock.now) for signature in signatures]
        known = ledger_transactions(rpc, signatures)
        return [one if time + 3 <= clock.now else None for one, time in zip(known, times, strict=True)]

    monkeypatch.setattr(history, "ledger_transactions", found)
    environment = environment_of(replace(still_house.cli, clock=clock))
    with reading_session(environment, rpc=URL) as session, RunStream(session, "test") as stream:
        stream.next(0.0)
        observations, notices = rest(stream)
    assert [one.state.metadata["name"] for one in observations] == names
    assert notices == []


def test_a_chain_that_is_rolled_back(house: House) -> None:
    house.run()
    number = house.chain.rpc.call("localnet_takeSnapshot", [], lambda result: result)
    house.cli.json("set-paused", "--run-id", "test", "--resume")
    with streaming(house) as stream:
        stream.next(0.0)
        house.chain.rpc.call("localnet_restoreSnapshot", [number], lambda result: result)
        observations, [notice] = rest(stream)
        assert [one.state.run_state for one in observations] == [RunState.UNINITIALIZED]
        assert notice.kind == "rolled_back"


def test_another_run_with_the_same_id(still_house: House) -> None:
    run = still_house.driver().create()
    with streaming(still_house) as stream:
        stream.next(0.0)
        run.update(metadata={"name": "new", "description": "", "num_parameters": 1, "vocab_size": 1})
        run.close()
        still_house.driver().create()
        observations, notices = rest(stream)
        assert [one.state.metadata["name"] for one in observations] == ["new"]
        message = "Run 'test' was closed, and another run was created with its id."
        assert notices == [StreamNotice("closed", message)]


def test_the_account_of_a_replayed_state_has_the_properties_of_one_that_was_read(still_house: House) -> None:
    run = still_house.driver().create()
    with streaming(still_house) as stream:
        stream.next(0.0)
        run.resume()
        run.start_training(0, 1, 2)
        run.play_round()
        latest = rest(stream)[0][-1].run.account
        replayed = ReplayedAccount(latest, state_from_account(latest))
        for name, member in inspect.getmembers(CoordinatorAccount):
            if isinstance(member, property | cached_property) and not name.startswith("_"):
                assert getattr(replayed, name) == getattr(latest, name), name
        with pytest.raises(NotImplementedError):
            replayed.as_dict()
