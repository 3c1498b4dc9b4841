"""The wheel contains all files that psyche-cli needs, and works outside the source tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built and unpacked like an installer would."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def run(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs psyche-cli from the unpacked wheel, outside the source tree."""
    probe = "import psyche_cli, sys; assert psyche_cli.__file__.startswith(sys.argv.pop(1)), psyche_cli.__file__\n"
    probe += "from psyche_cli.__main__ import run; run()"
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", probe, str(installed), *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_wheel_contains_idls_configurations_and_programs(installed: Path) -> None:
    package = installed / "psyche_cli"
    for program in ("coordinator", "authorizer", "treasurer"):
        assert (package / "idl" / f"{program}.json").is_file()
        assert (package / "localnet" / "programs" / f"{program}.so").read_bytes().startswith(b"\x7fELF")
    assert sorted(p.name for p in (package / "configs").iterdir()) == sorted(
        p.name for p in (ROOT / "configs").iterdir()
    )
    assert (package / "py.typed").exists()
    assert (package / "training" / "text.txt").is_file()


def test_it_works_outside_the_source_tree(installed: Path, tmp_path: Path) -> None:
    assert run(installed, tmp_path, "config", "example", "minimal").stdout.count("[config]") == 1
    made = run(installed, tmp_path, "localnet", "new-wallet", "wallet.json", "--output", "json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["ok"] is True
    described = run(installed, tmp_path, "schema", "set-paused")
    assert described.stdout == (ROOT / "docs" / "json" / "set-paused.json").read_text(encoding="utf-8")
    refused = run(
        installed, tmp_path, "create-run", "--run-id", "x", "-w", "wallet.json", "--rpc", "http://127.0.0.1:9"
    )
    assert refused.returncode == 10, refused.stderr
