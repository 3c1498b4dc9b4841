"""Pictures of curves, drawn with matplotlib: one small diagram for each curve. Equal curves give equal bytes."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from psyche_cli.curves.curve import Curve
from psyche_cli.curves.points import Point, reduced
from psyche_cli.operations.curves.selection import places_of
from psyche_cli.operations.curves.text import title_of
from psyche_cli.plots import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_POINTS: Final = 2_000
_MOST_DOTS: Final = 60
_LONGEST_TITLE: Final = 42
_INCHES: Final = (4.2, 2.6)
_HEADER: Final = 0.4
_LEFT: Final = 0.65
_BOTTOM: Final = 0.55
_PANEL: Final = (_INCHES[0] - _LEFT - 0.2, _INCHES[1] - _BOTTOM - 0.45)
_LINE: Final = "#1f5fa8"
_GRID: Final = "#dddddd"
_TEXT: Final = "#222222"
_SETTINGS: Final[dict[str, Any]] = {
    "svg.hashsalt": "psyche-cli",
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "text.color": _TEXT,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": _TEXT,
    "xtick.color": _TEXT,
    "ytick.color": _TEXT,
    "text.parse_math": False,  # names come from strangers
    "timezone": "UTC",
}


def picture(curves: Sequence[Curve], title: str, format: Literal["svg", "png"]) -> bytes:
    """The curves as a picture with a white background. A band shows their spread."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(len(curves), 1 if len(curves) < 3 else 2 if len(curves) < 7 else 3)
    rows = -(-len(curves) // max(columns, 1))
    width, height = max(columns, 1) * _INCHES[0], rows * _INCHES[1] + _HEADER
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **_SETTINGS}), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # characters that the font does not have, for example
        figure = Figure(figsize=(width, height), facecolor="white")
        FigureCanvasAgg(figure)
        figure.text(_LEFT / width, 1 - 0.3 / height, shortened(title, _LONGEST_TITLE * columns), fontsize=12)
        for number, curve in enumerate(curves):
            row, column = divmod(number, columns)
            left, bottom = column * _INCHES[0] + _LEFT, height - _HEADER - (row + 1) * _INCHES[1] + _BOTTOM
            # Fixed margins: layouts that matplotlib computes depend on what was drawn before.
            place = (left / width, bottom / height, _PANEL[0] / width, _PANEL[1] / height)
            _draw(figure.add_axes(place), curve)
        file = io.BytesIO()
        # No date and no version, so that equal curves give equal bytes.
        metadata: dict[str, Any] = {"Date": None, "Creator": None} if format == "svg" else {"Software": None}
        figure.savefig(file, format=format, dpi=120, metadata=metadata)
    return file.getvalue()


def _draw(axes: Axes, curve: Curve) -> None:
    points = reduced(curve.points, _MOST_POINTS)
    places: Sequence[Any] = places_of(points, curve.kind.axis)
    over_time = curve.kind.axis == "time" and places[0] == points[0].time
    if over_time:
        places = _dates(places)
    style: Any = "steps-post" if curve.kind.axis == "time" else "default"
    values, low, high = (_floats(points, field) for field in ("value", "low", "high"))
    axes.set_title(shortened(title_of(curve), _LONGEST_TITLE), fontsize=10, loc="left")
    if any(one == one for one in low):
        axes.fill_between(places, low, high, color=_LINE, alpha=0.25, linewidth=0)
    marker = "o" if len(points) <= _MOST_DOTS else ""
    axes.plot(places, values, color=_LINE, linewidth=1.4, drawstyle=style, marker=marker, markersize=2.5)
    axes.grid(color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.ticklabel_format(axis="y", useOffset=False, style="sci", scilimits=(-3, 6))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if over_time:
        _label_dates(axes)
    else:
        _label_steps(axes)


def _dates(times: Sequence[int]) -> list[Any]:
    from datetime import datetime, timezone

    return [datetime.fromtimestamp(time, timezone.utc) for time in times]


def _label_dates(axes: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.set_xlabel("time (UTC)", fontsize=8)


def _label_steps(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.ticklabel_format(axis="x", useOffset=False, style="plain")
    axes.set_xlabel("step", fontsize=8)


def _floats(points: Sequence[Point], field: str) -> list[float]:
    return [float("nan") if (value := getattr(point, field)) is None else float(value) for point in points]
