"""``scripts/environment`` installs the JavaScript clients, so that no test needs the network.

npm needs a registry, so it is replaced by a script that records its arguments.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SUITABLE, TOO_OLD = "#!/bin/sh\nexit 0\n", "#!/bin/sh\nexit 1\n"
"""Replacements for ``node``, which answer the version check of the script."""
NPM = '#!/bin/sh\necho "$PWD: $@" >> "$LOG"\nmkdir -p node_modules\n'
FAILING_NPM = "#!/bin/sh\necho 'npm error network' >&2\nexit 1\n"


@dataclass(frozen=True)
class Checkout:
    """A checkout with the files that the script reads, and a home directory that it must not touch."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def stamp(self) -> Path:
        return self.root / "tests" / "npm" / "node_modules" / ".installed"

    def put_node(self, folder: str, node: str, npm: str = NPM) -> Path:
        programs = self.root / folder
        programs.mkdir()
        for name, script in (("node", node), ("npm", npm)):
            (programs / name).write_text(script)
            (programs / name).chmod(0o755)
        return programs

    def set_up(self, *words: str, node: Path) -> subprocess.CompletedProcess[str]:
        variables = {
            "PATH": f"{node}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LOG": str(self.root / "npm.log"),
            "PSYCHE_CLI_PYTHON": sys.executable,
        }
        script = [str(self.root / "scripts" / "environment"), *words]
        return subprocess.run(script, env=variables, text=True, capture_output=True, check=False)

    @property
    def installations(self) -> list[str]:
        log = self.root / "npm.log"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    (tmp_path / "home").mkdir()
    (tmp_path / "tests" / "npm").mkdir(parents=True)
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "environment", tmp_path / "scripts")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / "tests" / "npm" / name, tmp_path / "tests" / "npm")
    return Checkout(tmp_path)


def test_the_javascript_clients_are_installed_once_per_state_of_the_lock_file(checkout: Checkout) -> None:
    node = checkout.put_node("bin", SUITABLE)
    for _ in range(2):
        done = checkout.set_up(node=node)
        assert (done.returncode, done.stdout) == (0, f"{sys.executable}\n"), done.stderr
    [call] = checkout.installations
    where, _, words = call.partition(": ")
    assert where == str(checkout.root / "tests" / "npm")
    assert {"ci", "--ignore-scripts", "--no-audit", "--no-fund"} <= set(words.split())
    assert words.split()[-2] == "--cache"
    assert not Path(words.split()[-1]).is_relative_to(checkout.home)
    assert not any(checkout.home.iterdir())
    lock = checkout.root / "tests" / "npm" / "package-lock.json"
    lock.write_text(lock.read_text() + "\n")
    assert checkout.set_up(node=node).returncode == 0
    assert len(checkout.installations) == 2


def test_a_node_that_is_too_old_is_skipped(checkout: Checkout) -> None:
    old, new = checkout.put_node("old", TOO_OLD, FAILING_NPM), checkout.put_node("new", SUITABLE)
    done = checkout.set_up(node=Path(f"{old}:{new}"))
    assert done.returncode == 0, done.stderr
    assert len(checkout.installations) == 1


def test_a_failed_installation_is_reported_and_not_recorded(checkout: Checkout) -> None:
    done = checkout.set_up(node=checkout.put_node("bin", SUITABLE, FAILING_NPM))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-2:] == [
        "npm error network",
        "The JavaScript clients could not be installed. Without them: scripts/environment --python-only",
    ]
    assert not checkout.stamp.exists()


def test_python_only_needs_no_node(checkout: Checkout) -> None:
    done = checkout.set_up("--python-only", node=checkout.put_node("bin", TOO_OLD, FAILING_NPM))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{sys.executable}\n", "")


def test_an_unknown_option_is_rejected(checkout: Checkout) -> None:
    done = checkout.set_up("--nonsense", node=checkout.put_node("bin", SUITABLE))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Usage: scripts/environment [--python-only]\n"
