"""``psyche-cli localnet`` for the process that started it: it also stops when that process ends, however it ends.

Standard input is a pipe whose other end the parent process holds and never writes to.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def _stop_with_parent() -> None:
    """Request this process to stop once nobody holds the other end of its standard input."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_stop_with_parent, name="parent", daemon=True).start()
    sys.argv[1:1] = ["localnet"]
    runpy.run_module("psyche_cli", run_name="__main__", alter_sys=True)
