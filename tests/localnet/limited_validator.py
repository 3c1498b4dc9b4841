"""``psyche-cli`` in a process with a limited disk: ``N`` on stdin limits files to N bytes, ``-`` removes the limit."""

from __future__ import annotations

import resource
import sys
import threading

from psyche_cli.__main__ import run


def obey() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for line in sys.stdin:
        limit = hard if line == "-\n" else int(line)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        sys.stdout.write("limited\n")
        sys.stdout.flush()


if __name__ == "__main__":
    threading.Thread(target=obey, daemon=True).start()
    run()
