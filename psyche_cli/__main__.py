"""The process: signal handlers first, then the command line, then the exit code. ``python -m psyche_cli`` runs it, too.

Nothing is imported here before the handlers are in place.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_EXIT_CODE_OF_SIGINT = 130


def run() -> NoReturn:
    """The console script: this process's arguments and environment."""
    started = time.monotonic()
    try:
        from psyche_cli.stop_signals import StopSignals

        stop_signals = StopSignals()
        stop_signals.install()
    except KeyboardInterrupt:
        os._exit(_EXIT_CODE_OF_SIGINT)
    import gc

    # What is imported stays, so there is nothing to collect among it.
    gc.disable()
    from psyche_cli.cli.app import environment_of_this_process, main

    gc.freeze()
    gc.enable()
    environment = environment_of_this_process(stop_signals, started=started)
    sys.stderr = environment.diagnostics.as_stream()  # for threads that outlive main, too
    code = main(sys.argv[1:], environment)
    stop_signals.ignore()
    _end(code)


def _end(code: int) -> NoReturn:
    """End without taking the interpreter apart.

    That takes a fifth of the time of ``--help``, and a thread that still waits for an endpoint would run meanwhile.
    Nothing is left to clean up: whatever is opened is closed by a ``with``.
    """
    for stream in (sys.__stdout__, sys.__stderr__):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):  # reported when it was written
            pass
    os._exit(code)


if __name__ == "__main__":
    run()
