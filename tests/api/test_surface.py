"""The exports of ``psyche_cli.api`` are pinned, typed and cheap to import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from psyche_cli import api
from tests.api.surface import GOLDEN, described
from tests.test_imports import HEAVY


def test_exported_names_and_signatures() -> None:
    """A difference affects other projects and requires a changelog fragment."""
    assert described() == GOLDEN.read_text(encoding="utf-8"), "if this is meant: python -m tests.api.surface"


def test_every_export_is_documented() -> None:
    documented = {name: value.__doc__ or "" for name in api.__all__ if callable(value := getattr(api, name))}
    # Python gives a dataclass or named tuple without a docstring its signature as one.
    assert [name for name, text in documented.items() if not text.strip() or text.startswith(f"{name}(")] == []


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(api.__file__).read_text(encoding="utf-8"))
    [checked] = [node for node in tree.body if isinstance(node, ast.If) and isinstance(node.test, ast.Name)]
    seen = {
        alias.name: statement.module
        for statement in checked.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    table = {name: f"psyche_cli.{module}" for module, names in api._MODULES.items() for name in names}
    assert seen == table
    assert sorted(api.__all__) == sorted(table) == dir(api)


def test_importing_it_imports_nothing_heavy() -> None:
    probe = "import sys, psyche_cli.api; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {*HEAVY, "typer", "click", "asyncio"}


def test_a_name_that_is_not_exported_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'psyche_cli\.api' has no attribute 'nonsense'"):
        api.nonsense  # type: ignore[attr-defined]  # noqa: B018
