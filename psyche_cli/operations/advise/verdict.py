"""What the facts say about a setting."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from psyche_cli.operations.advise.facts import Spread
from psyche_cli.operations.status.diagnosis.finding import counted

Kind: TypeAlias = Literal["change", "keep", "unknown"]
Unit: TypeAlias = Literal["s", "count", "percent"]

FEWEST_ROUNDS: Final = 10
"""The fewest rounds from which something is concluded."""
FEWEST_EPOCHS: Final = 3
"""The fewest epochs, or warmups, from which something is concluded."""
MARGIN_FACTOR: Final = 1.5
"""By how much a time limit exceeds the 95th percentile: members, data and load vary."""
MARGIN_SECONDS: Final = 2
"""Added to a time limit: both ends of an observed duration are rounded to seconds of the cluster's clock."""
SHORTENED_FROM: Final = 2
"""A time limit is lowered only if it is at least this many times the advised one."""
OFTEN: Final = 0.1
"""The share of rounds from which something is not a rare exception."""
LARGE: Final = 0.25
"""The share of time, or of epochs, from which a loss is worth a change."""


class Figure(NamedTuple):
    """A number that supports a verdict, under a stable name."""

    name: str
    value: int | float
    unit: Unit = "count"


class Verdict(NamedTuple):
    """What the facts say about the setting ``key`` of ``config``.

    ``advised`` is a value for "change", else None. ``reason`` is one or two sentences.
    """

    key: str
    current: int
    kind: Kind
    reason: str
    evidence: tuple[Figure, ...] = ()
    advised: int | None = None

    def kept(self, reason: str) -> Verdict:
        """Without the change, for a reason."""
        return self._replace(kind="keep", advised=None, reason=reason)


def limit_for(times: Iterable[int]) -> int:
    """The shortest time limit that leaves a margin above these times, in seconds: never below the longest of them."""
    spread = Spread.of(times)
    return max(math.ceil(MARGIN_FACTOR * spread.p95), spread.longest) + MARGIN_SECONDS


def earlier(observed: int, former: int) -> str:
    """What to add to an observed time, if a longer one was observed under an earlier configuration."""
    return "" if former <= observed else f", and within {former} s under an earlier configuration"


def percent(part: float, whole: float) -> float:
    """A share in percent, with one decimal place; 0 of nothing."""
    return round(100 * part / whole, 1) if whole > 0 else 0.0


def spread_figures(name: str, times: Sequence[int]) -> tuple[Figure, ...]:
    """The median, the 95th percentile and the maximum of some times, if there are any."""
    if not times:
        return ()
    spread = Spread.of(times)
    return (
        Figure(f"{name}_median", spread.median, "s"),
        Figure(f"{name}_p95", spread.p95, "s"),
        Figure(f"{name}_maximum", spread.longest, "s"),
    )


def too_few(count: int, noun: str, fewest: int) -> str:
    """The reason not to conclude anything."""
    return f"Too little evidence: {counted(count, noun)} ended with this configuration; {fewest} are needed."
