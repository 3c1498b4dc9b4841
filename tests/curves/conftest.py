"""Stories of runs and their histories, as in the tests of histories, and a run with liars."""

from __future__ import annotations

import math

import pytest

from psyche_cli.members.records import WitnessFigures
from tests.curves.reported import ReportedRun
from tests.history.conftest import reading, told

__all__ = ["reading", "reported", "told"]


@pytest.fixture(scope="session")
def reported() -> ReportedRun:
    """A run with five members, some of which lie. Tests must not continue it."""
    run = ReportedRun()
    run.create()
    run.resume()
    run.begin_training(5)
    run.losses(4.0, 4.25, 4.5, 1e30, -1e30)  # two liars, in step 1
    run.losses(3.0, 3.25, math.inf, 3.5, 1e30)
    run.losses(math.inf, math.inf, math.inf, 2.0, 1.0)  # most of them are no numbers
    run.round(*[WitnessFigures(loss=2.0, evals={"mmlu": 0.5, "\x1b[2J<b>$x$": math.inf})] * 3, step=4_000_000_000)
    run.losses(1.5, 1.5, None, None, None)
    return run
