"""When slots end and what time the cluster believes it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from psyche_cli.environment import Clock
from psyche_cli.errors import UsageError

DEFAULT_SLOT_SECONDS: Final = 0.4


@dataclass(frozen=True)
class ClockMode:
    """How the cluster's Unix time follows the machine's: ``now``, ``fixed:UNIX`` or ``scale:N``.

    ``fixed`` stands still (warping moves it); ``scale`` starts at the machine's time and runs N times as fast.
    """

    kind: Literal["now", "fixed", "scale"] = "now"
    value: float = 1.0

    @classmethod
    def parse(cls, text: str) -> ClockMode:
        """Read the option's text. Raises UsageError."""
        kind, _, value = text.partition(":")
        try:
            if kind == "now" and not value:
                return cls()
            if kind == "fixed" and 0 <= int(value) < 2**62:
                return cls("fixed", int(value))
            if kind == "scale" and 0 < float(value) <= 1_000_000:
                return cls("scale", float(value))
        except ValueError:
            pass
        raise UsageError(
            f"Invalid clock {text!r}.",
            hint="Use now, fixed:UNIX (seconds since the epoch) or scale:N (N times as fast, at most 1,000,000).",
        )


class Timekeeper:
    """Tells how many slots are due and the cluster's Unix time, from a machine clock and from warps.

    ``slot_seconds`` of 0 means that slots pass only when warped.
    """

    def __init__(
        self, clock: Clock, *, slot_seconds: float = DEFAULT_SLOT_SECONDS, mode: ClockMode | None = None
    ) -> None:
        self._clock = clock
        self._mode = mode or ClockMode()
        self._started_monotonic = clock.monotonic()
        self._started_unix = clock.unix_time()
        self._warped_seconds = 0
        self._warped_slots = 0
        self.slot_seconds = slot_seconds

    def slots_due(self) -> int:
        """How many slots should have passed since the start."""
        if self.slot_seconds == 0:
            return self._warped_slots
        return int((self._clock.monotonic() - self._started_monotonic) / self.slot_seconds) + self._warped_slots

    def unix_time(self) -> int:
        """Seconds since 1970 as the cluster's clock shows them."""
        if self._mode.kind == "fixed":
            return int(self._mode.value) + self._warped_seconds
        if self._mode.kind == "scale":
            elapsed = self._clock.monotonic() - self._started_monotonic
            return int(self._started_unix + elapsed * self._mode.value) + self._warped_seconds
        return int(self._clock.unix_time()) + self._warped_seconds

    @property
    def warped_seconds(self) -> int:
        """How far warps have moved the time so far."""
        return self._warped_seconds

    @property
    def warped(self) -> tuple[int, int]:
        """How many seconds and slots warps have added so far; set it to take warps back."""
        return self._warped_seconds, self._warped_slots

    @warped.setter
    def warped(self, seconds_and_slots: tuple[int, int]) -> None:
        self._warped_seconds, self._warped_slots = seconds_and_slots

    def continue_from(self, unix_time: int) -> None:
        """Let a clock that runs N times as fast begin no earlier than where it was; the others know their time."""
        if self._mode.kind == "scale":
            self._started_unix = max(self._started_unix, float(unix_time))

    def unwarp_time(self, warped_seconds: int) -> None:
        """Go back to an earlier value of ``warped_seconds``; slots that were warped stay passed."""
        self._warped_seconds = warped_seconds

    def warp_slots(self, slots: int) -> None:
        """Let this many slots pass at once; the time stays."""
        self._warped_slots += slots

    def warp_seconds(self, seconds: int) -> None:
        """Let this many seconds pass at once, and the slots that fit into them."""
        self._warped_seconds += seconds
        self._warped_slots += self.slots_in(seconds)

    def slots_in(self, seconds: int) -> int:
        """How many slots fit into so many seconds."""
        return int(seconds / (self.slot_seconds or DEFAULT_SLOT_SECONDS))
