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
            help="What all members of an epoch earn together.",
        ),
    ] = None,
    slashing_rate: Annotated[
        str | None,
        option(
            "--slashing-rate-per-client",
            "--slashing-rate",
            metavar="AMOUNT",
            help="What an ejected member loses per epoch.",
        ),
    ] = None,
    treasurer_index: TreasurerIndex = None,
) -> Writing:
    """Set the rewards of the epochs to come.

    The rates hold from the next epoch on. For a run with a treasurer the rates are amounts of its collateral token,
    such as 12.5; without one, whole points.
    """
    if earning_rate is None and slashing_rate is None:
        raise NothingToDo(
            "No rate was given.", hint="Give --earning-rate-total-shared, --slashing-rate-per-client, or both."
        )
    from psyche_cli.operations.rewards.set_future_epoch_rates import set_future_epoch_rates

    return lambda session: set_future_epoch_rates(
        session,
        run_id=run_id,
        treasurer_index=treasurer_index,
        earning_rate=earning_rate,
        slashing_rate=slashing_rate,
    )
