"""Set the reward rates of the epochs to come."""

from __future__ import annotations

from dataclasses import dataclass

from psyche_cli.amounts import format_amount, parse_amount, ui_decimal
from psyche_cli.errors import NothingToDo
from psyche_cli.operations.administration import Change, instructions_for
from psyche_cli.operations.receipts import record
from psyche_cli.operations.runs import Treasury, find_run
from psyche_cli.results import JsonValue, OperationResult
from psyche_cli.session import SigningSession


@dataclass(frozen=True)
class Rates:
    """Points per epoch, 1 point being 1 base unit of the collateral. None: left as it is."""

    earning: int | None
    slashing: int | None


def set_future_epoch_rates(
    session: SigningSession,
    *,
    run_id: str,
    earning_rate: str | None,
    slashing_rate: str | None,
    treasurer_index: int | None = None,
) -> OperationResult:
    """Set the earning rate (shared by all members of an epoch) and the slashing rate (per ejected member).

    The texts are amounts of the collateral token for a run with a treasurer, else whole points. The new rates hold from
    the next time the run enters Warmup. Raises NothingToDo, InvalidAmount, NotAuthority.
    """
    if earning_rate is None and slashing_rate is None:
        raise NothingToDo(
            "No rate was given.", hint="Give --earning-rate-total-shared, --slashing-rate-per-client, or both."
        )
    run = find_run(session, run_id, treasurer_index)
    run.require_authority(session.wallet.address)
    decimals = run.treasury.mint.decimals if run.treasury else 0
    rates = Rates(
        earning=_parse(earning_rate, decimals, "--earning-rate-total-shared"),
        slashing=_parse(slashing_rate, decimals, "--slashing-rate-per-client"),
    )
    change = Change(earning_rate=rates.earning, slashing_rate=rates.slashing)
    instructions = instructions_for(change, run, session.wallet.address, session.instructions)
    receipt = session.sender.send(instructions, session.wallet, label="set rates")
    before = run.account.future_epoch_rates
    now = Rates(
        earning=before.earning_rate_total_shared if rates.earning is None else rates.earning,
        slashing=before.slashing_rate_per_client if rates.slashing is None else rates.slashing,
    )
    unit = "tokens" if run.treasury else "points"
    shown = [
        (label, f"{format_amount(old, decimals)} -> {format_amount(new or 0, decimals)} {unit}")
        for label, old, new in (
            ("earning rate (shared)", before.earning_rate_total_shared, now.earning),
            ("slashing rate (per client)", before.slashing_rate_per_client, now.slashing),
        )
    ]
    return OperationResult(
        summary=f"Set the rates of run {run_id} from the next epoch on.",
        data={
            "run_id": run_id,
            "unit": "collateral" if run.treasury else "points",
            "decimals": decimals,
            "earning_rate_total_shared": _both(now.earning, decimals),
            "slashing_rate_per_client": _both(now.slashing, decimals),
            "earning_rate_total_shared_before": _both(before.earning_rate_total_shared, decimals),
            "slashing_rate_per_client_before": _both(before.slashing_rate_per_client, decimals),
        },
        details=(*shown, *_funding(run.treasury, now.earning)),
        transactions=(record("set rates", receipt),),
    )


def _parse(text: str | None, decimals: int, what: str) -> int | None:
    return None if text is None else parse_amount(text, decimals, what, allow_zero=True)


def _both(base_units: int | None, decimals: int) -> dict[str, JsonValue]:
    amount = base_units or 0
    return {"base_units": amount, "amount": ui_decimal(amount, decimals)}


def _funding(treasury: Treasury | None, earning: int | None) -> tuple[tuple[str, str], ...]:
    """For how many epochs the vault would last if nothing were owed yet."""
    if treasury is None or not earning:
        return ()
    return (("vault holds enough for", f"{treasury.vault_amount // earning} epochs at this rate"),)
