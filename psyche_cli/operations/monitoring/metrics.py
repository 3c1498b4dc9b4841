"""Reads metrics once, or serves them to Prometheus."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from psyche_cli.errors import MonitoringError, UsageError
from psyche_cli.extras import install_hint
from psyche_cli.operations.listening import ListenAddress, parse_listen
from psyche_cli.operations.monitoring.payloads import MetricsData, MetricsFileData, MetricsReadyData
from psyche_cli.operations.monitoring.reading import RunReader
from psyche_cli.operations.serving.tokens import read_token, require_token
from psyche_cli.resources import monitoring_path
from psyche_cli.results import PlainText

if TYPE_CHECKING:
    from psyche_cli.environment import Environment
    from psyche_cli.operations.monitoring.source import MetricsSource
    from psyche_cli.operations.sessions import Session

DEFAULT_LISTEN: Final = "127.0.0.1:9465"

_READABLE_BY_ALL: Final = 0o644


class MetricsOptions(NamedTuple):
    """Which runs to read (None: all), how long a reading is used in seconds, and where the metrics go.

    ``listen`` is the address of the server; None without one. ``token`` must be in all requests, if it is not empty;
    it is in ``token_file``. ``textfile`` is a file to write.
    """

    run_ids: Sequence[str] | None
    seconds: int
    listen: ListenAddress | None
    token: str = ""
    token_file: Path | None = None
    textfile: Path | None = None
    treasurer_index: int | None = None


def metrics_options(
    environment: Environment,
    *,
    run_ids: Sequence[str] | None,
    everything: bool,
    seconds: int,
    listen: str | None,
    token_file: Path | None,
    textfile: Path | None,
    once: bool,
    treasurer_index: int | None,
) -> MetricsOptions:
    """Check the options of ``metrics``. Creates the token file if it does not exist. Raises UsageError."""
    require_runs(run_ids, everything=everything, treasurer_index=treasurer_index)
    if once and (listen is not None or token_file is not None):
        raise UsageError("--once starts no server.", hint="Omit --listen and --token-file, or omit --once.")
    serves = not once and (listen is not None or textfile is None)
    address = parse_listen(listen or DEFAULT_LISTEN) if serves else None
    if token_file is not None and address is None:
        raise UsageError("--token-file requires --listen.", hint="Add --listen HOST:PORT.")
    if address is not None:
        require_token(address, token_file)
    token = "" if token_file is None else read_token(environment, token_file)
    return MetricsOptions(
        None if everything else run_ids, seconds, address, token, token_file, textfile, treasurer_index
    )


def require_runs(run_ids: Sequence[str] | None, *, everything: bool, treasurer_index: int | None) -> None:
    """Raise UsageError unless the options select at least one run, and a treasurer index at most one."""
    if bool(run_ids) == everything:
        raise UsageError("Specify either --run-id or --all.", hint="--run-id can be repeated.")
    if treasurer_index is not None and (everything or len(set(run_ids or ())) != 1):
        raise UsageError("--treasurer-index is only for one run.", hint="Specify one --run-id, or omit it.")


def shipped_file(what: Literal["dashboard", "alerts"]) -> PlainText[MetricsFileData]:
    """The dashboard for Grafana, or the alert rules for Prometheus."""
    path = monitoring_path({"dashboard": "grafana-dashboard.json", "alerts": "prometheus-alerts.yml"}[what])
    content = path.read_text(encoding="utf-8")
    return PlainText(content, MetricsFileData(name=path.name, content=content))


def metrics_once(session: Session, options: MetricsOptions) -> PlainText[MetricsData]:
    """Read the metrics once. Raises MonitoringError.

    If the endpoint does not respond, the metrics that say so are written to a file before the NetworkError is raised.
    """
    source = _source(session, options)
    health = source.read()
    text, _ = source.exposition()
    if options.textfile is not None:
        write_textfile(options.textfile, text)
    if source.error is not None:
        raise source.error
    assert health.reading is not None  # there was no error
    data = MetricsData(
        runs=len(health.reading.runs),
        unreadable=[run.run_id for run in health.reading.runs if run.problem is not None],
        textfile=None if options.textfile is None else str(options.textfile),
        text=None if options.textfile is not None else text.decode(),
    )
    runs = "1 run" if data.runs == 1 else f"{data.runs} runs"
    return PlainText(data.text or f"Wrote the metrics of {runs} to {options.textfile}.", data)


def serve_metrics(
    session: Session, options: MetricsOptions, announce: Callable[[PlainText[MetricsReadyData]], None]
) -> None:
    """Serve metrics, or write them to a file, until a signal stops the process. ``announce`` prints the ready result.

    Raises MonitoringError before the ready line.
    """
    asyncio.run(_serve(_source(session, options), session, options, announce))
    session.notify("The metrics are no longer served." if options.listen is not None else "Stopped.")


async def _serve(
    source: MetricsSource,
    session: Session,
    options: MetricsOptions,
    announce: Callable[[PlainText[MetricsReadyData]], None],
) -> None:
    from psyche_cli.operations.monitoring.server import MetricsServer
    from psyche_cli.operations.serving.sockets import bind, stopped_by_signals

    stop = stopped_by_signals()
    bound = None if options.listen is None else bind(options.listen, what="The metrics", change="--listen")
    server = None if bound is None else MetricsServer(source, bound, token=options.token, report=session.notify)
    if options.textfile is not None:
        write_textfile(options.textfile, (await source.fresh_exposition())[0])
    async with server.running() if server is not None else nullcontext():
        announce(_ready(options, None if server is None else server.url))
        while not stop.is_set():
            if options.textfile is None:
                await stop.wait()
                break
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), options.seconds)
                break
            text, _ = await source.fresh_exposition()
            try:
                write_textfile(options.textfile, text)
            except MonitoringError as error:
                session.notify(error.message)


def _source(session: Session, options: MetricsOptions) -> MetricsSource:
    try:
        from psyche_cli.operations.monitoring.source import MetricsSource
    except ImportError as error:
        raise MonitoringError(
            "Metrics need the package prometheus-client, which is not installed.", hint=install_hint("metrics")
        ) from error
    reader = RunReader(session, options.run_ids, treasurer_index=options.treasurer_index)
    return MetricsSource(reader, session.feed.clock, options.seconds)


def _ready(options: MetricsOptions, url: str | None) -> PlainText[MetricsReadyData]:
    where = [url] if url is not None else []
    where += [str(options.textfile)] if options.textfile is not None else []
    data = MetricsReadyData(
        url=url,
        textfile=None if options.textfile is None else str(options.textfile),
        token_file=None if options.token_file is None else str(options.token_file),
        pid=os.getpid(),
    )
    return PlainText(f"Metrics ready: {', '.join(where)} (Ctrl-C stops it)", data)


def write_textfile(path: Path, content: bytes) -> None:
    """Replace a file at once, readable by everyone, for the textfile collector of node_exporter.

    The collector reads all files ``*.prom``; the name of the new content ends differently until it is complete. Raises
    MonitoringError.
    """
    hidden: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        hidden = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), _READABLE_BY_ALL)
            file.write(content)
        hidden.replace(path)
    except OSError as error:
        if hidden is not None:
            hidden.unlink(missing_ok=True)
        raise MonitoringError(
            f"The metrics cannot be written to {path}: {error.strerror}.",
            hint="Choose another path with --textfile.",
            path=str(path),
        ) from error
