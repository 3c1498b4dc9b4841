"""Keep a vault funded for a number of epochs, within limits."""

from __future__ import annotations

from typing import NamedTuple

from psyche_cli.amounts import format_amount, parse_amount
from psyche_cli.durations import format_duration
from psyche_cli.errors import InsufficientFunds, StalePlan
from psyche_cli.operations.funds import accounts_and_funds
from psyche_cli.operations.rewards.collateral import in_both_units, obligations_of
from psyche_cli.operations.rewards.frozen import frozen_accounts, frozen_text
from psyche_cli.operations.rewards.treasurer_top_up_rewards import top_up_rewards
from psyche_cli.operations.runs.find import Run, locate_run, token_amount
from psyche_cli.operations.schedule.acts import DAY, Act, Acts, acts_file, free_at, in_doubt, transferred
from psyche_cli.operations.schedule.fees import MANY, low_on_sol
from psyche_cli.operations.schedule.looks import Look, Request, carry_out
from psyche_cli.operations.schedule.others import settle_others
from psyche_cli.operations.schedule.outcomes import act_landed, recorder_of, settle_acts
from psyche_cli.operations.schedule.payloads import FundingData, ScheduledAct, ScheduledData
from psyche_cli.operations.schedule.received import (
    Level,
    ReceivedAmounts,
    first_income,
    is_known_since,
    received_since,
    with_level,
)
from psyche_cli.operations.schedule.transfer import Limits, Money
from psyche_cli.operations.schedule.vault_ledger import levels_from_ledger
from psyche_cli.operations.signing import SigningSession
from psyche_cli.operations.times import iso_time
from psyche_cli.protocol.addresses import associated_token_address
from psyche_cli.protocol.run_states import RunState
from psyche_cli.results import OperationResult
from psyche_cli.solana.cluster_clock import decode_clock
from psyche_cli.solana.programs import CLOCK_SYSVAR
from psyche_cli.sqlite_files import SqliteFile


class TopUpLimits(NamedTuple):
    """The number of future epochs to fund, and the limits in whole tokens as exact decimals."""

    keep_epochs: int
    most: str
    per_day: str
    in_all: str | None = None


class _Seen(NamedTuple):
    """What a check has read. ``free_at`` is when the limit of the day allows more, None if nothing counts for it."""

    run: Run
    money: Money
    limits: Limits
    now: int
    free_at: int | None
    warnings: tuple[str, ...] = ()


class _Records(NamedTuple):
    """The acts of this schedule, and the file that they are in."""

    acts: Acts
    file: SqliteFile
    genesis_hash: str


def schedule_top_up(
    session: SigningSession, request: Request, wanted: TopUpLimits, treasurer_index: int | None = None
) -> OperationResult[ScheduledData]:
    """Transfer what the vault lacks for ``wanted.keep_epochs``, within the limits.

    Each check transfers at most once, and nothing while the outcome of an earlier transfer is not known. Raises
    InvalidAmount, the errors of ``top_up_rewards`` and of ``carry_out``, and TransactionUnknown.
    """
    with acts_file(request.folder) as file:
        genesis_hash = str(session.sender.identify_cluster())
        records = _Records(Acts(file, genesis_hash, request.run_id, "top-up"), file, genesis_hash)
        return carry_out(session, request, lambda: _look(session, request, wanted, treasurer_index, records))


