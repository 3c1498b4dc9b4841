"""Shows long waits at a terminal: one line on stderr that is replaced every second and erased at the end.

Nothing runs in the background. The code that waits does so in short intervals and updates the line in between.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from threading import get_ident
from typing import Final

from psyche_cli.diagnostics import Diagnostics
from psyche_cli.environment import Clock, Wait, Waits

SHOWN_AFTER: Final = 1.0
"""Seconds after which a wait is shown."""

_INTERVAL: Final = 0.25
"""Seconds between updates."""


class ShownWaits(Waits):
    """Shows the innermost wait that has taken SHOWN_AFTER seconds.

    ``is_quiet`` is called before each update. Only for the thread that runs the command; the waits of others are not
    shown.
    """

    def __init__(self, diagnostics: Diagnostics, clock: Clock, is_quiet: Callable[[], bool]) -> None:
        self._diagnostics = diagnostics
        self._clock = clock
        self._is_quiet = is_quiet
        self._open: list[_ShownWait] = []
        self._shown: _ShownWait | None = None
        self._thread = get_ident()

    def showing(self, what: str) -> Wait:
        """Begin a wait."""
        return _ShownWait(self, what)

    def sleep(self, clock: Clock, seconds: float) -> None:
        """Block for this many seconds."""
        left = seconds
        while left > 0:
            clock.sleep(min(left, _INTERVAL))
            left -= _INTERVAL
            self.update()

    def wait(self, finishes: Callable[[float], bool], seconds: float) -> bool:
        """Whether ``finishes``, called with a number of seconds to wait, returns True within ``seconds``."""
        left = seconds
        while left > _INTERVAL and get_ident() == self._thread:
            if finishes(_INTERVAL):
                return True
            left -= _INTERVAL
            self.update()
        return finishes(left)

    @property
    def time(self) -> float:
        """Seconds on a clock that never goes backward."""
        return self._clock.monotonic()

    def begin(self, wait: _ShownWait) -> None:
        """Add a wait."""
        self._open.append(wait)

    def end(self, wait: _ShownWait) -> None:
        """Remove a wait, and erase it."""
        self._open.remove(wait)
        if self._shown is wait:
            self._shown = None
            self._diagnostics.erase()

    def update(self) -> None:
        """Show the state of the innermost wait that has taken long enough."""
        now = self.time
        long = next((wait for wait in reversed(self._open) if now - wait.started >= SHOWN_AFTER), None)
        if long is not None and not self._is_quiet():
            self._shown = long
            self._diagnostics.transient(long.what, long.detail(now))


class _ShownWait(Wait):
    def __init__(self, waits: ShownWaits, what: str) -> None:
        self.what = what
        self.started = 0.0
        self._waits = waits
        self._detail = ""
        self._until = 0.0

    def __enter__(self) -> _ShownWait:
        self.started = self._until = self._waits.time
        self._waits.begin(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._waits.end(self)

    def now(self, detail: str, seconds: float = 0.0) -> None:
        self._detail = detail
        self._until = self._waits.time + seconds
        self._waits.update()

    def detail(self, now: float) -> str:
        """The state of the wait, with the seconds left in place of ``{}``."""
        return self._detail.replace("{}", str(max(math.ceil(self._until - now), 0)))
