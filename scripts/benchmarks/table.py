"""Measuring, and printing figures as they come in."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def milliseconds(action: Callable[[], object], repeat: int) -> list[float]:
    """How long each of ``repeat`` calls took, sorted."""
    taken = []
    for _ in range(repeat):
        start = time.perf_counter()
        action()
        taken.append((time.perf_counter() - start) * 1000)
    return sorted(taken)


def percentile(taken: list[float], share: float) -> float:
    """The value that ``share`` (0 to 1) of the sorted figures do not exceed."""
    return taken[min(len(taken) - 1, int(len(taken) * share))]


class Table:
    """Times with their ratio to a base, which is the first figure of a section."""

    def __init__(self) -> None:
        self._base = 0.0

    def section(self, title: str) -> None:
        """Start a section; its first time becomes what the others are compared with."""
        self._base = 0.0
        print(f"\n== {title}", flush=True)

    def time(self, label: str, taken: list[float], note: str = "") -> None:
        """Print the median, the 99th percentile and the ratio of the median to the section's first."""
        median = statistics.median(taken)
        self._base = self._base or median
        p99 = percentile(taken, 0.99)
        line = f"{label:<46} {median:9.2f} ms {median / self._base:7.1f} x   p99 {p99:8.2f} ms   {note}"
        print(line.rstrip(), flush=True)

    def figure(self, label: str, value: float, unit: str, note: str = "") -> None:
        """Print a figure that is no time."""
        print(f"{label:<46} {value:9,.0f} {unit:<14} {note}".rstrip(), flush=True)

    def compare(self, label: str, value: float, bare: float, unit: str, note: str = "") -> None:
        """Print a figure beside the same one of bare LiteSVM, and their ratio."""
        numbers = f"{value:11,.2f} {unit:<5} bare {bare:11,.3f}   {value / bare:7.2f} x"
        print(f"{label:<38} {numbers}   {note}".rstrip(), flush=True)
