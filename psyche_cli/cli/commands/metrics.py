"""``psyche-cli metrics``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from psyche_cli.cli.options import AllRuns, ReadInterval, RunIds, TreasurerIndex, option
from psyche_cli.cli.sessions import Call, reads
from psyche_cli.results import Result


@reads(example="psyche-cli metrics --run-id my-run", lasts=True)
def command(
    call: Call,
    *,
    run_id: RunIds = None,
    all_runs: AllRuns = False,
    listen: Annotated[
        str | None,
        option(
            "--listen",
            metavar="HOST:PORT",
            help="Serve at this address; port 0 selects a free one. Defaults to 127.0.0.1:9465. Another address than a "
            "loopback one requires --token-file.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        option(
            "--token-file",
            metavar="FILE",
            help="File with a token that requests must have in the header `Authorization: Bearer`. Created if it does "
            "not exist.",
        ),
    ] = None,
    textfile: Annotated[
        Path | None,
        option(
            "--textfile",
            metavar="FILE",
            help="Write the metrics to this file, for the textfile collector of node_exporter. Without --listen, they "
            "are not served.",
        ),
    ] = None,
    once: Annotated[
        bool, option("--once", help="Read the metrics once and end: print them, or write them to --textfile.")
    ] = False,
    print_file: Annotated[
        Literal["dashboard", "alerts"] | None,
        option("--print", help="Print the dashboard for Grafana, or the alert rules for Prometheus, and end."),
    ] = None,
    interval: ReadInterval = "15s",
    treasurer_index: TreasurerIndex = None,
) -> Callable[[Any], Any] | Result:
    """Serve metrics of runs to Prometheus, or write them to a file.

    A request reads the runs if the latest reading is older than --interval. If the endpoint does not respond, the
    metric psyche_rpc_up is 0. With --once, the exit code is then 10. docs/monitoring.md describes all metrics. Requires
    the extra metrics. Does not need a wallet.
    """
    from psyche_cli.operations.monitoring.intervals import parse_interval
    from psyche_cli.operations.monitoring.metrics import metrics_once, metrics_options, serve_metrics, shipped_file

    if print_file is not None:
        return shipped_file(print_file)
    environment = call.environment
    if all_runs and "run_id" not in call.typed:
        run_id = None  # the command line takes precedence over the environment
    options = metrics_options(
        environment,
        run_ids=run_id,
        everything=all_runs,
        seconds=parse_interval(interval),
        listen=listen,
        token_file=token_file,
        textfile=textfile,
        once=once,
        treasurer_index=treasurer_index,
    )
    if once:
        return lambda session: metrics_once(session, options)
    from psyche_cli.cli.render import Renderer

    announce = Renderer(environment, command="metrics", as_json=environment.output.as_json, compact=True).result
    return lambda session: serve_metrics(session, options, announce)
