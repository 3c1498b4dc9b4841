"""The processor time of running processes (only on Linux)."""

from __future__ import annotations

from pathlib import Path


def processor_milliseconds(pid: int) -> float:
    """The time that a process has been running on a processor, in milliseconds; elsewhere than on Linux, 0."""
    tasks = Path(f"/proc/{pid}/task")
    if not tasks.exists():
        return 0.0
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e6
