"""A moment by which everything must be over, whatever an endpoint does."""

from __future__ import annotations

from psyche_cli.environment import Clock


class Deadline:
    """``seconds`` of wall-clock time from now on, shared by all that must end within them."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left, 0 when it has passed."""
        return max(self._end - self._clock.monotonic(), 0.0)

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return self.remaining == 0
