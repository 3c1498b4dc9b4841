"""The mutants of ``scripts/mutants`` are small, distinct faults, and the list of equivalent mutants is up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.mutation.__main__ import ROOT, TESTS, equivalents, modules
from scripts.mutation.mutate import mutant_names, mutants

SOURCE = '''
"""Docstrings are not mutated."""
LIMIT = 5


def capped(count: int, *, strict: bool = False) -> int | None:
    """Not here either."""
    if count > LIMIT and not strict:
        return LIMIT
    log(count)
    raise ValueError(f"{count} + 1")
'''


def test_all_kinds_of_faults(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(SOURCE)
    found = list(mutants(Path("module.py"), tmp_path))
    assert [mutant.name for mutant in found] == [
        "module: LIMIT = 5 -> LIMIT = 6",
        "module: LIMIT = 5 -> LIMIT = 4",
        "capped: False -> True",
        "capped: count > LIMIT and (not strict) -> not (count > LIMIT and (not strict))",
        "capped: count > LIMIT and (not strict) -> count > LIMIT or not strict",
        "capped: count > LIMIT and (not strict) -> count >= LIMIT and (not strict)",
        "capped: count > LIMIT and (not strict) -> count <= LIMIT and (not strict)",
        "capped: count > LIMIT and (not strict) -> count > LIMIT and strict",
        "capped: return LIMIT -> return None",
        "capped: log(count) -> pass",
        "capped: raise ValueError(f'{count} + 1') -> pass",
    ]
    for mutant in found:
        compile(mutant.source, str(path), "exec")
    assert len({mutant.source for mutant in found}) == len(found)
    assert [*mutant_names(Path("module.py"), tmp_path)] == [mutant.name for mutant in found]


@pytest.mark.parametrize("room", TESTS, ids=str)
def test_every_listed_equivalent_exists_and_has_a_reason(room: Path) -> None:
    names = {(str(path), name) for path in modules(room) for name in mutant_names(path, ROOT)}
    listed = {key: reason for key, reason in equivalents().items() if Path(key[0]).is_relative_to(room)}
    assert names
    assert set(listed) <= names
    assert all(len(reason) > 20 for reason in listed.values())
