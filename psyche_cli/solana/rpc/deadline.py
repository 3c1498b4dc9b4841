"""Wall-clock deadlines."""

from __future__ import annotations

from psyche_cli.environment import Clock


class Deadline:
    """A deadline ``seconds`` after now, or after ``since`` (in the clock's monotonic time), shared by several calls."""

    def __init__(self, clock: Clock, seconds: float, *, since: float | None = None) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = (clock.monotonic() if since is None else since) + seconds

    def restart(self) -> None:
        """Restart the countdown, after waiting for the user or before the next of several transactions."""
        self._end = self._clock.monotonic() + self.seconds

    @property
    def remaining(self) -> float:
        """The seconds left, or 0 if the deadline has passed."""
        return max(self._end - self._clock.monotonic(), 0.0)

    @property
    def passed(self) -> bool:
        """Whether the deadline has passed."""
        return self.remaining == 0
