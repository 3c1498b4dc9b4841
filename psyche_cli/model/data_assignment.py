"""The assignment of a round's batch to its trainers.

This is not part of the program: every client computes it from the round, and so can an observer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from psyche_cli.limits import U64_MAX

_MULTIPLIER = 6364136223846793005
_INCREMENT = 1442695040888963407

Item = TypeVar("Item")


def shuffled(items: Sequence[Item], random_seed: int) -> list[Item]:
    """The items after a Fisher-Yates shuffle from the last one down, driven by a 64-bit linear congruential PRNG."""
    order, state = list(items), random_seed
    for last in range(len(order) - 1, 0, -1):
        state = (state * _MULTIPLIER + _INCREMENT) & U64_MAX
        other = state % (last + 1)
        order[last], order[other] = order[other], order[last]
    return order


def split_batch(data_index: int, size: int, trainers: Sequence[Item], random_seed: int) -> list[tuple[Item, range]]:
    """The trainers in shuffled order, each with its part of the sequences ``data_index`` to ``data_index + size - 1``.

    ``trainers`` are those of the round, in the order of the epoch's clients. If the batch does not divide evenly, the
    first ones take one more sequence each.
    """
    shares: list[tuple[Item, range]] = []
    start = data_index
    for place, trainer in enumerate(shuffled(trainers, random_seed)):
        share = size // len(trainers) + (place < size % len(trainers))
        shares.append((trainer, range(start, start + share)))
        start += share
    return shares