def _look(
    session: SigningSession, request: Request, wanted: TopUpLimits, treasurer_index: int | None, records: _Records
) -> Look:
    acts = records.acts
    settled = settle_acts(session, acts)
    others = settle_others(session, acts)
    seen = _see(session, request, wanted, treasurer_index, records)
    decimals = seen.money.obligations.decimals
    seen = seen._replace(warnings=(*seen.warnings, *(_in_doubt(act, decimals) for act in settled.unknown)))
    if settled.done:
        earlier = tuple(one.payload(decimals) for one in settled.done)
        receipts = tuple(one.receipt for one in settled.done if one.receipt is not None)
        return _looked(seen, _waits_for(seen))._replace(acts=earlier, receipts=receipts)
    if settled.pending:
        return _looked(seen, f"an earlier transfer to land or to expire ({settled.pending[0].signature})")
    if others:
        resume = session.given.command("tx resume", others[0].signature)
        return _looked(seen, f"the outcome of an earlier transfer to the vault ({resume})")
    amount = seen.money.transfer(seen.limits)
    if amount == 0:
        return _looked(seen, _waits_for(seen))
    _require_tokens(session, seen.run, seen.money)
    reason = seen.money.reason(seen.limits)
    counted = seen.money.transferred - transferred(acts.all(), seen.now)

    def begin(signature: str) -> None:
        acts.begin(
            subject="",
            amount=amount,
            reason=reason,
            signature=signature,
            cluster_time=seen.now,
            is_allowed=lambda now: transferred(now, seen.now) + counted + amount <= seen.limits.per_day,
        )

    try:
        with recorder_of(session).because(reason, begin):
            made = top_up_rewards(
                session,
                run_id=request.run_id,
                collateral_amount=format_amount(amount, decimals),
                treasurer_index=treasurer_index,
                vault_holds=seen.money.obligations.held,
            )
    except StalePlan as stale:
        return _overtaken(seen, stale)
    [receipt] = made.transactions
    landed_at = act_landed(session, acts, receipt)
    after = seen._replace(money=seen.money.after(amount))
    _note(_received(records, seen.run), landed_at, after.money.received)
    act = ScheduledAct(reason, receipt.signature, in_both_units(amount, decimals))
    return _looked(after, _waits_for(after))._replace(acts=(act,), receipts=(receipt,))


def _overtaken(seen: _Seen, stale: StalePlan) -> Look:
    """What a check leads to if the balances have changed since they were read: nothing is paid."""
    failed = f"The transaction {stale.signature} failed on-chain. {stale.message}"
    look = _looked(seen, "the next check, because a balance has changed during this one")
    return look._replace(is_busy=True, warnings=(*look.warnings, *([failed] if stale.sent else [])))


def _see(
    session: SigningSession, request: Request, wanted: TopUpLimits, treasurer_index: int | None, records: _Records
) -> _Seen:
    located = locate_run(session, request.run_id, treasurer_index)
    treasurer = located.require_treasurer()
    source = associated_token_address(session.authority, treasurer.collateral_mint)
    # What the Run has paid and what its vault holds are read at the same slot.
    others = [treasurer.address, source, CLOCK_SYSVAR]
    [*found, raw_treasurer, raw_source, clock], funds = accounts_and_funds(session, [*located.addresses, *others])
    run, now = located.with_treasurer(raw_treasurer).read(found), decode_clock(clock).unix_timestamp
    obligations = obligations_of(run)
    assert obligations is not None  # require_treasurer has checked this
    decimals = obligations.decimals
    limits = Limits(
        wanted.keep_epochs,
        parse_amount(wanted.most, decimals, "--max"),
        parse_amount(wanted.per_day, decimals, "--per-day"),
        None if wanted.in_all is None else parse_amount(wanted.in_all, decimals, "--max-in-all"),
    )
    assert run.treasury is not None  # require_treasurer has checked this
    levels, warnings = _levels(session, records, run, now)
    acts, received = records.acts.all(), run.treasury.received
    money = Money(
        obligations,
        token_amount(raw_source),
        transferred(acts, now, received_since(levels, now - DAY)),
        received,
        in_doubt(acts, now),
    )
    income_at = first_income(levels, now - DAY)
    frozen = [f"Nothing can be transferred: {frozen_text(one)}." for one in frozen_accounts(raw_source, found[1])]
    warnings = (*warnings, *frozen, *low_on_sol(session, funds, (), MANY))
    return _Seen(run, money, limits, now, free_at(acts, now) if income_at is None else income_at + DAY, warnings)


def _received(records: _Records, run: Run) -> ReceivedAmounts:
    assert run.treasury is not None
    return ReceivedAmounts(records.file, records.genesis_hash, str(run.treasury.vault))


