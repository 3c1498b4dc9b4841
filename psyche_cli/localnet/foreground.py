"""The local validator as a process of its own: one ready line, then service until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import replace

from psyche_cli.environment import Environment
from psyche_cli.localnet.connections import raise_file_limit
from psyche_cli.localnet.local_validator import LocalnetOptions, create_server
from psyche_cli.localnet.server import LocalServer
from psyche_cli.render import print_line


def run_in_foreground(environment: Environment, options: LocalnetOptions, *, as_json: bool, quiet: bool) -> None:
    """Serve until told to stop. Raises BadProgram, PortInUse or UsageError before the ready line."""

    log = environment.diagnostics.line
    raise_file_limit()
    options = replace(options, notice=log) if quiet else replace(options, notice=log, log=log)
    asyncio.run(_serve(environment, options, as_json=as_json))


async def _serve(environment: Environment, options: LocalnetOptions, *, as_json: bool) -> None:
    stop, started = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = create_server(options)
    serving = asyncio.create_task(server.serve(started, stop))
    await started.wait()
    print_line(environment, ready_line(server, as_json=as_json))
    await serving


def ready_line(server: LocalServer, *, as_json: bool) -> str:
    """The one line on stdout, for a person or (one JSON object) for a program."""
    if not as_json:
        return f"Local validator ready: RPC {server.rpc_url}, PubSub {server.ws_url} (Ctrl-C stops it)"
    data = {"rpc_url": server.rpc_url, "ws_url": server.ws_url}
    return json.dumps({"schema_version": 1, "command": "localnet", "ok": True, "exit_code": 0, "data": data})
