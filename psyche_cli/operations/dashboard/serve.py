"""Serves the dashboard until a signal stops the process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from psyche_cli.errors import UsageError
from psyche_cli.operations.archives.session import ArchiveSession
from psyche_cli.operations.dashboard.payloads import DashboardReadyData
from psyche_cli.operations.listening import ListenAddress, parse_listen
from psyche_cli.operations.serving.tokens import read_token, require_token
from psyche_cli.protocol.addresses import check_run_id
from psyche_cli.results import PlainText

if TYPE_CHECKING:
    from psyche_cli.environment import Environment
    from psyche_cli.operations.dashboard.page import Page
    from psyche_cli.operations.dashboard.page_server import PageServer
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

    With an archive, it is the page of the run in it. Raises MonitoringError, and the errors of the archive, before the
    ready line.
    """
    page = _archived_page(session, options) if isinstance(session, ArchiveSession) else None
    asyncio.run(_serve(session, options, announce, page))
    session.notify("The dashboard is no longer served.")


def _archived_page(session: ArchiveSession, options: DashboardOptions) -> Page:
    """The page of the run in an archive, which does not change."""
    from psyche_cli.operations.dashboard.export import still_page

    if options.run_ids is not None and len(options.run_ids) > 1:
        raise UsageError("An archive contains one run.", hint="Specify one --run-id, or omit it.")
    [run_id] = options.run_ids or [session.archive.file.manifest.run_id]
    redacted = options.environment.redactor.redacted
    found = still_page(session, run_id, options.state_folder, redacted, options.treasurer_index)
    for sentence in found.warnings:
        session.notify(sentence)
    return found.page


async def _serve(
    session: Session,
    options: DashboardOptions,
    announce: Callable[[PlainText[DashboardReadyData]], None],
    still: Page | None,
) -> None:
    from psyche_cli.operations.dashboard.dashboard import Dashboard
    from psyche_cli.operations.dashboard.feed import Sources
    from psyche_cli.operations.dashboard.hub import Hub
    from psyche_cli.operations.dashboard.page_server import PageServer
    from psyche_cli.operations.dashboard.server import DashboardServer
    from psyche_cli.operations.serving.sockets import bind, stopped_by_signals

    stop = stopped_by_signals()
    bound = bind(options.listen, what="The dashboard", change="--port or --listen")
    token, report = options.token, session.notify
    if still is not None:
        await _run(session, options, announce, PageServer(still, bound, token=token, report=report), stop)
        return
    hub = Hub(asyncio.get_running_loop())
    redacted = options.environment.redactor.redacted
    sources = Sources(session, options.state_folder, hub, redacted, options.treasurer_index)
    dashboard = Dashboard(sources, options.run_ids)
    server = DashboardServer(dashboard, hub, bound, token=token, redacted=redacted, report=report)
    try:
        await _run(session, options, announce, server, stop)
    finally:
        dashboard.end()


async def _run(
    session: Session,
    options: DashboardOptions,
    announce: Callable[[PlainText[DashboardReadyData]], None],
    server: PageServer,
    stop: asyncio.Event,
) -> None:
    """Answer requests until ``stop``."""
    async with server.running():
        announce(_ready(options, server.url))
        if options.opens:
            await _open(session, options, server)
        await stop.wait()


async def _open(session: Session, options: DashboardOptions, server: PageServer) -> None:
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
