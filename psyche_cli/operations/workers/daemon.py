"""Runs the worker daemon in the foreground."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from psyche_cli.environment import Environment
from psyche_cli.errors import UsageError, WorkersNotEnded
from psyche_cli.operations.listening import parse_listen
from psyche_cli.operations.workers.daemon_payloads import DaemonReadyData
from psyche_cli.private_keys import refuse_key_as_path
from psyche_cli.results import OperationResult
from psyche_cli.workers.registry.submission import parse_gpus
from psyche_cli.workers.service import contract
from psyche_cli.workers.storage.layout import WorkersFolder


def run_daemon(
    environment: Environment,
    *,
    state_dir: Path | None,
    listen: str | None,
    remote: bool,
    gpus: str | None,
    announce: Callable[[OperationResult[DaemonReadyData]], None],
) -> None:
    """Run the daemon until a signal or a call stops it. ``announce`` prints the ready result.

    Raises UsageError, DaemonRunning and DaemonUnavailable before the ready line, and WorkersNotEnded at the end.
    """
    address = "" if listen is None else check_address(listen, remote=remote)
    slots = None if gpus is None else parse_gpus(gpus)
    if state_dir is not None:
        refuse_key_as_path("the state directory", state_dir)
    contract.require_grpc()
    from psyche_cli.workers.daemon.serve import DaemonOptions, Ready, serve

    folder = WorkersFolder.of_state((state_dir or environment.state_folder).absolute())

    def publish(ready: Ready) -> None:
        more = f", {_workers(ready.adopted)} adopted" if ready.adopted > 0 else ""
        data = DaemonReadyData(
            address=ready.file.address,
            pid=os.getpid(),
            folder=str(folder.path),
            token_path=str(folder.daemon_token),
            log_path=str(folder.daemon_log),
            workers=ready.adopted,
        )
        announce(
            OperationResult(summary=f"Worker daemon ready: {ready.file.address}{more} (Ctrl-C stops it)", data=data)
        )

    outcome = serve(DaemonOptions(folder, address, slots), publish)
    left = f" {_workers(outcome.left)} continue; the next daemon adopts them." if outcome.left > 0 else ""
    environment.progress(f"The worker daemon has stopped.{left}")
    if outcome.not_ended:
        raise WorkersNotEnded.of(outcome.not_ended)


def check_address(text: str, *, remote: bool) -> str:
    """``HOST:PORT``, where the host is an IP address or localhost.

    Raises UsageError if it is invalid, or if other machines can reach it and ``remote`` is False.
    """
    address = parse_listen(text)
    if not address.ip.is_loopback and not remote:
        raise UsageError(
            f"Other machines may be able to reach {text}.",
            hint="Use 127.0.0.1, or add --remote. Calls are not encrypted, and carry the token.",
        )
    return address.text


def _workers(count: int) -> str:
    return f"{count} worker" if count == 1 else f"{count} workers"
