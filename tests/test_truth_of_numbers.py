"""The truth value of a number is never used where 0 is a valid value: a state, an index, an amount, a rate.

``if state:`` reads like "if there is a state", but is false for the state with the number 0. Finding such conditions
requires types, so the types inferred by mypy are used.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def faults(folder: Path) -> list[str]:
    """The conditions of a package that are numbers, one per line."""
    command = [sys.executable, "-m", "tests.support.numeric_conditions", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.first
def test_no_number_is_used_as_a_condition() -> None:
    found = faults(ROOT / "psyche_cli")
    assert not found, "compare with None or with 0 instead:\n" + "\n".join(found)


def test_a_state_that_may_be_none_is_found(tmp_path: Path) -> None:
    package = tmp_path / "psyche_cli"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "bad.py").write_text(
        "from enum import IntEnum\n"
        "class State(IntEnum):\n    NEW = 0\n"
        "def told(state: State | None, index: int | None, name: str | None, wanted: bool | None) -> object:\n"
        "    if state and state == State.NEW:\n        return index or 7\n"
        "    return name or wanted\n"
    )
    found = [line.rpartition("bad.py:")[2] for line in faults(package)]
    assert [line.split(":")[0] for line in found] == ["5", "6"]
