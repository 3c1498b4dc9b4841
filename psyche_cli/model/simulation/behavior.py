"""What the simulated members do, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SLOT_MILLISECONDS: Final = 400
"""The assumed duration of a slot. The random choice of a round's witnesses depends on the slot."""


@dataclass(frozen=True)
class Behavior:
    """The speed of the members, in seconds.

    ``train_seconds`` is the time after which they report a round, by default ``max_round_train_time``. After a longer
    one, they report in RoundWitness, or not at all if the round is over by then.
    ``warmup_seconds`` is the time after which they report that the model is loaded; by default they do not report it
    before ``warmup_time`` has passed. ``checkpoint_seconds`` is the time in Cooldown after which one of them records a
    checkpoint, by default never; it applies only to the older rules.
    """

    train_seconds: int | None = None
    warmup_seconds: int | None = None
    checkpoint_seconds: int | None = None


@dataclass(frozen=True)
class Change:
    """What happens as soon as a run reaches ``step``: new members come, members stop responding, the owner pauses.

    The members that came last stop first. New members have new wallets.
    """

    step: int
    joining: int = 0
    dropping: int = 0
    pausing: bool = False


@dataclass(frozen=True)
class Start:
    """The clock at the start of a simulation: Unix seconds and the slot, and the duration of a slot."""

    unix_timestamp: int
    slot: int
    slot_milliseconds: int = SLOT_MILLISECONDS

    def slot_at(self, now: int) -> int:
        """The slot at a later time."""
        return self.slot + (now - self.unix_timestamp) * 1000 // self.slot_milliseconds
