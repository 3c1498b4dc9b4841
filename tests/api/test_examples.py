"""Runs the examples in the library's docstrings and in docs/api.md against real local validators."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(f"psyche_cli.api.{path.stem}" for path in (ROOT / "psyche_cli" / "api").glob("[a-z]*.py"))
WITHOUT_EXAMPLES = {"psyche_cli.api.following", "psyche_cli.api.scheduling", "psyche_cli.api.runs"}
"""Modules whose examples are in docs/api.md, which creates the run that they need."""


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    outcome = doctest.testmod(import_module(name))
    assert outcome.failed == 0
    assert (outcome.attempted > 0) is (name not in WITHOUT_EXAMPLES)


def test_page(tmp_path: Path) -> None:
    outcome = doctest.testfile(
        str(ROOT / "docs" / "api.md"),
        module_relative=False,
        globs={"example": ROOT / "configs" / "minimal.toml", "folder": tmp_path},
        encoding="utf-8",
    )
    assert outcome.failed == 0
    assert outcome.attempted > 20
