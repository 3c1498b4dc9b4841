"""Updates of members that lie, for rehearsals that are to show whether a lie is found."""

from __future__ import annotations

import random
from enum import Enum
from typing import Final

from psyche_cli.training.trainer import Trainer

SCALED_BY: Final = 100.0


class Lie(str, Enum):
    """What a lying member publishes instead of its result."""

    WRONG_GRADIENT = "wrong-gradient"
    """The opposite of its result, which makes the model worse."""
    SCALED = "scaled"
    """Its result times SCALED_BY, which outweighs those of the other members."""
    COPIED = "copied"
    """The result of another member, without any work."""
    RANDOM = "random"
    """Random bytes of the right size."""


def false_update(lie: Lie, trainer: Trainer, honest: bytes, seed: int, copied: bytes | None = None) -> bytes:
    """What the member publishes instead of its ``honest`` update.

    ``copied`` is another member's update of this or an earlier round. Without one, a copying member sends the update
    of no sequences at all.
    """
    if lie is Lie.WRONG_GRADIENT:
        return trainer.altered(honest, -1.0)
    if lie is Lie.SCALED:
        return trainer.altered(honest, SCALED_BY)
    if lie is Lie.COPIED:
        return trainer.check(range(0)) if copied is None else copied
    return random.Random(seed).randbytes(len(honest))
