"""The table and the curves of a preview, formatted for the width of a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from psyche_cli.durations import format_duration
from psyche_cli.operations.config.payloads import PreviewData
from psyche_cli.operations.tables import text_table
from psyche_cli.plots import Curve, side_by_side, text_plot
from psyche_cli.run_config.forecast import Forecast

WIDE: Final = 120
"""Minimum width in columns at which the curves are printed side by side."""

_HEIGHT: Final = 8
_GAP: Final = 4
_SAMPLES_PER_COLUMN: Final = 2
_HEADINGS: Final = ("step", "epoch", "starts after", "sequences", "tokens before", "learning rate")


@dataclass(frozen=True)
class PreviewText:
    """The text printed below the summary of a preview."""

    data: PreviewData
    forecast: Forecast

    def __call__(self, width: int, utf8: bool) -> list[str]:
        """The lines for a terminal of ``width`` columns; without ``utf8``, the curves are ASCII."""
        if self.forecast.last_step < 1:
            return []
        wide = width >= WIDE
        each = (width - _GAP) // 2 if wide else width
        plots = [
            text_plot(curve, width=each, height=_HEIGHT, braille=utf8)
            for curve in curves(self.forecast, each * _SAMPLES_PER_COLUMN)
        ]
        below = side_by_side(plots[0], plots[1], each + _GAP) if wide else [*plots[0], "", *plots[1]]
        return [*_table(self.data), "", *below]


def curves(forecast: Forecast, samples: int) -> list[Curve]:
    """The learning rate and the batch size over the steps of a run, each as at most ``samples`` values."""
    last = forecast.last_step
    count = min(samples, last)
    steps = [1 + at * (last - 1) // max(count - 1, 1) for at in range(count)]
    found = [forecast.at(step) for step in steps]
    ends = ("step 1", f"{last:,}")
    return [
        Curve("Learning rate", [at.learning_rate for at in found], *ends),
        Curve("Sequences per step", [float(at.batch_size) for at in found], *ends),
    ]


def _table(data: PreviewData) -> list[str]:
    rows = [
        (
            f"{at.step:,}",
            f"{at.epoch:,}",
            format_duration(at.starts_after_seconds),
            f"{at.batch_size:,}",
            f"{at.tokens_before:,}",
            f"{at.learning_rate:.6g}",
        )
        for at in data.shown_steps
    ]
    return text_table([_HEADINGS, *rows])
