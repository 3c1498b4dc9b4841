"""A moment by which everything must be over, whatever an endpoint does."""

from __future__ import annotations

from psyche_cli.environment import Clock


class Deadline:
    """``seconds`` of wall-clock time, shared by all that must end within them.

    They begin now, or at ``since``, a moment of the clock's monotonic time.
    """

    def __init__(self, clock: Clock, seconds: float, *, since: float | None = None) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = (clock.monotonic() if since is None else since) + seconds

    @property
    def remaining(self) -> float:
        """Seconds left, 0 when it has passed."""
        return max(self._end - self._clock.monotonic(), 0.0)

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return self.remaining == 0
