"""Counts of interleavings by verb and by fault, which the summary of pytest prints as two tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from psyche_cli.errors import ExitCode

from .judge import Attempt
from .world import Scenario

PROPERTY = "interleavings"
COLUMNS = ("all", "killed", "ok", "network", "expired", "unknown", "interrupted", "other")
_VERDICTS = {
    ExitCode.OK: "ok",
    ExitCode.NETWORK: "network",
    ExitCode.EXPIRED: "expired",
    ExitCode.UNKNOWN: "unknown",
    ExitCode.INTERRUPTED: "interrupted",
}


class Summary:
    """Counts of interleavings. Columns are counted per interleaving, by the outcome of its first process."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def add(self, scenario: Scenario, attempts: Iterable[Attempt]) -> None:
        """Count one interleaving."""
        first, *later = attempts
        met = set().union(*(attempt.line.met for attempt in (first, *later)))
        columns = {"all", "killed" if first.outcome is None else _VERDICTS.get(first.outcome.code, "other")}
        if any(attempt.line.killed for attempt in (first, *later)):
            columns.add("killed")
        for row in (f"verb {scenario.verb}", "verb (all)", *(f"fault {fault}" for fault in met or ["none"])):
            self.counts.update((row, column) for column in columns)

    @property
    def flat(self) -> list[list[object]]:
        """The counts as plain lists, for the report of a test."""
        return [[row, column, count] for (row, column), count in self.counts.items()]


def tables(parts: Iterable[Iterable[Iterable[object]]]) -> list[str]:
    """The lines of the tables for the counts of several tests."""
    counts: Counter[tuple[str, str]] = Counter()
    for part in parts:
        for row, column, count in part:
            assert isinstance(count, int)
            counts[str(row), str(column)] += count
    return [line for kind in ("verb", "fault") for line in _table(kind, counts)]


def _table(kind: str, counts: Mapping[tuple[str, str], int]) -> list[str]:
    rows = sorted({row for row, _ in counts if row.startswith(f"{kind} ")})
    width = max((len(row) for row in rows), default=0)
    head = f"{kind:<{width}}" + "".join(f"{column:>12}" for column in COLUMNS)
    return [
        head,
        *(
            f"{row.removeprefix(f'{kind} '):<{width}}"
            + "".join(f"{counts.get((row, column), 0):>12}" for column in COLUMNS)
            for row in rows
        ),
        "",
    ]
