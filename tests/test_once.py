"""Values and functions that must agree are defined once: the source is searched for duplicates."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import TypeAlias

import pytest

from psyche_cli import base58, limits
from psyche_cli.protocol.layouts import v1
from psyche_cli.run_config.schema import CONFIG

PACKAGE = Path(__file__).parent.parent / "psyche_cli"
C_NAMES = {
    "MAX_CLIENTS": limits.MAX_CLIENTS,
    "MAX_WITNESSES": limits.MAX_WITNESSES,
    "STORED_ROUNDS": limits.STORED_ROUNDS,
    "RUN_ID_SIZE": limits.MAX_RUN_ID_BYTES,
    "CLIENT_VERSION_SIZE": limits.MAX_CLIENT_VERSION_BYTES,
    "SHORT_STRING": limits.MAX_RUN_NAME_BYTES,
    "DESCRIPTION_SIZE": limits.MAX_DESCRIPTION_BYTES,
}
SCHEMA_AND_LAYOUT = {"run_config/schema.py", "protocol/layouts/v1.py"}
WHOLE_TYPES = {f"2 ** {bits}{less}" for bits in (16, 32, 64) for less in ("", " - 1")} | {"1 << 64"}
SIZES = {1232, 119_160, 8899}
"""Numbers with a single meaning in the whole package."""
GENERATED = "_pb2"
"""Part of the names of generated modules, which repeat themselves."""
SHORTEST_FUNCTION, SHORTEST_CONSTANT = 40, 20
"""Shorter code may be repeated; in characters."""


Nodes: TypeAlias = list[tuple[str, ast.AST]]


@pytest.fixture(scope="module")
def nodes() -> Nodes:
    """All nodes of the package's syntax trees, with the path of the module."""
    return [
        (path.relative_to(PACKAGE).as_posix(), node)
        for path in sorted(PACKAGE.rglob("*.py"))
        if GENERATED not in path.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    ]


def test_the_base58_alphabet_is_defined_once(nodes: Nodes) -> None:
    found = [m for m, node in nodes if isinstance(node, ast.Constant) and node.value == base58.ALPHABET]
    assert found == ["base58.py"]


def test_limits_are_defined_once(nodes: Nodes) -> None:
    found = {
        (module, node.lineno)
        for module, node in nodes
        if (isinstance(node, ast.Constant) and type(node.value) is int and node.value in SIZES)
        or (isinstance(node, ast.BinOp) and ast.unparse(node) in WHOLE_TYPES)
    }
    assert {module for module, _ in found} == {"limits.py"}, found


def test_the_c_programs_have_the_same_capacities() -> None:
    header = (PACKAGE.parent / "programs" / "protocol" / "coordinator_account.h").read_text(encoding="utf-8")
    defined = {name: int(number) for name, number in re.findall(r"^#define (\w+) (\d+)\b", header, re.MULTILINE)}
    assert {name: defined[name] for name in C_NAMES} == C_NAMES


def test_the_layout_has_the_same_capacities() -> None:
    sizes = (
        (v1.RunMetadata.name, limits.MAX_RUN_NAME_BYTES),
        (v1.RunMetadata.description, limits.MAX_DESCRIPTION_BYTES),
        (v1.InstanceState.client_version, limits.MAX_CLIENT_VERSION_BYTES),
        (v1.Coordinator.run_id, limits.MAX_RUN_ID_BYTES),
    )
    assert [field.size for field, _ in sizes] == [limit for _, limit in sizes]


def test_addresses_are_defined_once(nodes: Nodes) -> None:
    places = defaultdict(list)
    for module, node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_address(node.value):
            places[node.value].append(module)
    assert len(places) > 20
    assert not {address: modules for address, modules in places.items() if len(modules) > 1}


def _is_address(text: str) -> bool:
    return len(text) in range(32, 45) and base58.first_invalid_position(text) is None and len(base58.decode(text)) == 32


def test_rpc_error_codes_are_defined_once(nodes: Nodes) -> None:
    found = {
        module
        for module, node in nodes
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and _is_rpc_code(node.operand)
    }
    assert found == {"solana/rpc/codes.py"}


def _is_rpc_code(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and 32_000 <= node.value < 32_800


def test_configuration_keys_are_only_in_the_schema_and_the_account_layout(nodes: Nodes) -> None:
    keys = {field.key for field in CONFIG.fields}
    assert len(keys) == 14
    most: dict[str, int] = defaultdict(int)
    for module, node in nodes:
        if isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict):
            names = {item.value for item in ast.walk(node) if isinstance(item, ast.Constant)}
            most[module] = max(most[module], len(keys & names))
    # The rules use each key at most once per bound, and the warnings use a few keys.
    assert {module for module, count in most.items() if count == len(keys)} == SCHEMA_AND_LAYOUT


def test_account_types_are_defined_once(nodes: Nodes) -> None:
    places = defaultdict(list)
    for module, node in nodes:
        if isinstance(node, ast.ClassDef) and module.startswith(("protocol/accounts/", "model/")):
            places[node.name].append(module)
    assert len(places) > 30
    assert not {name: modules for name, modules in places.items() if len(modules) > 1}


def test_functions_are_defined_once(nodes: Nodes) -> None:
    places = defaultdict(list)
    for module, node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            code = "\n".join(map(ast.unparse, body))
            if len(code) >= SHORTEST_FUNCTION:
                places[f"{ast.unparse(node.args)}: {code}"].append(f"{module}: {node.name}")
    assert len(places) > 500
    assert not [found for found in places.values() if len(found) > 1]


def test_constants_are_defined_once(nodes: Nodes) -> None:
    places = defaultdict(list)
    for module, tree in nodes:
        for node in tree.body if isinstance(tree, ast.Module) else ():
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                code = ast.unparse(node.value)
                # Callback types with the same signature can have different meanings.
                if len(code) >= SHORTEST_CONSTANT and not code.startswith("Callable["):
                    places[code].append(f"{module}:{node.lineno}")
    assert len(places) > 100
    assert not [found for found in places.values() if len(found) > 1]
