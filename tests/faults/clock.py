"""A clock for fault schedules: it only advances during waits, and a wait can be interrupted by Ctrl-C.

It can also end the process: at a wait, or when the journal asks for the time, as it does before each of its writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

EPOCH = 1_700_000_000.0


@dataclass
class ScheduleClock:
    """In seconds. ``interrupt_in`` is the number of sleeps before one raises KeyboardInterrupt, or None.

    ``kill_in`` is the number of waits and journal writes before ``kill`` is called, or None.
    """

    now: float = 1000.0
    interrupt_in: int | None = None
    kill_in: int | None = None
    kill: Callable[[], None] | None = None

    def monotonic(self) -> float:
        return self.now

    def unix_time(self) -> float:
        self._count_down()
        return EPOCH + self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self._count_down()
        if self.interrupt_in is not None:
            self.interrupt_in -= 1
            if self.interrupt_in < 0:
                self.interrupt_in = None
                self.now += seconds / 2
                raise KeyboardInterrupt
        self.now += seconds

    def _count_down(self) -> None:
        if self.kill_in is None:
            return
        self.kill_in -= 1
        if self.kill_in < 0 and self.kill is not None:
            self.kill_in = None
            self.kill()


@dataclass
class ChainClock:
    """The same time for the validator, which is not killed when it asks for it."""

    clock: ScheduleClock

    def monotonic(self) -> float:
        return self.clock.now

    def unix_time(self) -> float:
        return EPOCH + self.clock.now

    def sleep(self, seconds: float) -> None:
        self.clock.now += seconds
