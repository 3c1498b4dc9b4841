"""The reward rate of a preview: one that was specified, or that of a run."""

from __future__ import annotations

from dataclasses import dataclass

from psyche_cli.amounts import parse_amount
from psyche_cli.operations.rewards.collateral import obligations_of
from psyche_cli.operations.runs.find import find_run
from psyche_cli.operations.sessions import Session


@dataclass(frozen=True)
class RewardRate:
    """The total reward of an epoch in ``base_units`` of a token with ``decimals``.

    ``run_id`` is the run that it belongs to, if any, and ``collateral_mint`` the run's token; None for points.
    ``available`` is what the run's vault holds beyond its obligations until the end of the current epoch.
    """

    base_units: int
    decimals: int
    run_id: str | None = None
    collateral_mint: str | None = None
    available: int | None = None


def parse_rate(text: str, decimals: int) -> int:
    """A rate in base units. Raises InvalidAmount."""
    return parse_amount(text, decimals, "earning rate", allow_zero=True)


def rate_of_run(
    session: Session, *, run_id: str, earning_rate: str | None = None, treasurer_index: int | None = None
) -> RewardRate:
    """The rate of a run for future epochs, or instead of it ``earning_rate``, an amount of the run's token.

    Takes two round trips. Raises InvalidAmount and the errors of ``find_run``.
    """
    run = find_run(session, run_id, treasurer_index)
    decimals = run.treasury.mint.decimals if run.treasury else 0
    stored = run.account.future_epoch_rates.earning_rate_total_shared
    rate = stored if earning_rate is None else parse_rate(earning_rate, decimals)
    owed = obligations_of(run)
    return RewardRate(
        base_units=rate,
        decimals=decimals,
        run_id=run_id,
        collateral_mint=str(run.treasury.mint.address) if run.treasury else None,
        available=max(owed.held - owed.owed - owed.current, 0) if owed else None,
    )
