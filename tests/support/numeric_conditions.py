"""Numbers that are used as conditions: ``python -m tests.support.numeric_conditions FOLDER`` prints them.

A process of its own, because mypy keeps two million objects, which would slow down garbage collection in later tests.
"""

from __future__ import annotations

import ast
import inspect
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from mypy import build, nodes, types
from mypy.config_parser import parse_config_file
from mypy.find_sources import create_source_list
from mypy.options import Options

ROOT = Path(__file__).resolve().parents[2]
STRICT_ROOMS = ("psyche_cli.operations", "psyche_cli.cli", "psyche_cli.protocol", "psyche_cli.run_config")
"""Packages in which no number may be used as a condition; elsewhere this applies to enums and optional numbers."""

NUMBERS = {"builtins.int", "builtins.float", "decimal.Decimal"}
_PLACE = tuple[int, int, "int | None", "int | None"]


def numbers_as_conditions(result: build.BuildResult) -> Iterator[str]:
    # mypy does not say which module an expression is in, and to look for it takes long. So that is done only in a
    # module with a condition at the place of a number in any module.
    numbers = {place_of(expression) for expression, kind in result.types.items() if is_fault(kind, strict=True)}
    for module, state in result.graph.items():
        if state.tree is None or state.path is None or not module.startswith("psyche_cli"):
            continue
        conditions = set(places_of_conditions(ast.parse(Path(state.path).read_text(encoding="utf-8"))))
        if not conditions & numbers:
            continue
        found: dict[_PLACE, types.Type] = {}
        for expression in expressions(state.tree):
            kind = result.types.get(expression)
            if kind is not None:
                found[place_of(expression)] = kind
        for place in sorted(conditions):
            if place in found and is_fault(found[place], strict=module.startswith(STRICT_ROOMS)):
                yield f"{state.path}:{place[0]}: {found[place]}"


def place_of(expression: nodes.Expression) -> _PLACE:
    return expression.line, expression.column, expression.end_line, expression.end_column


def is_fault(kind: types.Type, *, strict: bool) -> bool:
    proper = types.get_proper_type(kind)
    items = [types.get_proper_type(item) for item in proper.items] if isinstance(proper, types.UnionType) else [proper]
    numbers = [item.type for item in items if isinstance(item, types.Instance) and is_number(item.type)]
    return bool(numbers) and (strict or len(items) > 1 or any(number.is_enum for number in numbers))


def is_number(info: nodes.TypeInfo) -> bool:
    names = {base.fullname for base in info.mro}
    return bool(names & NUMBERS) and "builtins.bool" not in names


def places_of_conditions(tree: ast.AST) -> Iterator[tuple[int, int, int | None, int | None]]:
    """The positions of all expressions that are used as conditions."""
    for node in ast.walk(tree):
        conditions: list[ast.expr] = []
        if isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert):
            conditions = [node.test]
        elif isinstance(node, ast.BoolOp):
            conditions = [] if is_zero(node.values[-1]) else node.values[:-1]
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            conditions = [node.operand]
        elif isinstance(node, ast.comprehension):
            conditions = node.ifs
        for condition in conditions:
            yield from below(condition)


def is_zero(expression: ast.expr) -> bool:
    """``number or 0`` is 0 if the number is 0, so it is harmless."""
    return isinstance(expression, ast.Constant) and expression.value == 0


def below(condition: ast.expr) -> Iterator[tuple[int, int, int | None, int | None]]:
    if isinstance(condition, ast.BoolOp):
        for value in condition.values:
            yield from below(value)
    else:
        yield condition.lineno, condition.col_offset, condition.end_lineno, condition.end_col_offset


def expressions(tree: nodes.MypyFile) -> Iterator[nodes.Expression]:
    """All expressions of a module. mypy's own visitors are compiled and cannot be subclassed here."""
    seen: set[int] = set()
    known: dict[str, list[str]] = {}
    left: list[object] = list(tree.defs)
    while left:
        node = left.pop()
        if isinstance(node, list | tuple):
            left += node
        elif isinstance(node, nodes.TypeInfo):
            left.append(node.defn)
        elif isinstance(node, nodes.Node) and id(node) not in seen:
            seen.add(id(node))
            if isinstance(node, nodes.Expression):
                yield node
            left += nodes_below(node, known)


def nodes_below(node: nodes.Node, known: dict[str, list[str]]) -> list[object]:
    """The children of a node. ``known`` caches the attributes that can hold nodes by class, as inspection is slow."""
    kind = type(node)
    if kind.__name__ not in known:
        references = {"node", "_node", "info", "analyzed", "fullname"}
        known[kind.__name__] = [
            name
            for name in dir(kind)
            if name not in references and inspect.isgetsetdescriptor(getattr(kind, name, None))
        ]
    values = [getattr(node, name, None) for name in known[kind.__name__]]
    return [value for value in values if isinstance(value, nodes.Node | list | tuple)]


def checked(source: str | Path) -> build.BuildResult:
    """The package ``source`` with a type for every expression. Other packages are not read."""
    options = Options()
    parse_config_file(options, lambda: None, str(ROOT / "pyproject.toml"), io.StringIO(), io.StringIO())
    options.export_types = options.preserve_asts = True
    options.incremental = False
    options.follow_imports = "skip"
    return build.build(create_source_list([str(source)], options), options)


if __name__ == "__main__":
    for fault in numbers_as_conditions(checked(sys.argv[1])):
        print(fault)  # noqa: T201
