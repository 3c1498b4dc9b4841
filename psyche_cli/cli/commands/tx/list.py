"""``psyche-cli tx list``."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

from psyche_cli.cli.options import StateDir, option
from psyche_cli.cli.sessions import Call, given_options, plain
from psyche_cli.results import Result


@plain(example="psyche-cli tx list --all --run-id my-run")
def command(
    call: Call,
    *,
    run_id: Annotated[
        str | None,
        option("--run-id", "-r", metavar="RUN_ID", help="Only transactions that concern this run.", variable=False),
    ] = None,
    all: Annotated[bool, option("--all", help="Also list transactions whose outcome is recorded.")] = False,
    limit: Annotated[
        int,
        option(
            "--limit", metavar="N", help="With --all, list at most this many settled transactions, the latest.", min=1
        ),
    ] = 100,
    state_dir: StateDir = None,
) -> Result:
    """List the transactions in the journal whose outcome is not known.

    Reads only the journal; makes no requests.
    """
    from psyche_cli.operations.journal import open_journal
    from psyche_cli.operations.transactions.list_transactions import list_transactions

    environment = call.environment
    with closing(open_journal(environment, state_dir)) as journal:
        return list_transactions(journal, run_id=run_id, all=all, limit=limit, given=given_options(call))
