"""No test helper is duplicated: one used by several test folders is in ``tests/support``, with a unique name."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
SHORTEST_HELPER, SHORTEST_CONSTANT = 40, 80
"""Shorter code may be repeated; in characters."""


@pytest.fixture(scope="module")
def modules() -> list[tuple[str, list[ast.stmt]]]:
    return [
        (path.relative_to(TESTS).as_posix(), ast.parse(path.read_text(encoding="utf-8")).body)
        for path in sorted(TESTS.rglob("*.py"))
        if "node_modules" not in path.parts
    ]


def code_of(statement: ast.stmt) -> str | None:
    """The code of a helper or constant without its name and docstring; None for anything else."""
    if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
        return ast.unparse(statement.value)
    if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return None
    body = statement.body[1:] if ast.get_docstring(statement) else statement.body
    arguments = "" if isinstance(statement, ast.ClassDef) else ast.unparse(statement.args)
    return "\n".join([arguments, *map(ast.unparse, body)]).strip()


def repeated(bodies: Iterable[tuple[str, list[ast.stmt]]]) -> list[list[str]]:
    """Each helper that is defined in several modules, with these modules."""
    places: dict[str, set[str]] = defaultdict(set)
    for module, body in bodies:
        for statement in body:
            code = code_of(statement)
            shortest = SHORTEST_CONSTANT if isinstance(statement, ast.Assign | ast.AnnAssign) else SHORTEST_HELPER
            if code is not None and len(code) >= shortest and "__file__" not in code:
                places[code].add(module)
    return [sorted(found) for found in places.values() if len(found) > 1]


def test_no_helper_is_duplicated(modules: list[tuple[str, list[ast.stmt]]]) -> None:
    assert not repeated(modules)


def test_names_of_shared_helpers_are_unique(modules: list[tuple[str, list[ast.stmt]]]) -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for module, body in modules:
        for statement in body:
            if isinstance(statement, ast.FunctionDef | ast.ClassDef):
                owners[statement.name].add(module)
    shared = {name: found for name, found in owners.items() if any(module.startswith("support/") for module in found)}
    assert {name: sorted(found) for name, found in shared.items() if len(found) > 1} == {}


def test_a_duplicate_with_another_name_or_docstring_is_found() -> None:
    code = "def {name}(number: int) -> bytes:\n    {doc}\n    return number.to_bytes(32, 'little') * 2\n"
    first = ast.parse(code.format(name="image", doc="'''An image.'''")).body
    second = ast.parse(code.format(name="block", doc="'''A block.'''")).body
    other = ast.parse("def image() -> bytes:\n    return b''\n").body
    assert repeated([("a.py", first), ("b.py", second)]) == [["a.py", "b.py"]]
    assert not repeated([("a.py", first), ("b.py", other)])
