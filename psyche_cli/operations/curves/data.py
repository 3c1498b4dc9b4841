"""The curves of a run as the payload of ``curves``."""

from __future__ import annotations

from collections.abc import Collection

from psyche_cli.curves.curve import WHATS, Curve, What
from psyche_cli.curves.points import reduced
from psyche_cli.curves.reading import CurveReader
from psyche_cli.history.records import Incarnation
from psyche_cli.history.store import Totals
from psyche_cli.operations.curves.payloads import CurveData, CurvePoint, CurvesData, WitnessTally


def curves_data(
    run_id: str,
    incarnation: Incarnation,
    reader: CurveReader,
    totals: Totals,
    *,
    what: Collection[What] = WHATS,
    most: int | None = None,
) -> CurvesData:
    """The curves that were read, with at most ``most`` points each (None: all of them)."""
    return CurvesData(
        run_id=run_id,
        incarnation=incarnation.number,
        coordinator_account=incarnation.coordinator_account,
        decimals=reader.decimals,
        slot=totals.synced_slot,
        reliable=reader.problems == 0,
        gaps=totals.gaps,
        removed_rounds=reader.removed,
        more_evaluations=reader.more_evaluations,
        curves=tuple(curve_data(curve, most) for curve in reader.curves(what)),
        witnesses=tuple(
            WitnessTally(wallet, one.reports, one.not_finite, one.far, one.other_step, one.repeated)
            for wallet, one in reader.tallies.items()
        ),
        file=None,
    )


def curve_data(curve: Curve, most: int | None = None) -> CurveData:
    """A curve with at most ``most`` points (None: all of them; 0: none)."""
    kind, points = curve.kind, curve.points
    shown = points if most is None else reduced(points, most) if most > 0 else ()
    return CurveData(
        what=kind.what,
        name=kind.name,
        title=kind.title,
        unit=kind.unit,
        axis=kind.axis,
        total_points=len(points),
        not_finite=curve.not_finite,
        far=curve.far,
        points=tuple(CurvePoint(*point) for point in shown),
    )
