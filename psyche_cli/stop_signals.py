"""Handling of SIGINT, SIGTERM and SIGHUP: recorded from process start, raised only where that is safe.

Python may print and drop an exception that a signal handler raises inside an ``import`` or a destructor. A signal that
arrives before the command runs, or during an import, is therefore recorded and raised as soon as it is safe. Once the
outcome of the command is decided, signals have no effect.

The handlers must be installed before any slow import, so this module avoids even ``typing`` and ``contextlib``.
"""

from __future__ import annotations

import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sys import UnraisableHookArgs
    from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

ENDING_SECONDS = 3.0
"""Grace period for stopping and reporting after the first signal. A further signal within it is ignored: it is either a
duplicate (``timeout`` and terminals signal both the process and its group) or an impatient user, and exiting at once
would lose the report of what was sent."""

_RETRY_SECONDS = 0.01


class StopRequested(KeyboardInterrupt):
    """Raised when a signal requests the process to stop. ``signal_number`` is the number of that signal."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


class StopSignals:
    """Handlers of the process's stop signals. Also uses SIGALRM and the real-time interval timer.

    Inside its context, a signal (or one recorded earlier) raises StopRequested in the main thread; outside, the first
    signal is only recorded. A further signal more than ENDING_SECONDS after the first always ends the process at once.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._received_at = 0.0
        self._span_is_open = False

    def install(self) -> None:
        """Install the handlers, except for signals that the parent process ignores (``nohup``, ``&``)."""
        for number in STOP_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._receive)
        signal.signal(signal.SIGALRM, self._retry)
        sys.unraisablehook = self._catch_unraisable

    def ignore(self) -> None:
        """Ignore the signals for the rest of the process, so that they cannot change its exit code."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def __enter__(self) -> None:
        self._span_is_open = True
        if self._number is not None:
            raise StopRequested(self._number)

    def __exit__(self, *_: object) -> None:
        self._span_is_open = False
        # An event loop replaces the handlers while it runs and then restores the defaults.
        self.install()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._number is None:
            self._number = number
            self._received_at = time.monotonic()
            self._raise_when_safe(frame)
        elif time.monotonic() - self._received_at > ENDING_SECONDS:
            os._exit(128 + number)

    def _retry(self, _: int, frame: FrameType | None) -> None:
        self._raise_when_safe(frame)

    def _raise_when_safe(self, frame: FrameType | None) -> None:
        if not self._span_is_open or self._number is None:
            return
        if _is_importing(frame):
            signal.setitimer(signal.ITIMER_REAL, _RETRY_SECONDS)
        else:
            raise StopRequested(self._number)

    def _catch_unraisable(self, unraisable: UnraisableHookArgs) -> None:
        """Schedule another attempt to raise StopRequested where Python could not propagate it."""
        if isinstance(unraisable.exc_value, StopRequested):
            signal.setitimer(signal.ITIMER_REAL, _RETRY_SECONDS)
        else:
            sys.__unraisablehook__(unraisable)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
