"""What members publish that lie, for rehearsals that are to show whether a lie is found, and what it costs."""

from __future__ import annotations

import hashlib
import random
from enum import Enum
from typing import Final

from psyche_cli.training.submission import Submission, digest_of
from psyche_cli.training.trainer import Trainer

SCALED_BY: Final = 100.0
_WRONG_SIGN: Final = -1.0
_FALSE_LOSS: Final = 0.5


class Lie(str, Enum):
    """What a lying member publishes instead of its result."""

    WRONG_SIGN = "wrong-sign"
    """The opposite of its result, which makes the model worse."""
    SCALED = "scaled"
    """Its result times SCALED_BY, which outweighs those of the other members."""
    COPIED = "copied"
    """The result of another member, of this or the previous round, without any work."""
    STALE = "stale"
    """Its own result of an earlier round."""
    RANDOM = "random"
    """Random bytes of the right size."""
    FALSE_LOSS = "false-loss"
    """Its result, with half of its loss."""
    WRONG_BYTES = "wrong-bytes"
    """The SHA-256 of its result, and other bytes."""
    WRONG_HASH = "wrong-hash"
    """Its result, and the SHA-256 of something else."""
    FALSE_CHECK = "false-check"
    """Its result, and false scores for the shares of others that it checks."""


KINDS: Final = tuple(lie.value for lie in Lie)

HARMLESS: Final = frozenset({Lie.FALSE_LOSS, Lie.WRONG_BYTES, Lie.WRONG_HASH, Lie.FALSE_CHECK})
"""The lies that do not change the weights of the other members, even if nobody checks results."""


def falsified(
    lie: Lie,
    trainer: Trainer,
    honest: Submission,
    *,
    seed: str,
    copied: Submission | None = None,
    stale: Submission | None = None,
) -> Submission:
    """What the member publishes instead of its ``honest`` submission.

    ``copied`` is another member's submission of this or the previous round, and ``stale`` the member's own of an
    earlier one. Without them, it sends the result of no sequences at all.
    """
    match lie:
        case Lie.WRONG_SIGN:
            return honest._replace(update=trainer.altered(honest.update, _WRONG_SIGN))
        case Lie.SCALED:
            return honest._replace(update=trainer.altered(honest.update, SCALED_BY))
        case Lie.COPIED | Lie.STALE:
            source = copied if lie is Lie.COPIED else stale
            found = trainer.check(range(0)) if source is None else source
            return honest._replace(update=found.update, loss=found.loss, tokens=found.tokens)
        case Lie.RANDOM:
            return honest._replace(update=random.Random(seed).randbytes(len(honest.update)))
        case Lie.FALSE_LOSS:
            return honest._replace(loss=honest.loss * _FALSE_LOSS)
        case Lie.WRONG_BYTES:
            false = trainer.altered(honest.update, _WRONG_SIGN)
            return honest._replace(update=false, claimed=digest_of(honest.update))
        case Lie.WRONG_HASH:
            return honest._replace(claimed=digest_of(honest.update + b"false"))
    # Members that lie about the same share say the same: two of them in a group win against an honest third one.
    return honest._replace(checks=tuple((owner, _false_score(score)) for owner, score in honest.checks))


def _false_score(score: str) -> str:
    return hashlib.sha256(f"false {score}".encode()).hexdigest()
