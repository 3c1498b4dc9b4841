"""Runs the local validator in the foreground: prints one ready line, then serves until SIGINT, SIGTERM or SIGHUP."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from psyche_cli.environment import Environment
from psyche_cli.localnet.local_validator import LocalnetOptions, create_server
from psyche_cli.localnet.server.connections import raise_file_limit
from psyche_cli.localnet.server.http import LocalServer
from psyche_cli.operations.localnet.ready_data import ReadyData
from psyche_cli.operations.localnet.ready_file import ReadyFile, reserve_ready_file
from psyche_cli.results import OperationResult


def run_in_foreground(
    environment: Environment,
    options: LocalnetOptions,
    *,
    announce: Callable[[OperationResult[ReadyData]], None],
    as_document: Callable[[OperationResult[ReadyData]], str],
    quiet: bool,
    ready_file: Path | None = None,
) -> None:
    """Serve until a signal requests the process to stop.

    ``announce`` prints the ready result. While the validator is ready, ``ready_file`` contains that result as formatted
    by ``as_document``. Raises BadProgram, PortInUse, UsageError or LocalnetError before the ready line.
    """

    log = environment.diagnostics.line
    raise_file_limit()
    options = replace(options, notice=log) if quiet else replace(options, notice=log, log=log)
    with reserve_ready_file(ready_file) as file:
        asyncio.run(_serve(options, lambda ready: _publish(ready, file, announce, as_document)))
    environment.progress("The local validator has stopped.")


def _publish(
    ready: OperationResult[ReadyData],
    file: ReadyFile | None,
    announce: Callable[[OperationResult[ReadyData]], None],
    as_document: Callable[[OperationResult[ReadyData]], str],
) -> None:
    if file is not None:
        file.publish(as_document(ready))
    announce(ready)


async def _serve(options: LocalnetOptions, publish: Callable[[OperationResult[ReadyData]], None]) -> None:
    stop, started = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Under nohup, closing the terminal must not stop the server.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            loop.add_signal_handler(number, stop.set)
    server = create_server(options)
    gc.freeze()  # what exists by now lasts as long as the process
    serving = asyncio.create_task(server.serve(started, stop))
    await started.wait()
    publish(ready_result(server))
    await serving


def ready_result(server: LocalServer) -> OperationResult[ReadyData]:
    """The result that is printed as the ready line: the validator's URLs and process id."""
    return OperationResult(
        summary=f"Local validator ready: RPC {server.rpc_url}, PubSub {server.ws_url} (Ctrl-C stops it)",
        data=ReadyData(rpc_url=server.rpc_url, ws_url=server.ws_url, pid=os.getpid()),
    )
