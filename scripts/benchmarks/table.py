"""Measures durations and prints figures as they are available."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def milliseconds(action: Callable[[], object], repeat: int) -> list[float]:
    """The durations of ``repeat`` calls in milliseconds, sorted."""
    taken = []
    for _ in range(repeat):
        start = time.perf_counter()
        action()
        taken.append((time.perf_counter() - start) * 1000)
    return sorted(taken)


def percentile(taken: list[float], share: float) -> float:
    """The percentile for ``share`` (0 to 1) of sorted durations."""
    return taken[min(len(taken) - 1, int(len(taken) * share))]


class Table:
    """Prints durations with their ratio to a baseline, the first duration of the section."""

    def __init__(self) -> None:
        self._base = 0.0

    def section(self, title: str) -> None:
        """Start a section; its first duration becomes the baseline."""
        self._base = 0.0
        print(f"\n== {title}", flush=True)

    def time(self, label: str, taken: list[float], note: str = "") -> None:
        """Print the median, its ratio to the baseline, and the 99th percentile."""
        median = statistics.median(taken)
        self._base = self._base or median
        p99 = percentile(taken, 0.99)
        line = f"{label:<46} {median:9.2f} ms {median / self._base:7.1f} x   p99 {p99:8.2f} ms   {note}"
        print(line.rstrip(), flush=True)

    def figure(self, label: str, value: float, unit: str, note: str = "") -> None:
        """Print a figure other than a duration."""
        print(f"{label:<46} {value:9,.0f} {unit:<14} {note}".rstrip(), flush=True)

    def verb(self, name: str, trips: int, aim: int, times: list[float], received: int) -> None:
        """Print the round trips of a verb, the kilobytes that it receives, and its times in milliseconds."""
        shown = "".join(f"{taken:9,.0f}" for taken in times)
        print(f"{name:<32} {trips:4} [{aim}] {received / 1000:9.1f} kB {shown}", flush=True)

    def ratio(self, label: str, value: float, base: float, note: str) -> None:
        """Print a time in milliseconds and what multiple of another it is."""
        print(f"{label:<46} {value:9,.0f} {'ms':<14} {value / base:5.2f} x   {note}", flush=True)

    def compare(self, label: str, value: float, bare: float, unit: str, note: str = "") -> None:
        """Print a figure, the same figure for bare LiteSVM, and their ratio."""
        numbers = f"{value:11,.2f} {unit:<5} bare {bare:11,.3f}   {value / bare:7.2f} x"
        print(f"{label:<38} {numbers}   {note}".rstrip(), flush=True)
