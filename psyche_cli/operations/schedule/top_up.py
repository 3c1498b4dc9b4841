"""Keep a vault funded for a number of epochs, within limits."""

from __future__ import annotations

from typing import NamedTuple

from psyche_cli.amounts import format_amount, parse_amount
from psyche_cli.durations import format_duration
from psyche_cli.operations.funds import accounts_and_funds
from psyche_cli.operations.rewards.collateral import in_both_units, obligations_of
from psyche_cli.operations.rewards.treasurer_top_up_rewards import TOP_UP, top_up_rewards
from psyche_cli.operations.runs.find import Run, locate_run, token_amount
from psyche_cli.operations.schedule.acts import Acts, acts_file, free_at, transferred
from psyche_cli.operations.schedule.looks import Look, Request, carry_out
from psyche_cli.operations.schedule.outcomes import act_landed, recorder_of, settle_acts
from psyche_cli.operations.schedule.payloads import FundingData, ScheduledAct, ScheduledData
from psyche_cli.operations.schedule.transfer import Limits, Money
from psyche_cli.operations.signing import SigningSession
from psyche_cli.protocol.addresses import associated_token_address
from psyche_cli.protocol.run_states import RunState
from psyche_cli.results import OperationResult
from psyche_cli.solana.cluster_clock import decode_clock
from psyche_cli.solana.programs import CLOCK_SYSVAR


class TopUpLimits(NamedTuple):
    """The number of future epochs to fund, and the limits in whole tokens as exact decimals."""

    keep_epochs: int
    most: str
    per_day: str


class _Seen(NamedTuple):
    run: Run
    money: Money
    limits: Limits
    now: int


def schedule_top_up(
    session: SigningSession, request: Request, wanted: TopUpLimits, treasurer_index: int | None = None
) -> OperationResult[ScheduledData]:
    """Transfer what the vault lacks for ``wanted.keep_epochs``, within the limits.

    Each check transfers at most once, and nothing while the outcome of an earlier transfer is not known. Raises
    InvalidAmount, the errors of ``top_up_rewards`` and of ``carry_out``, and TransactionUnknown.
    """
    with acts_file(request.folder) as file:
        acts = Acts(file, str(session.sender.identify_cluster()), request.run_id, "top-up")
        return carry_out(session, request, lambda: _look(session, request, wanted, treasurer_index, acts))


def _look(
    session: SigningSession, request: Request, wanted: TopUpLimits, treasurer_index: int | None, acts: Acts
) -> Look:
    found = settle_acts(session, acts)
    seen = _see(session, request, wanted, treasurer_index, acts)
    decimals = seen.money.obligations.decimals
    if found:
        earlier = tuple(one.payload(decimals) for one in found)
        receipts = tuple(one.receipt for one in found if one.receipt is not None)
        return _looked(seen, _waits_for(seen, acts))._replace(acts=earlier, receipts=receipts)
    others = recorder_of(session).unsettled(TOP_UP, str(session.sender.identify_cluster()))
    if others:
        resume = session.given.command("tx resume", others[0].signature)
        return _looked(seen, f"the outcome of an earlier transfer to the vault ({resume})")
    amount = seen.money.transfer(seen.limits)
    if amount == 0:
        return _looked(seen, _waits_for(seen, acts))
    reason = seen.money.reason(seen.limits)

    def begin(signature: str) -> None:
        acts.begin(subject="", amount=amount, reason=reason, signature=signature, cluster_time=seen.now)

    with recorder_of(session).because(reason, begin):
        made = top_up_rewards(
            session,
            run_id=request.run_id,
            collateral_amount=format_amount(amount, decimals),
            treasurer_index=treasurer_index,
        )
    [receipt] = made.transactions
    act_landed(session, acts, receipt)
    after = seen._replace(money=seen.money.after(amount))
    act = ScheduledAct(reason, receipt.signature, in_both_units(amount, decimals))
    return _looked(after, _waits_for(after, acts))._replace(acts=(act,), receipts=(receipt,))


def _see(
    session: SigningSession, request: Request, wanted: TopUpLimits, treasurer_index: int | None, acts: Acts
) -> _Seen:
    located = locate_run(session, request.run_id, treasurer_index)
    source = associated_token_address(session.authority, located.require_treasurer().collateral_mint)
    [*found, raw_source, clock], _ = accounts_and_funds(session, [*located.addresses, source, CLOCK_SYSVAR])
    run, now = located.read(found), decode_clock(clock).unix_timestamp
    obligations = obligations_of(run)
    assert obligations is not None  # require_treasurer has checked this
    decimals = obligations.decimals
    limits = Limits(
        wanted.keep_epochs,
        parse_amount(wanted.most, decimals, "--max"),
        parse_amount(wanted.per_day, decimals, "--per-day"),
    )
    return _Seen(run, Money(obligations, token_amount(raw_source), transferred(acts.all(), now)), limits, now)


def _waits_for(seen: _Seen, acts: Acts) -> str:
    """What is waited for if nothing is transferred; empty if the run is Finished and its vault has enough."""
    money, limits = seen.money, seen.limits
    if money.missing(limits) == 0:
        if seen.run.account.run_state == RunState.FINISHED:
            return ""
        if money.needed(limits) == 0:
            return "an earning rate: nothing is owed, and nothing will be"
        needed, held = _text(seen, money.needed(limits)), _text(seen, money.obligations.held)
        return f"the vault to hold less than {needed}; it holds {held}"
    if money.left_of_day(limits) > 0:
        return "the next check, because --max or the wallet limits each transfer"
    free = free_at(acts.all(), seen.now)
    when = "" if free is None else f" in {format_duration(max(free - seen.now, 0))}"
    return f"the limit --per-day, of which {_text(seen, money.transferred)} is used, to allow more{when}"


def _text(seen: _Seen, units: int) -> str:
    return format_amount(units, seen.money.obligations.decimals)


def _looked(seen: _Seen, waits_for: str) -> Look:
    money, limits = seen.money, seen.limits
    decimals = money.obligations.decimals
    funding = FundingData(
        decimals=decimals,
        vault_balance=in_both_units(money.obligations.held, decimals),
        missing=in_both_units(money.missing(limits), decimals),
        transferred_in_24_hours=in_both_units(money.transferred, decimals),
        left_of_day=in_both_units(money.left_of_day(limits), decimals),
        wallet_balance=in_both_units(money.wallet, decimals),
        vault_cover=money.obligations.cover,
    )
    ended = "" if waits_for else "the run is Finished, and the vault holds what is owed"
    return Look(seen.run, waits_for, funding=funding, warnings=money.warnings(limits), ended=ended)
