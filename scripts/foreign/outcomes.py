"""What the tests of a suite came to: read from the reports of pytest and of Rust's test programs."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple


class Outcome(Enum):
    """What one test came to. A test whose set-up failed has failed."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Case(NamedTuple):
    """One test: its name within its suite, its outcome, and the last line of its failure (may be empty)."""

    name: str
    outcome: Outcome
    said: str = ""


NOT_ENDED: Final = "did not end in time"


def from_junit(path: Path) -> list[Case]:
    """The tests in a JUnit report of pytest, named ``module::test`` without the leading package.

    pytest lists a test twice if its teardown fails after it passed; then it has failed.
    """
    tests: dict[str, Case] = {}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        module = case.get("classname", "").removeprefix("tests.")
        name = f"{module}::{case.get('name')}"
        bad = [found for tag in ("failure", "error") for found in case.findall(tag)]
        if bad:
            tests[name] = Case(name, Outcome.FAILED, _first_line(bad[0].get("message", "")))
        elif case.find("skipped") is not None:
            tests[name] = Case(name, Outcome.SKIPPED)
        else:
            tests.setdefault(name, Case(name, Outcome.PASSED))
    return list(tests.values())


def listed(text: str) -> list[str]:
    """The names of the tests that ``--list --format terse`` of a Rust test program prints."""
    return [line.removesuffix(": test") for line in text.splitlines() if line.endswith(": test")]


def of_a_rust_test(name: str, text: str) -> Case:
    """The outcome of the only test that a Rust test program ran, from its stdout and stderr."""
    found = re.search(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", text, re.MULTILINE)
    if found is None:
        return Case(name, Outcome.FAILED, _first_line(text) or "the program ended without a result")
    passed, failed, ignored = map(int, found.groups())
    if (passed, failed) == (1, 0):
        return Case(name, Outcome.PASSED)
    if (passed, failed, ignored) == (0, 0, 1):
        return Case(name, Outcome.SKIPPED)
    panic = re.search(r"panicked at .*?:\n(.*(?:\n +.*)*)", text)
    return Case(name, Outcome.FAILED, " ".join(panic[1].split()) if panic else "")


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
