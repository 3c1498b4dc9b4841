"""Who may import whom, as docs/how-it-is-built.md draws it.

A room is a folder directly under ``psyche_cli``; the modules beside the folders are one room. The rooms of
``localnet`` are its own folders and the modules beside them. A room may import itself and the rooms of lower floors,
wherever the import stands: at the top of a module, inside a function, or for type checking only.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "psyche_cli"
BESIDE = "the modules"
"""The room of the modules beside the folders: how the document begins to name it."""
ENTRY = "__main__"


def drawn_floors(house: str) -> dict[str, int]:
    """Every room of a house with the number of its floor from below, from the house's table in the document."""
    page = (ROOT / "docs" / "how-it-is-built.md").read_text(encoding="utf-8")
    title = f"floor of `{house}`" if house else "floor"
    table = page.partition(f"\n| {title} | rooms |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \|$", table, re.MULTILINE)
    assert len(rows) == len(table.splitlines()) > 1
    floors = {}
    for number, rooms in enumerate(reversed(rows)):
        floors.update(dict.fromkeys([BESIDE] if rooms.startswith(BESIDE) else re.findall(r"`(\w+)`", rooms), number))
    return floors


HOUSES = {house: drawn_floors(house) for house in ("", "localnet")}
"""The package, and the room of it that has rooms of its own, with their floors."""


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield ".".join(path.relative_to(PACKAGE).with_suffix("").parts), path


def room_of(module: str, house: str) -> str | None:
    """The room of a module's dotted name without ``psyche_cli.``; None outside the house."""
    inside = module.removeprefix(f"{house}.") if house else module
    if house and inside == module:
        return None
    first = inside.partition(".")[0]
    return first if (PACKAGE / house / first).is_dir() else BESIDE


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name, without ``psyche_cli.``, of each import of ours."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            # What is imported may itself be a module.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith("psyche_cli."):
                yield node.lineno, name.removeprefix("psyche_cli.")


def upward(module: str, source: str) -> list[str]:
    """The imports of a module that its floor does not allow."""
    found = []
    for house, floors in HOUSES.items():
        own = room_of(module, house)
        for line, target in imports(source):
            room = room_of(target, house)
            if own is not None and room not in (None, own) and floors[room] >= floors[own]:
                found.append(f"{module}, line {line}: {target}")
    return found


@pytest.mark.parametrize("house", HOUSES)
def test_every_room_is_drawn(house: str) -> None:
    assert {room_of(name, house) for name, _ in modules()} - {None} == set(HOUSES[house])


@pytest.mark.parametrize(("house", "room"), [(house, room) for house in HOUSES for room in HOUSES[house]])
def test_a_room_imports_only_itself_and_lower_floors(house: str, room: str) -> None:
    # The process itself stands above all floors.
    own = [(name, path) for name, path in modules() if room_of(name, house) == room and name != ENTRY]
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
        ("localnet.chain.bank", "from psyche_cli.localnet.calls import call"),
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
