"""``python -m psyche_cli.workers.daemon STATE_FOLDER [--on-demand]``: the daemon as commands start it.

An error is written to standard output as a JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from psyche_cli.errors import DaemonRunning, PsycheError, WorkersNotEnded
from psyche_cli.workers.daemon.daemon_log import DaemonLog
from psyche_cli.workers.service import contract
from psyche_cli.workers.storage.layout import WorkersFolder


def _main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="psyche_cli.workers.daemon")
    parser.add_argument("state_folder", type=Path)
    parser.add_argument("--on-demand", action="store_true")
    parser.add_argument("--idle-seconds", type=float)
    parser.add_argument("--listen", default="")
    parser.add_argument("--gpus", default="")
    given = parser.parse_args(arguments)
    folder = WorkersFolder.of_state(given.state_folder)
    try:
        contract.require_grpc()
        from psyche_cli.workers.daemon.serve import IDLE_SECONDS, DaemonOptions, serve
        from psyche_cli.workers.registry.submission import parse_gpus

        idle = IDLE_SECONDS if given.idle_seconds is None else given.idle_seconds
        gpus = parse_gpus(given.gpus) if given.gpus else None
        outcome = serve(DaemonOptions(folder, given.listen, gpus, given.on_demand, idle), lambda _: None)
        if outcome.not_ended:
            raise WorkersNotEnded.of(outcome.not_ended)
    except DaemonRunning:
        return 0  # another one was faster
    except PsycheError as error:
        # For the command that has started it.
        sys.stdout.write(json.dumps({"message": error.message, "hint": error.hint}))
        DaemonLog(folder.daemon_log).failure("daemon", error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
