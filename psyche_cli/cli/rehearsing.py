"""How ``rehearse`` shows a rehearsal in progress: a live screen on a terminal, otherwise lines on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from psyche_cli.operations.rehearsal.progress import progress_lines

if TYPE_CHECKING:
    from psyche_cli.environment import Environment
    from psyche_cli.operations.rehearsal.progress import Progress
    from psyche_cli.operations.rehearsal.rehearse import Show
    from psyche_cli.suggestions import GivenOptions

_REDRAWN_EVERY: Final = 0.1
"""Seconds between two drawings of the screen."""


@contextmanager
def shown_rehearsal(environment: Environment, given: GivenOptions) -> Iterator[Show]:
    """A function that shows a rehearsal in progress."""
    if not environment.can_redraw or environment.output.as_json or environment.output.quiet:
        yield _Lines(environment)
        return
    from psyche_cli.cli.live_screen import LiveScreen  # not at the top: it imports rich

    clock, drawn_at = environment.clock, -1.0
    with LiveScreen(environment, given) as screen:

        def show(progress: Progress) -> None:
            nonlocal drawn_at
            now = clock.monotonic()
            if progress.phase or now - drawn_at >= _REDRAWN_EVERY:
                drawn_at = now
                status = progress.phase or "Ctrl-C ends the rehearsal."
                screen.draw("Rehearsal", lambda width, utf8: progress_lines(progress, width, utf8), status)

        yield show


class _Lines:
    """A line for each phase, and for each epoch that ended."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._epochs = 0

    def __call__(self, progress: Progress) -> None:
        if progress.phase:
            self._environment.progress(progress.phase)
        ended = 0 if progress.cluster is None else len(progress.cluster.record.epochs)
        if ended > self._epochs and progress.cluster is not None:
            self._epochs = ended
            state = progress.cluster.record.state
            self._environment.progress(f"Epoch {ended - 1} ended at step {state.step}.")
