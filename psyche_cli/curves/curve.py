"""What curves of a run there are, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from psyche_cli.curves.points import Point

What: TypeAlias = Literal["loss", "tokens", "bandwidth", "evals", "lr", "members", "rewards", "witnesses"]
"""The subject of curves."""

WHATS: Final[tuple[What, ...]] = ("loss", "tokens", "bandwidth", "evals", "lr", "members", "rewards", "witnesses")
"""All subjects, in the order in which they are shown."""

BASE_UNITS: Final = "base units"
POINTS: Final = "points"


class Kind(NamedTuple):
    """A kind of curve.

    ``title`` is for the reader. ``unit`` is empty for plain numbers. Values belong to steps, or hold from a time until
    that of the next point.
    """

    what: What
    name: str
    title: str
    unit: str
    axis: Literal["step", "time"] = "step"


KINDS: Final[Mapping[str, Kind]] = {
    one.name: one
    for one in (
        Kind("loss", "loss", "Loss", ""),
        Kind("tokens", "tokens_per_second", "Tokens per second of a member", "tokens/s"),
        Kind("bandwidth", "bandwidth", "Bandwidth of a member", "bytes/s"),
        Kind("lr", "learning_rate", "Learning rate", ""),
        Kind("members", "members", "Members in the epoch", "", "time"),
        Kind("members", "healthy", "Healthy members in the epoch", "", "time"),
        Kind("members", "joined", "Members that have joined the next epoch", "", "time"),
        Kind("rewards", "earning_rate", "Earning rate of the epoch", BASE_UNITS, "time"),
        Kind("rewards", "earned", "Earned by all members", BASE_UNITS, "time"),
        Kind("rewards", "claimed", "Claimed by all members", BASE_UNITS, "time"),
        Kind("rewards", "vault", "Balance of the vault", BASE_UNITS, "time"),
        Kind("witnesses", "witnesses", "Witnesses of the round", ""),
        Kind("witnesses", "expected", "Expected witnesses of the round", ""),
        Kind("witnesses", "quorum", "Witnesses that must agree", ""),
    )
}
"""The kinds by name, except those of evaluations."""


def evaluation(name: str) -> Kind:
    """The kind of an evaluation with a name that members have chosen."""
    return Kind("evals", name, f"Evaluation {name}", "")


class Curve(NamedTuple):
    """A curve. ``not_finite`` is the number of values that were left out because they are NaN or infinite.

    ``far`` is the number of values that lie far from those of the other witnesses of their step.
    """

    kind: Kind
    points: Sequence[Point]
    not_finite: int = 0
    far: int = 0
