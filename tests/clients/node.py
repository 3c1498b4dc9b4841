"""Node.js and the JavaScript clients: where to find the one, how to install the others."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parents[1] / "npm"
"""package.json, package-lock.json and the sessions."""

OLDEST: Final = (20, 18)
_STAMP: Final = FOLDER / "node_modules" / ".psyche-installed"
_INSTALL_SECONDS: Final = 600.0
# Peers are TypeScript's compiler, which only type checks need; optional ones and scripts build native accelerators.
_INSTALL: Final = (
    "ci",
    "--omit=peer",
    "--omit=optional",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
)


def node_bin() -> Path:
    """The folder of ``node`` (20.18 or later) and its ``npm``: on PATH, else from the wheel in this environment."""
    for folder in (*os.get_exec_path(), str(Path(sys.executable).parent)):
        found = shutil.which("node", path=folder)
        if found and shutil.which("npm", path=folder) and _version(found) >= OLDEST:
            return Path(folder)
    raise AssertionError("Node.js 20.18 or later is needed. Install the development tools: pip install -e '.[dev]'")


def _version(node: str) -> tuple[int, ...]:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    parts = re.match(r"v(\d+)\.(\d+)", answer.stdout)
    return (int(parts[1]), int(parts[2])) if parts else (0, 0)


def install_clients(node: Path, scratch: Path) -> None:
    """Install exactly what the lock file names, once per state of it. ``scratch`` is npm's cache."""
    with (FOLDER / "package-lock.json").open("rb") as lock:
        # Two test runs in one checkout install one after the other.
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = hashlib.sha256(lock.read() + (FOLDER / "package.json").read_bytes()).hexdigest()
        if _STAMP.is_file() and _STAMP.read_text() == state:
            return
        done = subprocess.run(
            [str(node / "npm"), *_INSTALL, "--cache", str(scratch)],
            cwd=FOLDER,
            env={**os.environ, "PATH": os.pathsep.join((str(node), os.environ["PATH"]))},
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        _STAMP.write_text(state)
