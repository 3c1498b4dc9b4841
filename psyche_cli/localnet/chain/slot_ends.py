"""Slots that end early, so that clients can tell a landing from the next one, and a limit on how many do.

A validator that answers at once would otherwise stay in the slot of a landing while a client does the next thing with
the same blockhash, which a cluster has replaced by then.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from psyche_cli.localnet.chain.timekeeping import DEFAULT_SLOT_SECONDS, Timekeeper

MOST_AT_ONCE: Final = 24
"""The number of slots that may end early in a row, unless it is necessary."""

SOON_SECONDS: Final = 0.08
"""How long after its first landing a slot ends early, in seconds, if no request ends it before."""

_SLOTS_A_SECOND_WITHOUT_CLOCK: Final = 5.0


class Urgency(IntEnum):
    """Why a slot should end early. The value is the number of early ends that must be left over."""

    SPARE = MOST_AT_ONCE // 2
    """Nothing is refused otherwise."""
    USEFUL = 0
    """A client may be about to send what is refused in the same slot."""
    READ = -8
    """The block of a transaction is not available otherwise."""
    NECESSARY = -16
    """A transaction is refused otherwise."""


class EarlySlotEnds:
    """A token bucket for early slot ends.

    Blockhashes are valid for 150 blocks. At most 40 slots in a row end early, and then as many per second as end by
    themselves, so that a blockhash is valid for more than 20 seconds whatever the load, with slots of 0.4 seconds or
    with slots that do not end by themselves. Where both the clock and the slot advance only by warping, there is no
    limit, since the slots must not depend on the speed of the machine.
    """

    def __init__(self, timekeeper: Timekeeper) -> None:
        self._clock = timekeeper.clock
        self._unlimited = timekeeper.only_warps
        seconds = timekeeper.slot_seconds
        self._per_second = 1 / max(seconds, DEFAULT_SLOT_SECONDS) if seconds else _SLOTS_A_SECOND_WITHOUT_CLOCK
        self._left = float(MOST_AT_ONCE)
        self._counted_at = self._clock.monotonic()
        self._landed_at: float | None = None

    def take(self, urgency: Urgency) -> bool:
        """Whether a slot may end early now, which is then counted."""
        if self._unlimited:
            return True
        now = self._clock.monotonic()
        self._left = min(self._left + (now - self._counted_at) * self._per_second, MOST_AT_ONCE)
        self._counted_at = now
        if self._left < urgency + 1:
            return False
        self._left -= 1
        return True

    def on_landing(self) -> None:
        """Note a landing in the current slot."""
        if self._landed_at is None:
            self._landed_at = self._clock.monotonic()

    def on_slot(self) -> None:
        """Note that a slot has begun."""
        self._landed_at = None

    def is_due(self) -> bool:
        """Whether the slot should end, because its first landing was a while ago; this is then counted."""
        return (
            self._landed_at is not None
            and not self._unlimited
            and self._clock.monotonic() - self._landed_at >= SOON_SECONDS
            and self.take(Urgency.SPARE)
        )
