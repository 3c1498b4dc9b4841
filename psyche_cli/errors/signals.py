"""Signals that stop a command."""

from __future__ import annotations

import signal

from psyche_cli.errors.base import ExitCode, PsycheError
from psyche_cli.stop_signals import StopRequested


class Interrupted(PsycheError):
    """A signal stopped the command before it finished: Ctrl-C (SIGINT), or a signal of a subclass.

    The exit codes are 128 plus the signal number, as in a shell.
    """

    exit_code = ExitCode.INTERRUPTED

    method: str | None = None

    @staticmethod
    def by(
        stop: KeyboardInterrupt,
        message: str,
        *,
        hint: str = "",
        sent: bool | None = None,
        signature: str | None = None,
        method: str | None = None,
    ) -> Interrupted:
        """The error for the signal that raised ``stop``; a plain KeyboardInterrupt counts as Ctrl-C.

        ``method`` is the RPC method of a request that may have been executed, if no transaction was sent.
        """
        number = stop.signal_number if isinstance(stop, StopRequested) else signal.SIGINT
        kind = {signal.SIGTERM: Terminated, signal.SIGHUP: HungUp}.get(signal.Signals(number), Interrupted)
        return kind(message, hint=hint, sent=sent, signature=signature, method=method)


class Terminated(Interrupted):
    """SIGTERM: a supervisor, ``timeout`` or ``kill`` stopped the process."""

    exit_code = ExitCode.TERMINATED


class HungUp(Interrupted):
    """SIGHUP: the terminal or connection was closed."""

    exit_code = ExitCode.HUNG_UP
