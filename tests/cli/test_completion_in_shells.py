"""Completion in real shells: keys are typed at a pseudo-terminal, and the completed command line is what runs."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from psyche_cli.cli.options import COMPLETION_VARIABLE
from tests.cli.conftest import House
from tests.support.patience import PATIENCE
from tests.support.state_home import state_home

SHELLS = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
    "fish": ("fish", "--no-config", "-i"),
}
PREPARE = {
    "bash": "source",
    "zsh": "autoload -Uz compinit; compinit -u -d dump; source",
    "fish": "source",
}
"""What loads the script, which the name of its file follows."""

PROGRAM = f"""#!/bin/sh
if [ -n "${{{COMPLETION_VARIABLE}:-}}" ]; then exec {sys.executable} -m psyche_cli "$@"; fi
printf '<%s>' "$@" > called.new
mv called.new called
"""
"""In place of ``psyche-cli``: completes as it does, but when called, only writes down its arguments."""


def installed(shell: str) -> str:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    return shell


class Screen:
    """A shell at a pseudo-terminal, in whose folder ``psyche-cli`` is the stand-in."""

    def __init__(self, shell: str, folder: Path, script: str, **variables: str) -> None:
        self._folder = folder
        program = folder / "bin" / "psyche-cli"
        program.parent.mkdir()
        program.write_text(PROGRAM)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        (folder / "script").write_text(script)
        self._terminal, end = pty.openpty()
        environment = {
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "TERM": "dumb",
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            **variables,
        }
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *SHELLS[shell]], stdin=end, stdout=end, stderr=end, cwd=folder, env=environment
        )
        os.close(end)
        self.shown = ""
        self.type(f"{PREPARE[shell]} ./script; touch ready\n")
        self.wait_for("ready")

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def wait_for(self, name: str) -> str:
        """Wait until a file exists, and return and delete its content."""
        path = self._folder / name
        for _ in range(int(PATIENCE * 20)):
            if path.exists():
                content = path.read_text()
                path.unlink()
                return content
            self._read(0.05)
        raise AssertionError(f"no {name}; the terminal shows:\n{self.shown}")

    def called_with(self, keys: str) -> list[str]:
        """The arguments of the command that runs after ``keys`` have been typed."""
        self.type(f"{keys}\n")
        return self.wait_for("called")[1:-1].split("><")

    def _read(self, seconds: float) -> None:
        if select.select([self._terminal], [], [], seconds)[0]:
            self.shown += os.read(self._terminal, 4096).decode(errors="replace")

    def close(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._terminal)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_line_is_completed_as_it_is_typed(house: House, tmp_path: Path, shell: str) -> None:
    installed(shell)
    for run_id in ("plain-run", "it's my run", "key: value"):
        house.cli.json("create-run", "--run-id", run_id)
    folder = tmp_path / "shell"
    folder.mkdir()
    (folder / "minimal.toml").touch()
    script = house.cli("completion", shell).stdout
    screen = Screen(shell, folder, script, XDG_STATE_HOME=str(state_home(house.cli.home)))
    try:
        assert screen.called_with("psyche-cli set-p\t--res\t") == ["set-paused", "--resume"]
        assert screen.called_with("psyche-cli localnet rese\t") == ["localnet", "reset"]
        assert screen.called_with("psyche-cli set-paused --run-id pl\t") == ["set-paused", "--run-id", "plain-run"]
        assert screen.called_with("psyche-cli tick -r it\t") == ["tick", "-r", "it's my run"]
        assert screen.called_with("psyche-cli tick -r key\t") == ["tick", "-r", "key: value"]
        assert screen.called_with("psyche-cli list-runs --state Wai\t") == ["list-runs", "--state", "WaitingForMembers"]
        assert screen.called_with("psyche-cli lifecycle show wo\t --state F\t")[1:] == [
            "show",
            "worker",
            "--state",
            "FAULTED",
        ]
        assert screen.called_with("psyche-cli update-config --config-path mi\t")[-1] == "minimal.toml"
    finally:
        screen.close()
    for word in ("Traceback", "Error", "not found"):
        assert word not in screen.shown
