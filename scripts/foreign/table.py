"""The table of the suites, and the reason of each failure."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import tomli

from scripts.foreign.outcomes import Case, Outcome

REASONS: Final = Path(__file__).with_name("reasons.toml")
UNEXPLAINED: Final = "unexplained"
LONGEST: Final = 160
"""Characters of a failure's message that are shown."""


class Result(NamedTuple):
    """A suite that was run: its name, the version of its package, and its tests."""

    suite: str
    version: str
    tests: Sequence[Case]

    def count(self, outcome: Outcome) -> int:
        """The number of tests with an outcome."""
        return sum(test.outcome is outcome for test in self.tests)


Reasons = Mapping[str, Mapping[str, str]]
"""By suite: patterns of names of tests (``*`` stands for any text), and one clause for each."""


def read_reasons(path: Path = REASONS) -> Reasons:
    """The reasons of the failures that are known."""
    return tomli.loads(path.read_text(encoding="utf-8"))


def reason_of(result: Result, test: Case, reasons: Reasons) -> str:
    """The reason of a failure, or ``unexplained``."""
    known = reasons.get(result.suite, {})
    if test.name in known:
        return known[test.name]
    return next((known[pattern] for pattern in known if fnmatch.fnmatchcase(test.name, pattern)), UNEXPLAINED)


def unexplained(results: Sequence[Result], reasons: Reasons) -> list[Case]:
    """The failures for which no reason is known."""
    return [
        test
        for result in results
        for test in result.tests
        if test.outcome is Outcome.FAILED and reason_of(result, test, reasons) == UNEXPLAINED
    ]


def unneeded(results: Sequence[Result], reasons: Reasons) -> list[str]:
    """The reasons that no failure needed, as ``suite: pattern``, of the suites that were run."""
    lines = []
    for result in results:
        failed = [test.name for test in result.tests if test.outcome is Outcome.FAILED]
        lines += [
            f"{result.suite}: {pattern}"
            for pattern in reasons.get(result.suite, {})
            if pattern not in failed and not fnmatch.filter(failed, pattern)
        ]
    return lines


def lines(results: Sequence[Result], reasons: Reasons) -> Iterator[str]:
    """The table of counts, then every failure with its reason; an unexplained one with what it said."""
    yield f"{'suite':<16} {'version':<10} {'passed':>7} {'failed':>7} {'skipped':>8}"
    for result in results:
        passed, failed, skipped = (result.count(outcome) for outcome in Outcome)
        yield f"{result.suite:<16} {result.version:<10} {passed:>7} {failed:>7} {skipped:>8}"
    for result in results:
        for test in result.tests:
            if test.outcome is Outcome.FAILED:
                reason = reason_of(result, test, reasons)
                yield ""
                yield f"{result.suite} {test.name}"
                yield f"    {reason}"
                if reason == UNEXPLAINED and test.said:
                    yield f"    {test.said[:LONGEST]}"
    for line in unneeded(results, reasons):
        yield ""
        yield f"No longer fails: {line}"
