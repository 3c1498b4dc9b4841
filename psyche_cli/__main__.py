"""Process entry point of the console script and of ``python -m psyche_cli``.

Installs the signal handlers before it imports anything else, then runs the command line and exits with its code.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_EXIT_CODE_OF_SIGINT = 130
_OBJECTS = 20_000
"""New objects after which the youngest generation is collected."""


def run() -> NoReturn:
    """Run the command line with this process's arguments and environment, and exit with its code."""
    started = time.monotonic()
    try:
        from psyche_cli.stop_signals import StopSignals

        stop_signals = StopSignals()
        stop_signals.install()
    except KeyboardInterrupt:
        os._exit(_EXIT_CODE_OF_SIGINT)
    import gc

    # Imported modules stay alive until the process ends, so collecting during the imports would be wasted time. A verb
    # imports more when it is called; with the usual threshold of 700 objects, that was a twentieth of a write's time.
    gc.disable()
    from psyche_cli.cli.app import environment_of_this_process, main

    gc.freeze()
    gc.set_threshold(_OBJECTS)
    gc.enable()
    environment = environment_of_this_process(stop_signals, started=started)
    sys.stderr = environment.diagnostics.as_stream()  # for threads that outlive main, too
    code = main(sys.argv[1:], environment)
    stop_signals.ignore()
    _end(code)


def _end(code: int) -> NoReturn:
    """Exit without finalizing the interpreter.

    Finalization takes a fifth of the run time of ``--help``, and threads still waiting for an endpoint would keep
    running during it. There is nothing to clean up: every resource is closed by a ``with`` statement.
    """
    for stream in (sys.__stdout__, sys.__stderr__):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):  # already reported when the output was written
            pass
    os._exit(code)


if __name__ == "__main__":
    run()
