"""Mutants of a module: copies of its source with one small fault each."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_LONGEST_CONTEXT = 70


@dataclass(frozen=True)
class Mutant:
    """A fault: its location, the code before and after, and the complete mutated ``source``."""

    path: Path
    line: int
    name: str
    """Identifies the fault even if lines move: function, code before and after, and a number if there are several."""
    source: str


def mutants(path: Path, root: Path) -> Iterator[Mutant]:
    """All mutants of the module at ``path``, relative to ``root``."""
    for line, name, tree in _faults(path, root):
        yield Mutant(path, line, name, ast.unparse(ast.fix_missing_locations(tree)))


def mutant_names(path: Path, root: Path) -> Iterator[str]:
    """The names of all mutants of a module, without their sources, which take most of the time."""
    for _, name, _ in _faults(path, root):
        yield name


def _faults(path: Path, root: Path) -> Iterator[tuple[int, str, ast.Module]]:
    """The line and name of each fault, and the module's tree, which has the fault until the next one."""
    tree = ast.parse((root / path).read_text(encoding="utf-8"))
    seen: Counter[str] = Counter()
    for scope, parent, field, index, node in _places(tree, "module", inside=False):
        for replacement in _replacements(node, parent, field):
            shown = _shown(parent, node)
            before = _first_line(shown)
            _put(parent, field, index, replacement)
            after = _first_line(replacement if shown is node else shown)
            name = f"{scope}: {before} -> {after}"
            seen[name] += 1
            if seen[name] > 1:
                name += f" #{seen[name]}"
            yield getattr(node, "lineno", 0), name, tree
            _put(parent, field, index, node)


def _put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


_Place = tuple[str, ast.AST, str, "int | None", ast.AST]


def _places(parent: ast.AST, scope: str, *, inside: bool) -> Iterator[_Place]:
    """All nodes that may be replaced, each with its function and its position in the parent node."""
    for field, value in ast.iter_fields(parent):
        if field in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        if isinstance(parent, (ast.Import, ast.ImportFrom, ast.JoinedStr)):
            continue
        children: list[tuple[int | None, ast.AST]] = [(None, value)] if isinstance(value, ast.AST) else []
        if isinstance(value, list):
            children = [(index, child) for index, child in enumerate(value) if isinstance(child, ast.AST)]
        for index, child in children:
            within = scope
            if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                within = child.name if scope == "module" else f"{scope}.{child.name}"
            function = inside or isinstance(child, ast.FunctionDef)
            if inside or not isinstance(child, ast.stmt):
                yield scope, parent, field, index, child
            yield from _places(child, within, inside=function)


def _replacements(node: ast.AST, parent: ast.AST, field: str) -> Iterator[ast.AST]:
    if isinstance(node, ast.expr) and field == "test" and not _flips_anyway(node):
        yield ast.UnaryOp(ast.Not(), node)
    if isinstance(node, ast.expr) and isinstance(parent, ast.comprehension) and field == "ifs":
        yield ast.UnaryOp(ast.Not(), node)
    for kind, replace in _BY_KIND.items():
        if isinstance(node, kind):
            yield from replace(node)


def _flips_anyway(test: ast.expr) -> bool:
    """Whether another mutation already negates the condition."""
    if isinstance(test, ast.Constant):
        return True
    return isinstance(test, ast.UnaryOp) or (isinstance(test, ast.Compare) and len(test.ops) == 1)


def _compare(node: ast.Compare) -> Iterator[ast.AST]:
    for position, operator in enumerate(node.ops):
        for other in _COMPARISONS[type(operator)]:
            operators = [*node.ops[:position], other(), *node.ops[position + 1 :]]
            yield ast.Compare(node.left, operators, node.comparators)


def _bool_op(node: ast.BoolOp) -> Iterator[ast.AST]:
    yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)


def _bin_op(node: ast.BinOp) -> Iterator[ast.AST]:
    other = _ARITHMETIC.get(type(node.op))
    if other is not None:
        yield ast.BinOp(node.left, other(), node.right)


def _unary_op(node: ast.UnaryOp) -> Iterator[ast.AST]:
    if isinstance(node.op, (ast.Not, ast.USub)):
        yield node.operand


def _constant(node: ast.Constant) -> Iterator[ast.AST]:
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, (int, float)):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)


def _name(node: ast.Name) -> Iterator[ast.AST]:
    if node.id in _NAMES:
        yield ast.Name(_NAMES[node.id], ast.Load())


def _statement(node: ast.stmt) -> Iterator[ast.AST]:
    if isinstance(node, ast.Expr) and isinstance(node.value, (ast.Constant, ast.Yield)):
        return
    if isinstance(node, ast.Assign) and not any(isinstance(target, ast.Attribute) for target in node.targets):
        return  # without the assignment, the first use of the variable raises NameError
    yield ast.Pass()


def _return(node: ast.Return) -> Iterator[ast.AST]:
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield ast.Return(ast.Constant(None))


_BY_KIND: dict[type[ast.AST] | tuple[type[ast.AST], ...], Callable[..., Iterator[ast.AST]]] = {
    ast.Compare: _compare,
    ast.BoolOp: _bool_op,
    ast.BinOp: _bin_op,
    ast.UnaryOp: _unary_op,
    ast.Constant: _constant,
    ast.Name: _name,
    (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise, ast.Continue, ast.Break): _statement,
    ast.Return: _return,
}


def _shown(parent: ast.AST, node: ast.AST) -> ast.AST:
    """The node whose text describes the change: the parent of a small expression, otherwise the node itself."""
    small = isinstance(node, ast.expr) and isinstance(parent, (ast.expr, ast.keyword, ast.Assign, ast.AnnAssign))
    return parent if small and len(ast.unparse(parent)) <= _LONGEST_CONTEXT else node


def _first_line(node: ast.AST) -> str:
    text = ast.unparse(node).partition("\n")[0]
    return text if len(text) <= _LONGEST_CONTEXT else f"{text[:_LONGEST_CONTEXT]}..."
