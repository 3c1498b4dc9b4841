"""``psyche-cli rewards list``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from psyche_cli.cli.options import RunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Call, Reading, reads
from psyche_cli.results import PlainText

if TYPE_CHECKING:
    from psyche_cli.operations.sessions import Session
    from psyche_cli.results import Result


@reads(example="psyche-cli rewards list --run-id my-run --csv")
def command(
    call: Call,
    *,
    run_id: RunId,
    csv: Annotated[bool, option("--csv", help="Print CSV. Ignored with --output json.")] = False,
    treasurer_index: TreasurerIndex = None,
) -> Reading:
    """List what each member has earned, lost, claimed and may claim.

    Also shows the vault's shortfall, in total and for each member if members claim in this order. Amounts are in whole
    tokens. Does not need a wallet.
    """
    from psyche_cli.operations.rewards.list_rewards import list_rewards, rewards_csv

    def read(session: Session) -> Result:
        result = list_rewards(session, run_id=run_id, treasurer_index=treasurer_index)
        if csv and not call.environment.output.as_json:
            return PlainText(rewards_csv(result.data), result.data)
        return result

    return read
