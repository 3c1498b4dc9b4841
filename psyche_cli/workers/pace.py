"""How fast a worker may go: what its owner has requested with control events."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition


class Pace:
    """Whether a worker may make its next step. Safe to use from any thread.

    At first a worker is not limited. From the first ``grant`` on, it makes only steps that were granted.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._changed = Condition()
        self._monotonic = monotonic
        self._left: int | None = None
        self._paused = False
        self._seconds_per_step = 0.0
        self._next_at = 0.0
        self._ended = False

    @property
    def steps_left(self) -> int | None:
        """The number of granted steps that are left; None if steps are not limited."""
        return self._left

    @property
    def is_paused(self) -> bool:
        """Whether the worker is paused."""
        return self._paused

    def grant(self, steps: int) -> None:
        """Allow ``steps`` more steps."""
        with self._changed:
            self._left = (self._left or 0) + steps
            self._changed.notify_all()

    def pause(self, paused: bool) -> None:
        """Allow no steps while ``paused``."""
        with self._changed:
            self._paused = paused
            self._changed.notify_all()

    def limit(self, steps_per_second: float) -> None:
        """Limit the rate; 0: unlimited."""
        with self._changed:
            self._seconds_per_step = 1 / steps_per_second if steps_per_second > 0 else 0.0
            self._next_at = 0.0
            self._changed.notify_all()

    def end(self) -> None:
        """Allow no further step: ``wait_for_step`` returns False from now on."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for_step(self) -> bool:
        """Wait until the next step is allowed, and take it. False once the worker must end."""
        with self._changed:
            while not self._ended:
                if self._paused or self._left == 0:
                    self._changed.wait()
                    continue
                now = self._monotonic()
                if now < self._next_at:
                    self._changed.wait(self._next_at - now)
                    continue
                self._next_at = now + self._seconds_per_step
                if self._left is not None:
                    self._left -= 1
                return True
            return False
