"""The layers of the code: which package may import which, as defined in docs/how-it-is-built.md.

Layers are defined for the packages directly under ``psyche_cli``, and for those directly under ``localnet``. The
modules next to these packages have a layer as well. A package may import itself and packages of lower layers. This
applies to all imports: at the top of a module, inside a function, and for type checking only.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "psyche_cli"
MODULES = "the modules"
"""Stands for the modules next to the packages, and for packages that the document names after them; their entry in the
document starts like this."""
ENTRY = "__main__"


def documented_rows(parent: str) -> list[str]:
    """The packages of each layer under ``parent``, from the bottom, as the document's table says."""
    page = (ROOT / "docs" / "how-it-is-built.md").read_text(encoding="utf-8")
    title = f"layer of `{parent}`" if parent else "layer"
    table = page.partition(f"\n| {title} | packages |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \|$", table, re.MULTILINE)
    assert len(rows) == len(table.splitlines()) > 1
    return rows[::-1]


def named(packages: str) -> list[str]:
    return re.findall(r"`(\w+)`", packages)


ROWS = {parent: documented_rows(parent) for parent in ("", "localnet")}
"""By parent (empty: ``psyche_cli``)."""

WITH_MODULES = {
    parent: {name for row in rows if row.startswith(MODULES) for name in named(row)} for parent, rows in ROWS.items()
}
"""By parent: the packages that are part of the layer of the modules."""

LAYERS = {
    parent: {
        name: number
        for number, row in enumerate(rows)
        for name in ([MODULES] if row.startswith(MODULES) else named(row))
    }
    for parent, rows in ROWS.items()
}
"""By parent: each package under it with its layer."""


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield ".".join(path.relative_to(PACKAGE).with_suffix("").parts), path


def package_of(module: str, parent: str) -> str | None:
    """The package under ``parent`` that a module (without ``psyche_cli.``) belongs to; None outside of ``parent``."""
    inside = module.removeprefix(f"{parent}.") if parent else module
    if parent and inside == module:
        return None
    first = inside.partition(".")[0]
    return first if (PACKAGE / parent / first).is_dir() and first not in WITH_MODULES[parent] else MODULES


@cache
def imports(source: str) -> tuple[tuple[int, str], ...]:
    """Line and dotted name, without ``psyche_cli.``, of each import from this project."""
    return tuple(_imports(source))


def _imports(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            # The imported name may itself be a module.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith("psyche_cli."):
                yield node.lineno, name.removeprefix("psyche_cli.")


def upward(module: str, source: str) -> list[str]:
    """The imports of a module that its layer does not allow."""
    found = []
    for parent, layers in LAYERS.items():
        own = package_of(module, parent)
        for line, target in imports(source):
            package = package_of(target, parent)
            if own is not None and package not in (None, own) and layers[package] >= layers[own]:
                found.append(f"{module}, line {line}: {target}")
    return found


@pytest.mark.parametrize("parent", LAYERS)
def test_every_package_has_a_layer(parent: str) -> None:
    assert {package_of(name, parent) for name, _ in modules()} - {None} == set(LAYERS[parent])


@pytest.mark.parametrize(("parent", "package"), [(parent, package) for parent in LAYERS for package in LAYERS[parent]])
def test_a_package_imports_only_itself_and_lower_layers(parent: str, package: str) -> None:
    # The entry point is above all layers.
    own = [(name, path) for name, path in modules() if package_of(name, parent) == package and name != ENTRY]
    assert own
    assert not [fault for name, path in own for fault in upward(name, path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("errors", "from psyche_cli.solana import funding"),
        ("solana.wallet", "def f():\n    from psyche_cli.protocol.programs import PUBLISHED"),
        ("protocol.programs", "import psyche_cli.run_config.rules"),
        ("operations.change", "from psyche_cli import cli"),
        ("localnet.chain.bank", "from psyche_cli.localnet.rpc.fault import RpcFault"),
        ("localnet.chain.bank", "from psyche_cli.localnet import server"),
        ("localnet.chain.bank", "from psyche_cli.localnet.validator import Validator"),
        ("localnet.storage.ledger", "from psyche_cli.localnet.rpc.fault import RpcFault"),
        ("localnet.rpc.dispatcher", "import psyche_cli.localnet.server.http"),
    ],
)
def test_an_import_upward_or_sideways_is_found(module: str, source: str) -> None:
    assert upward(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("solana.wallet", "from psyche_cli.errors import WalletError\nfrom psyche_cli import __version__"),
        ("localnet.server.http", "from psyche_cli.localnet.rpc.dispatcher import Dispatcher\nimport psyche_cli.errors"),
        ("localnet.local_validator", "from psyche_cli.localnet.storage.ledger import Ledger"),
        ("operations.localnet.serve", "from psyche_cli.localnet.rpc.fault import RpcFault"),
    ],
)
def test_an_import_downward_is_allowed(module: str, source: str) -> None:
    assert not upward(module, source)
