"""Write ``docs/pictures/show.svg``, the screen of ``psyche-cli show``. A test checks that the file is up to date.

The run is played on an in-process validator whose clock stands still, so that the picture is always the same.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from psyche_cli.folding import cells  # noqa: E402 -- after the path
from psyche_cli.operations.sessions import reading_session  # noqa: E402
from psyche_cli.operations.status.screen import screen_lines  # noqa: E402
from psyche_cli.operations.status.show import show, title_of  # noqa: E402
from psyche_cli.operations.status.show_payloads import ShowData  # noqa: E402
from psyche_cli.printable import printable  # noqa: E402
from psyche_cli.redaction import Redactor  # noqa: E402
from psyche_cli.results import Line, Span  # noqa: E402
from psyche_cli.solana.wallet import load_keypair_file  # noqa: E402
from tests.cli.harness import Chain, CommandLine, environment_of  # noqa: E402
from tests.support.run_driver import RunDriver  # noqa: E402
from tests.support.shown_runs import RUNS, START  # noqa: E402

TARGET = ROOT / "docs" / "pictures" / "show.svg"
RUN_ID: Final = "demo"
COLUMNS: Final = 80
_SIGNATURES: Final = ("5Cna4tJj", "LKHaUe4g", "39M8HVQf")
"""The beginnings of signatures, which differ each time that the run is played."""

_CELL, _LINE, _PADDING, _SIZE = 8.4, 19, 18, 14
_BACKGROUND, _PLAIN = "#16181d", "#d8dee9"
_COLORS: Final = {
    "bold": "#ffffff",
    "dim": "#8a93a3",
    "good": "#8fce74",
    "caution": "#e6c35c",
    "bad": "#f0776c",
}


def shown_run() -> ShowData:
    """The values on the screen of the run in the picture."""
    with tempfile.TemporaryDirectory() as folder:
        chain, files = Chain.start(Path(folder), stopped_at=START, owner=100)
        owner = load_keypair_file(files["owner"], lambda _: None, Redactor())
        RUNS["training"](RunDriver(chain.transport("http://127.0.0.1:1"), owner, RUN_ID))
        environment = environment_of(CommandLine(Path(folder), chain.transport))
        with reading_session(environment, rpc="http://127.0.0.1:1") as session:
            data = show(session, run_id=RUN_ID).data
    latest = [replace(one, signature=signature) for one, signature in zip(data.transactions, _SIGNATURES, strict=True)]
    return replace(data, transactions=latest)


def picture(data: ShowData) -> str:
    """The screen of a run as an SVG document without scripts or external references."""
    lines: list[Line] = [
        [Span("$ ", "dim"), Span(f"psyche-cli show --run-id {data.run_id}")],
        [Span(title_of(data), "bold")],
        [],
        *screen_lines(data, COLUMNS, True),
    ]
    return screen_picture(lines, f"The output of psyche-cli show: {printable(title_of(data))}")


def screen_picture(lines: Sequence[Line], title: str) -> str:
    """The lines of a screen of COLUMNS as an SVG document without scripts or external references."""
    width, height = round(COLUMNS * _CELL + 2 * _PADDING), len(lines) * _LINE + 2 * _PADDING
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"',
        'role="img" aria-labelledby="title" font-family="ui-monospace, Menlo, Consolas, monospace"',
        f'font-size="{_SIZE}">',
        f'<title id="title">{escape(title)}</title>',
        f'<rect width="100%" height="100%" rx="8" fill="{_BACKGROUND}"/>',
    ]
    for number, line in enumerate(lines):
        parts += _texts(line, _PADDING + (number + 0.75) * _LINE)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _texts(line: Sequence[Span], y: float) -> list[str]:
    """The spans of a line, each as wide as its cells whatever the font."""
    found, column = [], 0
    for span in line:
        text = printable(span.text)
        lead = len(text) - len(text.lstrip(" "))
        shown = text.strip(" ")
        if shown:
            x, width = _PADDING + (column + lead) * _CELL, cells(shown) * _CELL
            color = _PLAIN if span.style is None else _COLORS[span.style]
            weight = ' font-weight="bold"' if span.style == "bold" else ""
            found.append(
                f'<text x="{x:.1f}" y="{y:.1f}" textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs"'
                f' fill="{color}"{weight} xml:space="preserve">{escape(shown)}</text>'
            )
        column += cells(text)
    return found


def main() -> None:
    """Write the picture."""
    TARGET.write_text(picture(shown_run()), encoding="utf-8")


if __name__ == "__main__":
    main()
