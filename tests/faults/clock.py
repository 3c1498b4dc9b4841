"""A clock for fault schedules: it only advances during waits, and a wait can be interrupted by Ctrl-C."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class ScheduleClock:
    """In seconds. ``interrupt_in`` is the number of sleeps before one raises KeyboardInterrupt, or None."""

    now: float = 1000.0
    interrupt_in: int | None = None

    def monotonic(self) -> float:
        return self.now

    def unix_time(self) -> float:
        return 1_700_000_000.0 + self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        if self.interrupt_in is not None:
            self.interrupt_in -= 1
            if self.interrupt_in < 0:
                self.interrupt_in = None
                self.now += seconds / 2
                raise KeyboardInterrupt
        self.now += seconds
