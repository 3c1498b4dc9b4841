"""Node.js and the JavaScript clients, as found or installed by ``scripts/environment``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parents[1] / "npm"
"""package.json, package-lock.json, the sessions, and the installed ``node_modules``."""

OLDEST: Final = (20, 18)


def node() -> Path:
    """``node`` (20.18 or later): on PATH, else from the wheel in this environment."""
    for folder in (*os.get_exec_path(), str(Path(sys.executable).parent)):
        found = shutil.which("node", path=folder)
        if found and _version(found) >= OLDEST:
            return Path(found)
    raise AssertionError("Node.js 20.18 or later is needed. Run scripts/environment.")


def _version(program: str) -> tuple[int, ...]:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    parts = re.match(r"v(\d+)\.(\d+)", answer.stdout)
    return (int(parts[1]), int(parts[2])) if parts else (0, 0)


def require_clients() -> None:
    """Raise AssertionError unless the installed packages are exactly those in the lock file."""
    wanted = "".join((FOLDER / name).read_text(encoding="utf-8") for name in ("package.json", "package-lock.json"))
    stamp = FOLDER / "node_modules" / ".installed"
    installed = stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted
    assert installed, "The JavaScript clients are not installed, or not of these versions. Run scripts/environment."
