"""SIGINT, SIGTERM and SIGHUP: recorded from the first moment, raised only where raising is safe.

An exception that a signal handler raises inside an ``import`` or a destructor may be printed as ignored and lost. So a
signal that arrives before the command runs, or while a module is being imported, is kept and raised as soon as the main
thread is elsewhere. Once the outcome of the command is decided, a signal changes nothing.

The handlers have to be in place before anything that takes time is imported, so this module imports next to nothing: no
``typing``, no ``contextlib``.
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
"""What a process that was asked to stop gets for stopping and for its report. A further signal within this time changes
nothing: it is the same request (``timeout`` and terminals signal both the process and its group) or an impatient one,
and to give in would lose the report of what was sent."""

_RETRY_SECONDS = 0.01


class StopRequested(KeyboardInterrupt):
    """A signal asks the process to stop. ``signal_number`` says which one."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


class StopSignals:
    """The handlers of a process's stop signals. Uses SIGALRM and the real-time interval timer as well.

    As a context manager it is the span in which a signal, or one that came before, raises StopRequested in the main
    thread. Outside of it the first signal is only recorded. One that comes more than ENDING_SECONDS after it ends the
    process at once, anywhere.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._received_at = 0.0
        self._span_is_open = False

    def install(self) -> None:
        """Handle the signals from now on, except those that the parent process had ignored (``nohup``, ``&``)."""
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
        # An event loop takes the handlers over while it runs, and leaves the defaults behind.
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
        """Raise a StopRequested again that came up where Python cannot propagate it."""
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
