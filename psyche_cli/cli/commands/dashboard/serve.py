"""``psyche-cli dashboard``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from psyche_cli.cli.options import AllRuns, HistoryStateDir, RunIds, TreasurerIndex, option
from psyche_cli.cli.sessions import Call, reads
from psyche_cli.limits import U16_MAX


@reads(example="psyche-cli dashboard --run-id my-run --open", follows=True, lasts=True, archive=True)
def command(
    call: Call,
    *,
    run_id: RunIds = None,
    all_runs: AllRuns = False,
    port: Annotated[
        int | None,
        option(
            "--port",
            metavar="N",
            help="Serve at this port of 127.0.0.1; 0 selects a free one. Defaults to 9466.",
            max=U16_MAX,
        ),
    ] = None,
    listen: Annotated[
        str | None,
        option(
            "--listen",
            metavar="HOST:PORT",
            help="Serve at this address instead. Another address than a loopback one requires --token-file.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        option(
            "--token-file",
            metavar="FILE",
            help="File with a token that the page must be opened with. Created if it does not exist.",
        ),
    ] = None,
    open_browser: Annotated[bool, option("--open", help="Open the page in a browser.")] = False,
    state_dir: HistoryStateDir = None,
    treasurer_index: TreasurerIndex = None,
) -> Callable[[Any], Any]:
    """Serve a web page about runs, with live updates.

    Without --run-id, the page lists all runs on the cluster. The page of a run shows its state, progress, members,
    rewards, curves, configuration, transactions and what explain finds. The history of a run is read when its page is
    opened, and kept in the state folder. With --archive, the page shows the run in an archive. Without --listen, only
    this machine can reach the page. It makes no requests to other hosts. docs/dashboard.md describes it. Does not need
    a wallet.
    """
    from psyche_cli.cli.render import Renderer
    from psyche_cli.operations.dashboard.serve import dashboard_options, serve_dashboard

    environment = call.environment
    if all_runs and "run_id" not in call.typed:
        run_id = None  # the command line takes precedence over the environment
    options = dashboard_options(
        environment,
        run_ids=run_id,
        everything=all_runs,
        port=port,
        listen=listen,
        token_file=token_file,
        state_folder=state_dir,
        opens=open_browser,
        treasurer_index=treasurer_index,
    )
    announce = Renderer(environment, command="dashboard", as_json=environment.output.as_json, compact=True).result
    return lambda session: serve_dashboard(session, options, announce)
