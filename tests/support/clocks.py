"""Clocks that let no real time pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from psyche_cli.environment import SystemClock


@dataclass
class FastClock(SystemClock):
    """A clock that advances during sleeps, which take no time, and by ``per_reading`` seconds when it is read.

    ``on_sleep`` is called in place of each sleep, and ``sleeps`` are their seconds.
    """

    on_sleep: Callable[[float], None] = lambda _: None
    per_reading: float = 0.0
    now: float = 0.0
    sleeps: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        self.now += self.per_reading
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds
        self.on_sleep(seconds)
