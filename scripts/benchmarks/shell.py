"""Runs the installed command line as real processes, in a separate folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLI = str(Path(sys.executable).with_name("psyche-cli"))


@dataclass
class Validator:
    """A running ``psyche-cli localnet``: process, RPC URL, and milliseconds until it was ready."""

    process: subprocess.Popen[str]
    rpc_url: str
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
        ready = json.loads(process.stdout.readline())
        try:
            yield Validator(process, ready["data"]["rpc_url"], (time.perf_counter() - start) * 1000)
        finally:
            process.terminate()
            process.wait()
