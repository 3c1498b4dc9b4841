"""Who may import whom, as docs/how-it-is-built.md draws it.

A room is a folder directly under ``psyche_cli``; the modules beside the folders are one room, the ground floor. A room
may import itself and the rooms of lower floors, wherever the import stands: at the top of a module, inside a function,
or for type checking only.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "psyche_cli"
GROUND = "ground"
ENTRY = "__main__"


def drawn_floors() -> dict[str, int]:
    """Every room with the number of its floor, 0 for the ground, from the table under "Floors" in the document."""
    page = (ROOT / "docs" / "how-it-is-built.md").read_text(encoding="utf-8")
    table = page.partition("## Floors")[2].partition("\n## ")[0]
    rows = [cells for cells in re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", table, re.MULTILINE) if cells[0] != "floor"]
    assert rows[-1][0] == GROUND
    floors = {GROUND: 0}
    for number, (_, rooms) in enumerate(reversed(rows[:-1]), start=1):
        floors.update(dict.fromkeys(re.findall(r"`(\w+)`", rooms), number))
    return floors


FLOORS = drawn_floors()


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield ".".join(path.relative_to(PACKAGE).with_suffix("").parts), path


def room_of(module: str) -> str:
    """The room of a module's dotted name without ``psyche_cli.``."""
    first = module.partition(".")[0]
    return first if (PACKAGE / first).is_dir() else GROUND


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name, without ``psyche_cli.``, of each import of ours."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            name = node.module or ""
            names = [f"{name}.{alias.name}" for alias in node.names] if name == "psyche_cli" else [name]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith("psyche_cli."):
                yield node.lineno, name.removeprefix("psyche_cli.")


def upward(module: str, source: str) -> list[str]:
    """The imports of a module that its floor does not allow."""
    own = room_of(module)
    found = [(line, target, room_of(target)) for line, target in imports(source)]
    return [
        f"{module}, line {line}: {target}"
        for line, target, room in found
        if room != own and FLOORS[room] >= FLOORS[own]
    ]


def test_every_room_is_drawn() -> None:
    assert {room_of(name) for name, _ in modules()} == set(FLOORS)


@pytest.mark.parametrize("room", FLOORS)
def test_a_room_imports_only_itself_and_lower_floors(room: str) -> None:
    # The process itself stands above all floors.
    own = [(name, path) for name, path in modules() if room_of(name) == room and name != ENTRY]
    assert not [fault for name, path in own for fault in upward(name, path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("errors", "from psyche_cli.solana import funding"),
        ("solana.wallet", "def f():\n    from psyche_cli.protocol.programs import PUBLISHED"),
        ("protocol.programs", "import psyche_cli.run_config.rules"),
        ("operations.change", "from psyche_cli import cli"),
    ],
)
def test_an_import_upward_or_sideways_is_found(module: str, source: str) -> None:
    assert upward(module, source)


def test_an_import_downward_is_allowed() -> None:
    assert not upward("solana.wallet", "from psyche_cli.errors import WalletError\nfrom psyche_cli import __version__")
