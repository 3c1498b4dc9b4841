"""How ``watch`` shows a run: JSON documents, one per line, or a live screen."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from psyche_cli.cli.render import Renderer
from psyche_cli.operations.status.observation import Observation
from psyche_cli.operations.status.show import show_data
from psyche_cli.operations.status.wait import report
from psyche_cli.results import Document
from psyche_cli.solana.cluster_clock import ClusterClock
from psyche_cli.stop_signals import StopRequested

if TYPE_CHECKING:
    from psyche_cli.environment import Environment
    from psyche_cli.operations.sessions import Session
    from psyche_cli.operations.status.watch import Moment


def show_events(
    environment: Environment, session: Session, moments: Iterable[Moment], *, ends_with_ctrl_c: bool
) -> None:
    """Print each event as a JSON document on one line. Raises OSError if stdout cannot be written.

    Ends as soon as the reader of a pipe is gone. Reports the connection on stderr.
    """
    renderer = Renderer(environment, command="watch", as_json=True, compact=True)
    with ended_by_ctrl_c(ends_with_ctrl_c):
        for moment in moments:
            for event in moment.events:
                renderer.result(Document(event))
            if moment.notice is not None:
                report(session, moment.notice)
            if not moment.events and environment.reader_is_gone():
                return


def show_screen(
    environment: Environment, session: Session, moments: Iterable[Moment], *, ends_with_ctrl_c: bool
) -> None:
    """Show the screen of the run, update it with every change and every second, and leave the last one.

    The connection is reported in its last line.
    """
    from psyche_cli.cli.live_screen import LiveScreen  # not at the top: it imports rich

    environment.output.quiet = True  # nothing else may move the cursor
    screen = LiveScreen(environment, session.given)
    clock = environment.clock
    connection, seen, read_at = "", None, 0.0
    end = ""
    with screen, ended_by_ctrl_c(ends_with_ctrl_c):
        for moment in moments:
            if moment.seen is not seen:
                seen, read_at = moment.seen, clock.monotonic()
            if moment.notice is not None:
                connection = "" if moment.notice.kind in ("connected", "restored") else moment.notice.message
                end = moment.notice.message if moment.notice.kind == "closed" else ""
            now = Observation(seen.run, ClusterClock(seen.clock.slot, seen.now + int(clock.monotonic() - read_at)))
            vars(now)["state"] = seen.state  # decoded once
            screen.show(show_data(now, (), session.given), connection or "Ctrl-C ends the command.")
    if end:
        environment.diagnostics.line(end)


@contextmanager
def ended_by_ctrl_c(ends: bool) -> Iterator[None]:
    """A context that Ctrl-C ends without an error, if ``ends``."""
    try:
        yield
    except KeyboardInterrupt as stop:
        if not ends or (isinstance(stop, StopRequested) and stop.signal_number != signal.SIGINT):
            raise
