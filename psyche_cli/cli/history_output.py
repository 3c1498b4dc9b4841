"""How ``history`` prints events while it reads them: JSON lines, CSV, or a table that grows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from psyche_cli.cli.render import Renderer, print_line
from psyche_cli.cli.watching import ended_by_ctrl_c
from psyche_cli.operations.history.facts import warnings_about
from psyche_cli.operations.history.files import csv_lines
from psyche_cli.operations.history.table import entry_lines, heading, is_shown
from psyche_cli.results import Document

if TYPE_CHECKING:
    from psyche_cli.environment import Environment
    from psyche_cli.operations.history.audit import OpenLog
    from psyche_cli.operations.history.payloads import HistoryEntry
    from psyche_cli.results import Line


def print_log(environment: Environment, log: OpenLog, form: Literal["table", "jsonl", "csv"], *, follow: bool) -> None:
    """Print the events of an open audit log one at a time and, to ``follow``, new ones as they come.

    What must not be overlooked about the history goes to stderr. Raises OSError if stdout cannot be written.
    """
    for warning in warnings_about(log.facts):
        environment.diagnostics.line(f"Warning: {warning}")
    printer = _Printer(environment, form)
    with ended_by_ctrl_c(follow):
        for entry in log.entries():
            printer.add(entry)
        for new in log.followed() if follow else ():
            if new is not None:
                printer.add(new)
            elif environment.reader_is_gone():
                return


class _Printer:
    def __init__(self, environment: Environment, form: str) -> None:
        self._environment = environment
        self._form = form
        self._renderer = Renderer(environment, command="history", as_json=True, compact=True)
        self._before: HistoryEntry | None = None
        if form == "csv":
            self._lines(csv_lines([]))
        elif form == "table":
            self._lines([_text(heading(environment.columns))])

    def add(self, entry: HistoryEntry) -> None:
        if self._form == "jsonl":
            self._renderer.result(Document(entry))
        elif self._form == "csv":
            self._lines(csv_lines([entry], heading=False))
        elif is_shown(entry):
            self._lines(_text(line) for line in entry_lines(entry, self._before, self._environment.columns))
        if not entry.is_reliable and (self._before is None or self._before.is_reliable):
            problem = f": {entry.problems[0]}" if entry.problems else "."
            self._environment.diagnostics.line(
                f"Warning: From transaction {entry.signature} on, the replayed states are not reliable{problem}"
            )
        if self._form != "table" or is_shown(entry):
            self._before = entry

    def _lines(self, lines: Iterator[str] | list[str]) -> None:
        for line in lines:
            print_line(self._environment, line)


def _text(line: Line) -> str:
    return "".join(span.text for span in line).rstrip()
