"""``psyche-cli set-future-epoch-rates``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import RunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Writing, writes
from psyche_cli.errors import NothingToDo


@writes(example="psyche-cli set-future-epoch-rates --run-id my-run --earning-rate 12.5 --slashing-rate 0")
def command(
    *,
    run_id: RunId,
    earning_rate: Annotated[
        str | None,
        option(
            "--earning-rate-total-shared",
            "--earning-rate",
            metavar="AMOUNT",
            help="Total reward per epoch, shared by all members that finish it.",
        ),
    ] = None,
    slashing_rate: Annotated[
        str | None,
        option(
            "--slashing-rate-per-client",
            "--slashing-rate",
            metavar="AMOUNT",
            help="Amount an ejected member loses per epoch.",
        ),
    ] = None,
    treasurer_index: TreasurerIndex = None,
) -> Writing:
    """Set the earning and slashing rates for future epochs.

    The rates take effect from the next epoch. With a treasurer, they are amounts of the collateral token, such as 12.5;
    without one, they are whole points.
    """
    if earning_rate is None and slashing_rate is None:
        raise NothingToDo(
            "No rate was given.", hint="Use --earning-rate-total-shared, --slashing-rate-per-client, or both."
        )
    from psyche_cli.operations.rewards.set_future_epoch_rates import set_future_epoch_rates

    return lambda session: set_future_epoch_rates(
        session,
        run_id=run_id,
        treasurer_index=treasurer_index,
        earning_rate=earning_rate,
        slashing_rate=slashing_rate,
    )
