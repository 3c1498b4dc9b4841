"""A rehearsal of two epochs with four members: its duration, and which processes use the CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from psyche_cli.run_config.examples import find_example
from scripts.benchmarks.table import Table

_MEMBERS = 4
_TICKS = os.sysconf("SC_CLK_TCK")
_PAUSE = 0.05


def measure(folder: Path, table: Table) -> None:
    """Rehearse ``configs/minimal.toml`` with real workers that train with numpy."""
    table.section(f"rehearse: 2 epochs of configs/minimal.toml, {_MEMBERS} members")
    folder.mkdir()
    options = ["--config", str(find_example("minimal").path), "--members", f"{_MEMBERS}", "--output", "json"]
    command = [sys.executable, "-m", "psyche_cli", "rehearse", *options]
    variables = {**os.environ, "HOME": str(folder), "TMPDIR": str(folder), "PSYCHE_CLI_STATE_DIR": str(folder / "s")}
    output = folder / "output.json"
    started = time.perf_counter()
    with output.open("wb") as stdout:
        process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL, env=variables)
        used: dict[int, tuple[str, float]] = {}
        while process.poll() is None:
            used.update(_cpu_times(folder, process.pid))
            time.sleep(_PAUSE)
    seconds = time.perf_counter() - started
    data = json.loads(output.read_text())["data"]
    table.time(f"{data['steps']} rounds", [seconds * 1000], "target: under 120 s")
    for role in ("validator", "daemon", "proxies", "workers", "scheduler"):
        table.figure(f"CPU time of the {role}", 1000 * sum(cpu for name, cpu in used.values() if name == role), "ms")


def _cpu_times(folder: Path, scheduler: int) -> dict[int, tuple[str, float]]:
    """The role and the CPU seconds so far of each process of the rehearsal, by process id."""
    found = {}
    mark = f"TMPDIR={folder}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if mark not in (place / "environ").read_bytes().split(b"\0"):
                continue
            words = (place / "cmdline").read_bytes().decode(errors="replace").split("\0")
            fields = (place / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended, or belongs to another user
            continue
        pid = int(place.name)
        found[pid] = (_role(pid, words, scheduler), (int(fields[11]) + int(fields[12])) / _TICKS)
    return found


def _role(pid: int, words: list[str], scheduler: int) -> str:
    text = " ".join(words)
    if pid == scheduler:
        return "scheduler"
    if "psyche_cli localnet" in text:
        return "validator"
    if "telemetry.proxy" in text:
        return "proxies"
    return "workers" if "rehearsal.worker" in text else "daemon"
