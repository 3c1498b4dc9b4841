"""Wall-clock deadlines."""

from __future__ import annotations

from psyche_cli.environment import Clock


def in_seconds(seconds: float) -> str:
    """A time for a message, such as ``118 seconds`` or ``0.3 seconds``, with tenths below 10 seconds."""
    text = f"{seconds:.0f}" if seconds >= 9.95 else f"{seconds:.1f}".removesuffix(".0")
    return f"{text} second{'' if text == '1' else 's'}"


class Deadline:
    """A deadline ``seconds`` after now, or after ``since`` (in the clock's monotonic time), shared by several calls.

    A ``total`` deadline, which the user has set, does not start again for the next of several transactions.
    """

    def __init__(self, clock: Clock, seconds: float, *, since: float | None = None, total: bool = False) -> None:
        self.seconds = seconds
        self.total = total
        self._clock = clock
        self._start = clock.monotonic() if since is None else since

    def restart(self, *, waited: float = 0.0) -> None:
        """Restart the countdown before the next of several transactions, or after a wait for the user.

        A total deadline is only moved by the seconds ``waited``.
        """
        self._start = self._start + waited if self.total else self._clock.monotonic()

    @property
    def elapsed(self) -> float:
        """The seconds since the countdown started."""
        return self._clock.monotonic() - self._start

    @property
    def remaining(self) -> float:
        """The seconds left, or 0 if the deadline has passed."""
        return max(self._start + self.seconds - self._clock.monotonic(), 0.0)

    @property
    def passed(self) -> bool:
        """Whether the deadline has passed."""
        return self.remaining == 0
