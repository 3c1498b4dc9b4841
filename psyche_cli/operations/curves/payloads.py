"""JSON payload of ``curves``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from psyche_cli.payload_types import Address, Unsigned


@dataclass(frozen=True)
class CurvePoint:
    """A value of a curve."""

    step: Annotated[Unsigned, "Step of the run."]
    time: Annotated[
        int | None,
        "Unix time in seconds: when the round of the step ended, or since when the value holds; null if the ledger has "
        "no time.",
    ]
    value: Annotated[
        int | float | None,
        "Median of what the witnesses of the step reported, or the value itself; null where the curve has a break, "
        "because most of the values are NaN or infinite.",
    ]
    low: Annotated[
        float | None,
        "Lower end of the narrowest interval with more than half of the values; null for what witnesses do not report.",
    ]
    high: Annotated[float | None, "Upper end of that interval."]
    witnesses: Annotated[Unsigned | None, "Number of values, one for each witness; null if witnesses do not report it."]


@dataclass(frozen=True)
class CurveData:
    """A curve."""

    what: Literal["loss", "tokens", "bandwidth", "evals", "lr", "members", "rewards", "witnesses"]
    name: Annotated[str, "Name among the curves of this subject; of an evaluation, the name that members chose."]
    title: str
    unit: Annotated[
        str,
        "Unit of the values: tokens/s, bytes/s, base units (of the collateral) or points; empty for plain numbers.",
    ]
    axis: Annotated[
        Literal["step", "time"],
        "step: one point for each step. time: each value holds until the next point; the last point is where the "
        "history ends.",
    ]
    total_points: Annotated[Unsigned, "Number of points of the curve, of which `points` may be a part."]
    not_finite: Annotated[Unsigned, "Number of values that were left out because they are NaN or infinite."]
    far: Annotated[Unsigned, "Number of values that lie far from those of the other witnesses of their step."]
    points: Annotated[tuple[CurvePoint, ...], "In the order of execution; empty if the curves were written to a file."]


@dataclass(frozen=True)
class WitnessTally:
    """What a wallet reported as a witness."""

    wallet: Address
    reports: Annotated[Unsigned, "Number of rounds that it reported."]
    not_finite: Annotated[Unsigned, "Number of values that are NaN or infinite."]
    far: Annotated[Unsigned, "Number of values that lie far from those of the other witnesses."]
    other_step: Annotated[Unsigned, "Number of reports that name another step than that of the round."]
    repeated: Annotated[Unsigned, "Number of reports that were left out because it had reported the round before."]


@dataclass(frozen=True)
class CurvesData:
    """Curves of one incarnation of a run."""

    run_id: str
    incarnation: Annotated[Unsigned, "Number of the incarnation, from 1: a closed run id can be created again."]
    coordinator_account: Address
    decimals: Annotated[Unsigned | None, "Decimals of the collateral; null without a treasurer, or if unknown."]
    slot: Annotated[Unsigned | None, "Slot up to which the history was read; null if it never was."]
    reliable: Annotated[
        bool, "Whether the model of the coordinator agrees with the ledger about all transactions of the run."
    ]
    gaps: Annotated[Unsigned, "Number of parts of the history that are missing, so that curves may have gaps."]
    removed_rounds: Annotated[
        Unsigned, "Number of rounds that are not shown because the run was set back and trained their steps again."
    ]
    more_evaluations: Annotated[Unsigned, "Number of evaluations without a curve, because there are too many names."]
    curves: tuple[CurveData, ...]
    witnesses: Annotated[tuple[WitnessTally, ...], "In the order of their first reports."]
    file: Annotated[str | None, "The file or folder that was written; null without one."]
