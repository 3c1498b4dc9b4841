"""The stream of a run's observations, on the real local validator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from psyche_cli.operations.sessions import reading_session
from psyche_cli.operations.status.observation import Observation
from psyche_cli.operations.status.stream import RunStream, StreamNotice
from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import House
from tests.cli.harness import environment_of
from tests.faults.clock import ScheduleClock
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
