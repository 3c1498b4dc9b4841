"""Set the reward rates of future epochs."""

from __future__ import annotations

from typing import NamedTuple

from psyche_cli.amounts import format_amount, parse_amount
from psyche_cli.operations.change import Change, effects_of, instructions_for
from psyche_cli.operations.funds import require_lamports
from psyche_cli.operations.rewards.collateral import in_both_units, obligations_of
from psyche_cli.operations.rewards.payloads import RatesData
from psyche_cli.operations.runs.find import Run, find_run_and_funds
from psyche_cli.operations.signing import SigningSession
from psyche_cli.protocol.accounts.coordinator_parts import EpochRates
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult


class Rates(NamedTuple):
    """Reward rates in points per epoch; one point is one base unit of the collateral."""

    earning: int
    slashing: int

    @classmethod
    def of(cls, rates: EpochRates) -> Rates:
        """The rates stored in a coordinator account."""
        return cls(rates.earning_rate_total_shared, rates.slashing_rate_per_client)


def set_future_epoch_rates(
    session: SigningSession,
    *,
    run_id: str,
    earning_rate: str | None,
    slashing_rate: str | None,
    treasurer_index: int | None = None,
) -> OperationResult[RatesData]:
    """Set the earning rate (shared by all members of an epoch) and the slashing rate (per ejected member).

    Both are exact decimals: whole collateral tokens for a run with a treasurer, else whole points. None leaves a rate
    unchanged. The rates take effect when the run next enters Warmup. Only rates that differ are sent; if neither does,
    nothing is sent. Raises InvalidAmount, NotAuthority, InsufficientFunds.
    """
    run, funds = find_run_and_funds(session, run_id, treasurer_index)
    run.require_authority(session.authority)
    decimals = run.treasury.mint.decimals if run.treasury else 0
    before = Rates.of(run.account.future_epoch_rates)
    now = Rates(
        earning=_parse(earning_rate, decimals, "--earning-rate-total-shared", before.earning),
        slashing=_parse(slashing_rate, decimals, "--slashing-rate-per-client", before.slashing),
    )
    if now == before:
        return _result(session, run, before, now, decimals)
    change = Change(
        earning_rate=None if now.earning == before.earning else now.earning,
        slashing_rate=None if now.slashing == before.slashing else now.slashing,
    )
    instructions = instructions_for(change, run, session.authority, session.instructions)
    require_lamports(session, funds, instructions)
    receipt = session.send(instructions, label="set rates", expected=effects_of(change, run, session.authority))
    return _result(session, run, before, now, decimals, receipt)


def _parse(text: str | None, decimals: int, what: str, current: int) -> int:
    return current if text is None else parse_amount(text, decimals, what, allow_zero=True)


def _result(
    session: SigningSession, run: Run, before: Rates, now: Rates, decimals: int, *transactions: Receipt
) -> OperationResult[RatesData]:
    obligations = obligations_of(run, earning_rate=now.earning)
    unit = "tokens" if run.treasury else "points"
    shown = [
        (label, f"{format_amount(old, decimals)} -> {format_amount(new, decimals)} {unit}")
        for label, old, new in (
            ("earning rate (shared)", before.earning, now.earning),
            ("slashing rate (per client)", before.slashing, now.slashing),
        )
    ]
    done = f"Set the rates of run {run.run_id} starting with the next epoch."
    return OperationResult(
        summary=done if transactions else f"Run {run.run_id} already has these rates.",
        data=RatesData(
            run_id=run.run_id,
            already_so=not transactions,
            unit="collateral" if run.treasury else "points",
            decimals=decimals,
            earning_rate_total_shared=in_both_units(now.earning, decimals),
            slashing_rate_per_client=in_both_units(now.slashing, decimals),
            earning_rate_total_shared_before=in_both_units(before.earning, decimals),
            slashing_rate_per_client_before=in_both_units(before.slashing, decimals),
            missing_collateral=in_both_units(obligations.missing, decimals) if obligations else None,
            vault_cover=obligations.cover if obligations else None,
        ),
        details=(*shown, *(obligations.rows if obligations else ())),
        transactions=transactions,
        warnings=obligations.warnings if obligations else (),
        next_steps=obligations.next_steps(session.given, run.run_id) if obligations else (),
    )