def _levels(session: SigningSession, records: _Records, run: Run, now: int) -> tuple[list[Level], tuple[str, ...]]:
    """What the vault received in the last 24 hours, and a warning unless that is known."""
    kept = _received(records, run)
    levels, since = kept.levels(), now - DAY
    assert run.treasury is not None
    received = run.treasury.received
    warnings: tuple[str, ...] = ()
    if not is_known_since(levels, since):
        last_read = session.rpc.last_read(run.treasury.vault)
        slot = 0 if last_read is None else last_read[0]
        found = levels_from_ledger(session.rpc, run.treasury, slot=slot, since=since, now=now)
        if found is not None:
            levels = found
        else:
            begin = iso_time(levels[0].first if levels else now)
            text = (
                f"{session.rpc.label} does not tell what the vault received in the last 24 hours. Of what it received "
                f"before {begin}, only scheduled top-ups count for --per-day."
            )
            warnings = (text,)
    levels = with_level(levels, now, received, since)
    if levels != kept.levels():
        kept.replace(levels)
    return levels, warnings


def _note(kept: ReceivedAmounts, time: int, amount: int) -> None:
    kept.replace(with_level(kept.levels(), time, amount, time - DAY))


def _waits_for(seen: _Seen) -> str:
    """What is waited for if nothing is transferred; empty if the run is Finished and its vault has enough."""
    money, limits = seen.money, seen.limits
    if money.missing(limits) == 0:
        if seen.run.account.run_state == RunState.FINISHED:
            return ""
        if money.needed(limits) == 0:
            return "an earning rate: nothing is owed, and nothing will be"
        needed, held = _text(seen, money.needed(limits)), _text(seen, money.obligations.held)
        return f"the vault to hold less than {needed}; it holds {held}"
    if money.left_in_all(limits) == 0:
        return "the limit --max-in-all, which is used up, to be raised"
    if money.left_of_day(limits) > 0:
        return "the next check, because --max or the wallet limits each transfer"
    when = "" if seen.free_at is None else f" in {format_duration(max(seen.free_at - seen.now, 0))}"
    return f"the limit --per-day, of which {_text(seen, money.transferred)} is used, to allow more{when}"


def _text(seen: _Seen, units: int) -> str:
    return format_amount(units, seen.money.obligations.decimals)


def _require_tokens(session: SigningSession, run: Run, money: Money) -> None:
    """Raise InsufficientFunds if the wallet has none of the collateral, also if it has no token account."""
    if money.wallet == 0 and run.treasury is not None:
        mint = run.treasury.mint.address
        source = associated_token_address(session.authority, mint)
        raise InsufficientFunds(
            f"The wallet {session.authority} holds 0 of the collateral token {mint}.",
            hint=f"Send tokens to the wallet. Its associated token account is {source}.",
            wallet=str(session.authority),
            balance=0,
            token_account=str(source),
        )


def _in_doubt(act: Act, decimals: int) -> str:
    return (
        f"An interrupted transfer of {format_amount(act.amount, decimals)} counts for --per-day for 24 hours, because "
        f"nobody knows its outcome: {act.signature}."
    )


def _looked(seen: _Seen, waits_for: str) -> Look:
    money, limits = seen.money, seen.limits
    decimals, left = money.obligations.decimals, money.left_in_all(limits)
    funding = FundingData(
        decimals=decimals,
        vault_balance=in_both_units(money.obligations.held, decimals),
        missing=in_both_units(money.missing(limits), decimals),
        transferred_in_24_hours=in_both_units(money.transferred, decimals),
        left_of_day=in_both_units(money.left_of_day(limits), decimals),
        received_in_all=in_both_units(money.received, decimals),
        left_in_all=None if left is None else in_both_units(left, decimals),
        wallet_balance=in_both_units(money.wallet, decimals),
        vault_cover=money.obligations.cover,
    )
    ended = "" if waits_for else "the run is Finished, and the vault holds what is owed"
    return Look(
        seen.run,
        waits_for,
        funding=funding,
        warnings=(*money.warnings(limits), *seen.warnings),
        ended=ended,
    )
