"""The cluster's clock at the transactions of a run, on which its states and the seeds of its rounds depend.

The programs read the slot and the Unix time of the Clock sysvar, and nothing else that varies: the seed of a round is a
hash of both. The slot of a transaction is always known. A validator records the Unix time of the sysvar as the time of
the block, but an endpoint may have no time for an old block, or one from another source. Such times are searched for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

SECONDS_PER_SLOT: Final = 0.4

_NEAR: Final = (1, -1)
"""Where a recorded time is wrong, the time is searched for this near to it, in seconds."""
_MOST_CANDIDATES: Final = 64


class SlotTime(NamedTuple):
    """The Unix time of a slot, in seconds.

    It is ``recorded`` in the ledger; ``searched``: another one with which the model and the ledger agree so far; or
    ``guessed`` from the slots before, because the ledger has none.
    """

    unix: int
    source: Literal["recorded", "searched", "guessed"]


class SlotRecord(NamedTuple):
    """A slot, and the time that the ledger has for it; None if it has none."""

    slot: int
    recorded: int | None


def first_time(record: SlotRecord, before: tuple[int, int] | None) -> SlotTime:
    """The time to try first. ``before`` are an earlier slot and its time; None if there is none."""
    if record.recorded is not None:
        return SlotTime(record.recorded, "recorded")
    if before is None:
        return SlotTime(0, "guessed")
    slot, unix = before
    return SlotTime(unix + round((record.slot - slot) * SECONDS_PER_SLOT), "guessed")


def candidates(slots: Sequence[SlotRecord], index: int, tried: int) -> list[int]:
    """Other times of the slot at ``index`` than ``tried``, the likeliest first: between its neighbors, if it has none.

    Times never decrease from slot to slot.
    """
    earlier = [one.recorded for one in slots[:index] if one.recorded is not None]
    later = [one.recorded for one in slots[index + 1 :] if one.recorded is not None]
    recorded = slots[index].recorded
    if recorded is not None:
        found = [recorded, *(recorded + distance for distance in _NEAR)]
    else:
        lowest = earlier[-1] if earlier else None
        highest = later[0] if later else None
        middle = tried if highest is None or tried <= highest else highest
        around = sorted(
            range(middle - _MOST_CANDIDATES, middle + _MOST_CANDIDATES + 1), key=lambda time: abs(time - middle)
        )
        found = [
            time
            for time in around
            if time >= 0 and (lowest is None or time >= lowest) and (highest is None or time <= highest)
        ]
    return [time for time in found if time != tried][:_MOST_CANDIDATES]
