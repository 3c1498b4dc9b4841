"""What must agree everywhere stands in one place: found by reading the source, so that a second copy fails."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from psyche_cli import base58

PACKAGE = Path(__file__).parent.parent / "psyche_cli"
SIZES = {1232, 119_160, 119_072}
"""Numbers that mean one thing only, wherever they stand."""


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Every node of the package's syntax trees with the path of its module."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield module, node


def test_the_base58_alphabet_stands_once() -> None:
    found = [m for m, node in nodes() if isinstance(node, ast.Constant) and node.value == base58.ALPHABET]
    assert found == ["base58.py"]


def test_limits_stand_once() -> None:
    found = {
        (module, node.lineno)
        for module, node in nodes()
        if (isinstance(node, ast.Constant) and type(node.value) is int and node.value in SIZES)
        or (isinstance(node, ast.expr) and ast.unparse(node) in ("2 ** 64 - 1", "2 ** 64", "1 << 64"))
    }
    assert {module for module, _ in found} == {"limits.py"}, found
