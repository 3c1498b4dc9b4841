"""The report of a rehearsal as one HTML file, without scripts or anything that is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from psyche_cli.durations import format_duration
from psyche_cli.operations.rehearsal.payloads import RehearsalData, RehearsedRound
from psyche_cli.operations.rehearsal.text import (
    MEMBER_COLUMNS,
    amount_text,
    beside,
    details,
    fault_lines,
    lie_lines,
    member_cells,
    summary,
)
from psyche_cli.operations.simulation.reasons import EPOCH_ENDS
from psyche_cli.plots import Curve, Timeline, svg_plot
from psyche_cli.printable import printable

_STYLE: Final = """
:root { color-scheme: light dark; --page: #ffffff; --text: #1b1f24; --soft: #57606a; --rule: #d0d7de; --line: #1f5fa8;
  --card: #f6f8fa; --bad: #b42318; --good: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --page: #0d1117; --text: #e6edf3; --soft: #9aa4af; --rule: #30363d;
  --line: #7cb2ee; --card: #161b22; --bad: #ff7b72; --good: #56d364; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1100px; padding: 24px 16px 64px; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 8px; }
h2 { font-size: 1.15rem; margin: 36px 0 8px; }
p { margin: 8px 0; }
dl { display: grid; grid-template-columns: minmax(90px, max-content) 1fr; gap: 4px 16px; background: var(--card);
  border: 1px solid var(--rule); border-radius: 8px; padding: 12px 16px; margin: 16px 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; min-width: 100%; }
caption { text-align: left; color: var(--soft); padding-bottom: 4px; }
th, td { padding: 4px 10px; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; }
th:first-child, td:first-child, .text { text-align: left; }
td.long { white-space: normal; min-width: 220px; }
.bad { color: var(--bad); }
.good { color: var(--good); }
li { margin: 4px 0; overflow-wrap: anywhere; }
code { overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--soft); }
.wide:focus-visible { outline: 2px solid var(--line); }
svg { display: block; width: 100%; height: auto; }
@media (max-width: 600px) { svg text { font-size: 21px; } }
svg rect[width="100%"] { fill: var(--page); }
svg text { fill: var(--text); }
svg line { stroke: var(--rule); }
svg polyline { stroke: var(--line); }
@media print { body { max-width: none; } details > * { display: block; } }
"""
_SHORT_HASH: Final = 12
_LONG: Final = 24


def page(data: RehearsalData) -> str:
    """The HTML document."""
    title = f"Rehearsal of {data.path or data.run_id}"
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{_text(title)}</title>",
        f"<style>{_STYLE}</style>",
        "</head>",
        "<body>",
        "<main>",
        f"<h1>{_text(title)}</h1>",
        f"<p>{_text(summary(data))}</p>",
        "<dl>",
        *(f"<dt>{_text(label)}</dt><dd>{_text(value)}</dd>" for label, value in details(data)),
        "</dl>",
        *_sections(data),
        "</main>",
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _sections(data: RehearsalData) -> Iterable[str]:
    yield from _list("Advice", [one.sentence for one in data.advice])
    yield "<h2>Course of the run</h2>"
    yield plot(data)
    yield "<h2>Members</h2>"
    yield from _table(
        [*MEMBER_COLUMNS, "end"],
        [[*member_cells(one), one.ended] for one in data.member_list],
        words=("worker", "end"),
    )
    yield "<h2>Epochs, beside the prediction</h2>"
    yield from _table(
        ["epoch", "rounds", "lasts", "members", "paid", "loss", "end"],
        [
            [
                f"{one.epoch}",
                beside(f"{one.rounds}", None if one.predicted_rounds is None else f"{one.predicted_rounds}"),
                beside(
                    format_duration(one.seconds),
                    None if one.predicted_seconds is None else format_duration(one.predicted_seconds),
                ),
                f"{one.clients_left} of {one.clients}",
                beside(amount_text(one.paid), None if one.predicted_paid is None else amount_text(one.predicted_paid)),
                "-" if one.loss is None else f"{one.loss:.3f}",
                EPOCH_ENDS[one.end],
            ]
            for one in data.epoch_list
        ],
        words=("end",),
    )
    yield from _list("Faults", list(fault_lines(data)))
    yield from _list("Lies", list(lie_lines(data)))
    yield "<h2>Rounds</h2>"
    yield "<details><summary>All rounds</summary>"
    yield from _table(
        ["step", "epoch", "after", "lasts", "sequences", "clients", "counted", "loss", "weights", "missing results"],
        [_round_cells(one) for one in data.round_list],
        words=("missing results",),
    )
    yield "</details>"


def _round_cells(one: RehearsedRound) -> list[str]:
    return [
        f"{one.step:,}",
        f"{one.epoch}",
        format_duration(one.after),
        "-" if one.seconds is None else format_duration(one.seconds),
        f"{one.sequences}",
        f"{len(one.clients)}",
        f"{len(one.counted)}",
        "-" if one.loss is None else f"{one.loss:.3f}",
        "-" if one.weights is None else one.weights[:_SHORT_HASH],
        one.why or "",
    ]


def plot(data: RehearsalData) -> str:
    """The losses, the results and the durations of the rounds as an SVG document."""
    rounds = data.round_list
    first, last = (f"step {rounds[0].step}", f"step {rounds[-1].step}") if rounds else ("", "")
    nan = float("nan")
    panels: list[Curve | Timeline] = [
        Curve("Loss, in nats per byte", [nan if one.loss is None else one.loss for one in rounds], first, last),
        Curve("Members whose results counted", [float(len(one.counted)) for one in rounds], first, last),
        Curve("Duration of the round, in seconds", [float(one.seconds or 0) for one in rounds], first, last),
    ]
    return svg_plot(panels, title="Rounds", description=summary(data))


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, words: Sequence[str] = ()) -> Iterable[str]:
    yield '<div class="wide" tabindex="0"><table><thead><tr>'
    yield "".join(f'<th scope="col"{_class(name, words)}>{_text(name)}</th>' for name in headings)
    yield "</tr></thead><tbody>"
    for row in rows:
        cells = zip(headings, row, strict=True)
        yield "<tr>" + "".join(f"<td{_class(name, words, cell)}>{_text(cell)}</td>" for name, cell in cells) + "</tr>"
    yield "</tbody></table></div>"


def _class(name: str, words: Sequence[str], cell: str = "") -> str:
    """The class of a cell: text is aligned left, and wrapped if it is long."""
    if name not in words:
        return ""
    return ' class="text long"' if len(cell) > _LONG else ' class="text"'


def _list(title: str, sentences: Sequence[str]) -> Iterable[str]:
    if sentences:
        yield f"<h2>{_text(title)}</h2>"
        yield "<ul>" + "".join(f"<li>{_text(sentence)}</li>" for sentence in sentences) + "</ul>"


def _text(value: str) -> str:
    return escape(printable(value))
