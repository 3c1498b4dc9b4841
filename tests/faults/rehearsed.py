"""Carries out random rehearsals with faults, and prints what is wrong.

``python -m tests.faults.rehearsed --count 300 --seed 7``
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.support.forking import Forker

from .rehearsal_judge import judge, outcomes
from .rehearsal_runs import IMPORTED, Plan, Rehearsals, drawn_plan, left_over


def rehearse_and_judge(
    rehearsals: Rehearsals, forker: Forker, plan: Plan, monkeypatch_setattr: Callable[[object, str, object], None]
) -> tuple[list[str], Counter[str]]:
    """Rehearse a plan. Returns what is wrong, and how many lies there were."""
    counts: Counter[str] = Counter()
    try:
        found = rehearsals.rehearse(plan, monkeypatch_setattr)
        faults, counts = [*judge(plan, found)], outcomes(plan, found)
    except Exception:
        faults = [traceback.format_exc()]
    return [*faults, *left_over(rehearsals, forker)], counts


def rehearse_many() -> int:
    """Carry out the rehearsals of a seed, and return how many of them are wrong."""
    parser = argparse.ArgumentParser(prog="tests.faults.rehearsed")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", default="1")
    given = parser.parse_args()
    wrong, total = 0, Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        forker = Forker(Path(folder), *IMPORTED)
        base = Path(folder) / "rehearsals"
        base.mkdir()
        rehearsals = Rehearsals(forker, base)
        for number in range(given.count):
            plan = drawn_plan(f"{given.seed}:{number}")
            faults, counts = rehearse_and_judge(rehearsals, forker, plan, setattr)
            total += counts
            if faults:
                wrong += 1
                sys.stdout.write("\n  ".join([f"{given.seed}:{number}: {plan}", *faults]) + "\n")
            elif number % 10 == 9:
                sys.stdout.write(f"{number + 1} rehearsals, {wrong} wrong, {dict(total)}\n")
            sys.stdout.flush()
        rehearsals.close()
        left = forker.close()
    sys.stdout.write(f"{given.count} rehearsals, {wrong} wrong, {dict(total)}, launches left: {left}\n")
    return min(wrong + len(left), 1)


if __name__ == "__main__":
    sys.exit(rehearse_many())
