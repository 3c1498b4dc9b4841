"""Since when the daemon has been able to hear its workers, and the clock has run evenly."""

from __future__ import annotations

from typing import Final

MOST_SECONDS_BETWEEN_LOOKS: Final = 10.0
"""The monitor looks several times per second. After a longer interval, the machine slept or its clock was set."""


class Attention:
    """Prevents that a worker counts as silent for a time in which it could not be heard. Times are Unix seconds."""

    def __init__(self, now: float) -> None:
        self._since = self._begun = self._ended = now

    def begin(self, now: float) -> bool:
        """A look begins. If the clock was moved since the last one, the limits begin anew. Returns whether it was."""
        moved = not 0 <= now - self._ended <= MOST_SECONDS_BETWEEN_LOOKS
        if moved:
            self._since = now
        self._begun = now
        return moved

    def end(self, now: float) -> None:
        """A look ends. If the clock was set back meanwhile, the next look notices it."""
        self._ended = max(now, self._begun)

    def lasts(self, seconds: float) -> bool:
        """Whether the daemon has been attentive for this long."""
        return self._begun - self._since >= seconds
