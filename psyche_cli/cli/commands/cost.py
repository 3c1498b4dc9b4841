"""``psyche-cli cost``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import RunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Reading, reads

_MOST = 100_000


@reads(example="psyche-cli cost --run-id my-run")
def command(
    *,
    run_id: RunId,
    transactions: Annotated[
        int,
        option(
            "--transactions",
            metavar="N",
            help="Maximum number of transactions to read, newest first, 20 per request.",
            min=0,
            max=_MOST,
        ),
    ] = 500,
    treasurer_index: TreasurerIndex = None,
) -> Reading:
    """Show what a run has cost so far.

    Includes the rent locked in its accounts, the fees paid by each signer and in each epoch, the top-ups of its vault,
    and what members earned and were paid per million trained tokens. Does not need a wallet.
    """
    from psyche_cli.operations.observe.cost import cost_of_run

    return lambda session: cost_of_run(
        session, run_id=run_id, transactions=transactions, treasurer_index=treasurer_index
    )
