"""The stream of a run's observations, on the real local validator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from psyche_cli.operations.sessions import reading_session
from psyche_cli.operations.status.stream import RunStream, StreamNotice
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import House
from tests.cli.harness import address_of, environment_of
from tests.faults.clock import ScheduleClock

URL = "http://127.0.0.1:1"
LONG = 600.0


@contextmanager
def streaming(house: House, run_id: str = "test") -> Iterator[RunStream]:
    """A stream whose pauses take no time."""
    cli = replace(house.cli, clock=ScheduleClock())
    with reading_session(environment_of(cli), rpc=URL) as session, RunStream(session, run_id) as stream:
        yield stream


def test_changes_are_observed_once(house: House) -> None:
    house.run()
    with streaming(house) as stream:
        first = stream.next(0.0)
        assert first is stream.latest
        assert stream.next(LONG) is None
        house.cli.json("set-paused", "--run-id", "test", "--resume")
        item = stream.next(LONG)
        assert item is stream.latest
        assert stream.latest.state.run_state == RunState.WAITING_FOR_MEMBERS
        assert stream.next(LONG) is None


def test_the_end_of_a_run_ends_the_stream(house: House) -> None:
    house.run()
    with streaming(house) as stream:
        stream.next(0.0)
        owner, instance = address_of(house.owner), house.instance()
        group = {"instance": instance.address, "account": instance.coordinator_account}
        house.send(Instructions().free_coordinator(authority=owner, spill=owner, **group))
        assert stream.next(LONG) == StreamNotice("closed", "Run 'test' was closed.")
        assert stream.ended
        assert stream.next(LONG) is None
