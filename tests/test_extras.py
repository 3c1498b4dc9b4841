"""The hint for a missing optional package works for each way of installing psyche-cli."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import tomli

from psyche_cli import extras

ROOT = Path(__file__).resolve().parent.parent
CODE = "from psyche_cli.extras import install_hint; print(install_hint('rehearse'))"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "a checkout"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    return folder


def hint_with(origin: str | None, folder: Path) -> str:
    """The hint of a process whose psyche-run-cli has this direct_url.json; None: it has none."""
    metadata = folder / "psyche_run_cli-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: psyche-run-cli\nVersion: 1\n")
    if origin is not None:
        (metadata / "direct_url.json").write_text(origin)
    variables = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env=variables)
    return done.stdout.removesuffix("\n")


@pytest.mark.parametrize(
    ("origin", "arguments"),
    [
        ('{"url": "FOLDER", "dir_info": {}}', ["CHECKOUT[rehearse]"]),
        ('{"url": "FOLDER", "dir_info": {"editable": true}}', ["-e", "CHECKOUT[rehearse]"]),
        (
            '{"url": "https://user:pass@example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": "0"}}',
            ["psyche-run-cli[rehearse] @ git+https://example.org/x.git"],
        ),
        ('{"url": "file:///x/y.whl", "archive_info": {}}', ["psyche-run-cli[rehearse] @ file:///x/y.whl"]),
        (None, ["psyche-run-cli[rehearse]"]),
        ("{", ["psyche-run-cli[rehearse]"]),
    ],
    ids=["folder", "editable", "repository", "file", "index", "damaged"],
)
def test_pip_gets_what_it_installed_psyche_cli_from(
    checkout: Path, tmp_path: Path, origin: str | None, arguments: list[str]
) -> None:
    found = hint_with(None if origin is None else origin.replace("FOLDER", checkout.as_uri()), tmp_path)
    assert shlex.split(found) == [
        "Run:",
        "pip",
        "install",
        *(one.replace("CHECKOUT", str(checkout)) for one in arguments),
    ]


def test_a_checkout_that_is_gone_is_not_named(tmp_path: Path) -> None:
    found = hint_with('{"url": "file:///gone", "dir_info": {}}', tmp_path)
    assert found == "Run: pip install '.[rehearse]' in a checkout of psyche-cli."


def test_a_checkout_that_was_not_installed_is_named() -> None:
    # -S: without the installed packages, among them psyche-run-cli
    command = [sys.executable, "-S", "-c", CODE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == f"Run: pip install {shlex.quote(f'{ROOT}[rehearse]')}\n"


def test_the_extras_are_declared() -> None:
    declared = tomli.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {*get_args(extras.Extra)} <= {*declared}
