"""Data files distributed with the package: IDLs, example run configurations, compiled on-chain programs."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


PSYCHE_PROGRAM_NAMES = ("coordinator", "authorizer", "treasurer")
"""The Psyche programs, each with an IDL and a stand-in of this name."""


def _folder(name: str) -> Path:
    """A data folder: inside the package if installed, next to it in a source checkout."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def idl_path(program: str) -> Path:
    """The IDL of ``coordinator``, ``authorizer`` or ``treasurer`` (legacy Anchor format, JSON)."""
    return _folder("idl") / f"{program}.json"


def example_config_paths() -> list[Path]:
    """The example run configurations (TOML), sorted by file name."""
    return sorted(_folder("configs").glob("*.toml"))


def monitoring_path(name: str) -> Path:
    """A file about monitoring: a dashboard, alert rules or an example."""
    return _folder("configs") / "monitoring" / name


def program_path(program: str) -> Path:
    """The compiled SBPF program ``coordinator``, ``authorizer`` or ``treasurer`` of the local validator."""
    return _PACKAGE / "localnet" / "programs" / f"{program}.so"
