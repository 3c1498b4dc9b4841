"""Serves the dashboard until a signal stops the process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from psyche_cli.errors import UsageError
from psyche_cli.operations.dashboard.payloads import DashboardReadyData
from psyche_cli.operations.listening import ListenAddress, parse_listen
from psyche_cli.operations.serving.tokens import read_token, require_token
from psyche_cli.protocol.addresses import check_run_id
from psyche_cli.results import PlainText

if TYPE_CHECKING:
    from psyche_cli.environment import Environment
    from psyche_cli.operations.dashboard.server import DashboardServer
    from psyche_cli.operations.sessions import Session

DEFAULT_PORT: Final = 9466


class DashboardOptions(NamedTuple):
    """Which runs to show (None: all), where to serve, and the folder of histories.

    ``token`` must be in all requests, if it is not empty; it is in ``token_file``. ``opens`` is whether a browser is
    opened.
    """

    environment: Environment
    run_ids: Sequence[str] | None
    listen: ListenAddress
    token: str
    token_file: Path | None
    state_folder: Path
    opens: bool
    treasurer_index: int | None


def dashboard_options(
    environment: Environment,
    *,
    run_ids: Sequence[str] | None,
    everything: bool,
    port: int | None,
    listen: str | None,
    token_file: Path | None,
    state_folder: Path | None,
    opens: bool,
    treasurer_index: int | None,
) -> DashboardOptions:
    """Check the options of ``dashboard``. Creates the token file if it does not exist. Raises UsageError."""
    if run_ids and everything:
        raise UsageError("--all and --run-id exclude each other.", hint="Omit one of them.")
    if treasurer_index is not None and len(set(run_ids or ())) != 1:
        raise UsageError("--treasurer-index is only for one run.", hint="Specify one --run-id, or omit it.")
    for run_id in run_ids or ():
        check_run_id(run_id)
    if port is not None and listen is not None:
        raise UsageError("--port and --listen exclude each other.", hint="--listen HOST:PORT contains the port.")
    address = parse_listen(listen or f"127.0.0.1:{DEFAULT_PORT if port is None else port}")
    require_token(address, token_file)
    token = "" if token_file is None else read_token(environment, token_file)
    return DashboardOptions(
        environment=environment,
        run_ids=list(dict.fromkeys(run_ids)) if run_ids else None,
        listen=address,
        token=token,
        token_file=token_file,
        state_folder=state_folder or environment.state_folder,
        opens=opens,
        treasurer_index=treasurer_index,
    )


def serve_dashboard(
    session: Session, options: DashboardOptions, announce: Callable[[PlainText[DashboardReadyData]], None]
) -> None:
    """Serve the dashboard until a signal stops the process. ``announce`` prints the ready result.

    Raises MonitoringError before the ready line.
    """
    asyncio.run(_serve(session, options, announce))
    session.notify("The dashboard is no longer served.")


async def _serve(
    session: Session, options: DashboardOptions, announce: Callable[[PlainText[DashboardReadyData]], None]
) -> None:
    from psyche_cli.operations.dashboard.dashboard import Dashboard
    from psyche_cli.operations.dashboard.feed import Sources
    from psyche_cli.operations.dashboard.hub import Hub
    from psyche_cli.operations.dashboard.server import DashboardServer
    from psyche_cli.operations.serving.sockets import bind, stopped_by_signals

    stop = stopped_by_signals()
    hub = Hub(asyncio.get_running_loop())
    redacted = options.environment.redactor.redacted
    bound = bind(options.listen, what="The dashboard", change="--port or --listen")
    sources = Sources(session, options.state_folder, hub, redacted, options.treasurer_index)
    dashboard = Dashboard(sources, options.run_ids)
    server = DashboardServer(dashboard, hub, bound, token=options.token, redacted=redacted, report=session.notify)
    try:
        async with server.running():
            announce(_ready(options, server.url))
            if options.opens:
                await _open(session, options, server)
            await stop.wait()
    finally:
        dashboard.end()


async def _open(session: Session, options: DashboardOptions, server: DashboardServer) -> None:
    """Open the page in a browser. With a token, it gets a code that is valid once: others may see its command line."""
    from psyche_cli.operations.serving.threads import in_daemon_thread

    url = f"{server.url}?code={server.guard.new_code()}" if options.token else server.url
    if not await in_daemon_thread(lambda: options.environment.open_browser(url)):
        session.notify(f"No browser could be opened. Open {server.url} yourself.")


def _ready(options: DashboardOptions, url: str) -> PlainText[DashboardReadyData]:
    data = DashboardReadyData(
        url=url, token_file=None if options.token_file is None else str(options.token_file), pid=os.getpid()
    )
    with_token = "" if options.token_file is None else f"?token=..., with the token in {options.token_file}"
    return PlainText(f"Dashboard ready: {url}{with_token} (Ctrl-C stops it)", data)
