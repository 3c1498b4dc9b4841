"""What must agree everywhere stands in one place: found by reading the source, so that a second copy fails."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from psyche_cli import base58
from psyche_cli.run_config.schema import CONFIG

PACKAGE = Path(__file__).parent.parent / "psyche_cli"
SCHEMA_AND_LAYOUT = {"run_config/schema.py", "protocol/layouts/v1.py"}
WHOLE_TYPES = {f"2 ** {bits}{less}" for bits in (16, 32, 64) for less in ("", " - 1")} | {"1 << 64"}
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
        or (isinstance(node, ast.expr) and ast.unparse(node) in WHOLE_TYPES)
    }
    assert {module for module, _ in found} == {"limits.py"}, found


def test_addresses_stand_once() -> None:
    places = defaultdict(list)
    for module, node in nodes():
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_address(node.value):
            places[node.value].append(module)
    assert len(places) > 20
    assert not {address: modules for address, modules in places.items() if len(modules) > 1}


def _is_address(text: str) -> bool:
    return len(text) in range(32, 45) and base58.foreign_position(text) is None and len(base58.decode(text)) == 32


def test_rpc_error_codes_stand_once() -> None:
    found = {
        module
        for module, node in nodes()
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and _is_rpc_code(node.operand)
    }
    assert found == {"solana/rpc/codes.py"}


def _is_rpc_code(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and 32_000 <= node.value < 32_800


def test_the_keys_of_the_configuration_stand_in_its_schema_and_in_the_account_layout_alone() -> None:
    keys = {field.key for field in CONFIG.fields}
    assert len(keys) == 14
    most: dict[str, int] = defaultdict(int)
    for module, node in nodes():
        if isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict):
            names = {item.value for item in ast.walk(node) if isinstance(item, ast.Constant)}
            most[module] = max(most[module], len(keys & names))
    # The rules name each key at most once per bound, and the advice a few.
    assert {module for module, count in most.items() if count == len(keys)} == SCHEMA_AND_LAYOUT


def test_a_type_of_the_account_is_defined_once() -> None:
    places = defaultdict(list)
    for module, node in nodes():
        if isinstance(node, ast.ClassDef) and module.startswith(("protocol/accounts/", "model/")):
            places[node.name].append(module)
    assert not {name: modules for name, modules in places.items() if len(modules) > 1}
