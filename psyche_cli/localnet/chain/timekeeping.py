"""The cluster's slots and clock."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from psyche_cli.environment import Clock
from psyche_cli.errors import UsageError

DEFAULT_SLOT_SECONDS: Final = 0.4


@dataclass(frozen=True)
class ClockMode:
    """How the cluster's Unix time follows the machine's: ``now``, ``fixed:UNIX`` or ``scale:N``.

    ``fixed`` changes only by warping; ``scale`` starts at the machine's time and runs N times as fast.
    """

    kind: Literal["now", "fixed", "scale"] = "now"
    value: float = 1.0

    @classmethod
    def parse(cls, text: str) -> ClockMode:
        """Parse the option's text. Raises UsageError."""
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
    """Computes the number of slots due and the cluster's Unix time from a machine clock and from warps.

    With ``slot_seconds`` 0, slots advance only by warping. ``clock`` is the machine clock.
    """

    def __init__(
        self, clock: Clock, *, slot_seconds: float = DEFAULT_SLOT_SECONDS, mode: ClockMode | None = None
    ) -> None:
        self.clock = clock
        self._mode = mode or ClockMode()
        self._started_monotonic = clock.monotonic()
        self._started_unix = clock.unix_time()
        self._warped_seconds = 0
        self._warped_slots = 0
        self.slot_seconds = slot_seconds

    @property
    def only_warps(self) -> bool:
        """Whether both the slot and the clock advance only by warping, whatever the machine's clock says."""
        return self.slot_seconds == 0 and self._mode.kind == "fixed"

    def slots_due(self) -> int:
        """The number of slots that should have passed since the start."""
        if self.slot_seconds == 0:
            return self._warped_slots
        return int((self.clock.monotonic() - self._started_monotonic) / self.slot_seconds) + self._warped_slots

    def seconds_to_next_slot(self) -> float:
        """The seconds until another slot is due; infinite if slots advance only by warping."""
        if self.slot_seconds == 0:
            return math.inf
        passed = self.clock.monotonic() - self._started_monotonic
        return self.slot_seconds - passed % self.slot_seconds

    def unix_time(self) -> int:
        """The Unix time of the cluster's clock, in seconds."""
        if self._mode.kind == "fixed":
            return int(self._mode.value) + self._warped_seconds
        if self._mode.kind == "scale":
            elapsed = self.clock.monotonic() - self._started_monotonic
            return int(self._started_unix + elapsed * self._mode.value) + self._warped_seconds
        return int(self.clock.unix_time()) + self._warped_seconds

    @property
    def warped_seconds(self) -> int:
        """The total of warped seconds."""
        return self._warped_seconds

    @property
    def warped(self) -> tuple[int, int]:
        """The total of warped seconds and slots; can be set to undo warps."""
        return self._warped_seconds, self._warped_slots

    @warped.setter
    def warped(self, seconds_and_slots: tuple[int, int]) -> None:
        self._warped_seconds, self._warped_slots = seconds_and_slots

    def continue_from(self, unix_time: int) -> None:
        """With ``scale``, start the clock no earlier than ``unix_time``; the other modes do not need this."""
        if self._mode.kind == "scale":
            self._started_unix = max(self._started_unix, float(unix_time))

    def unwarp_time(self, warped_seconds: int) -> None:
        """Reset ``warped_seconds`` to an earlier value; warped slots are kept."""
        self._warped_seconds = warped_seconds

    def warp_slots(self, slots: int) -> None:
        """Advance the slot without advancing the clock."""
        self._warped_slots += slots

    def warp_seconds(self, seconds: int) -> None:
        """Advance the clock, and the slot by as many slots as fit into this time."""
        self._warped_seconds += seconds
        self._warped_slots += self.slots_in(seconds)

    def slots_in(self, seconds: int) -> int:
        """The number of slots that fit into ``seconds``."""
        return int(seconds / (self.slot_seconds or DEFAULT_SLOT_SECONDS))
