"""Runs the installed command line as real processes, in a separate folder."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CLI = str(Path(sys.executable).with_name("psyche-cli"))


@dataclass
class Validator:
    """A running ``psyche-cli localnet``: process, RPC URL, PubSub URL, and milliseconds until it was ready."""

    process: subprocess.Popen[str]
    rpc_url: str
    ws_url: str
    ready_after: float

    def resident_kilobytes(self) -> int:
        """The current resident memory of the process (only on Linux; elsewhere 0)."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return 0
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1])


@dataclass
class Shell:
    """Runs commands with ``folder`` as home and working directory."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The environment variables for a command."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8", **self.variables}

    def run(self, *command: str) -> str:
        """Run a process and return its stdout."""
        done = subprocess.run(
            command, env=self.environment(), cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout

    def cli(self, *words: str) -> str:
        """Run psyche-cli and return its stdout."""
        return self.run(CLI, *words)

    def json(self, *words: str) -> Any:
        """Run psyche-cli to its end and return what it prints with ``--output json``."""
        return json.loads(self.cli(*words, "--output", "json"))

    def processor_times(
        self, repeat: int, commands: Mapping[str, Callable[[], tuple[list[str], dict[str, str]]]]
    ) -> dict[str, float]:
        """Milliseconds of processor time, user and system, that each process takes: the median of ``repeat``.

        Each command is made anew for each of its processes, with the environment variables that it adds; the commands
        take turns.
        """
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(repeat):
            for name, make in commands.items():
                words, variables = make()
                taken[name].append(self._processor_time(words, variables))
        return {name: statistics.median(times) for name, times in taken.items()}

    def _processor_time(self, words: list[str], variables: dict[str, str]) -> float:
        process = subprocess.Popen(
            words,
            env={**self.environment(), **variables},
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, words)
        return (usage.ru_utime + usage.ru_stime) * 1000

    @contextmanager
    def validator(self, *words: str) -> Iterator[Validator]:
        """Context manager: a local validator on free ports."""
        start = time.perf_counter()
        process = subprocess.Popen(
            [CLI, "localnet", "--rpc-port", "0", "--quiet", "--output", "json", *words],
            env=self.environment(),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())["data"]
        try:
            taken = (time.perf_counter() - start) * 1000
            yield Validator(process, ready["rpc_url"], ready["ws_url"], taken)
        finally:
            process.terminate()
            process.wait()
