"""Tick a run: advance its state when a time limit has passed and no client does so."""

from __future__ import annotations

from dataclasses import dataclass

from psyche_cli.model.due import Need, need_of_tick
from psyche_cli.model.execution import Clock as ModelClock
from psyche_cli.model.from_account import state_from_account
from psyche_cli.model.instructions import Tick
from psyche_cli.operations.funds import Funds, accounts_and_funds, require_lamports
from psyche_cli.operations.runs.find import LocatedRun, Run, locate_run
from psyche_cli.operations.runs.payloads import TickData
from psyche_cli.operations.signing import SigningSession
from psyche_cli.operations.tones import shown_state
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult
from psyche_cli.solana.cluster_clock import decode_clock
from psyche_cli.solana.programs import CLOCK_SYSVAR


@dataclass(frozen=True)
class _Look:
    run: Run
    funds: Funds
    need: Need


def tick(
    session: SigningSession, *, run_id: str, interval: float = 1.0, count: int | None = None
) -> OperationResult[TickData]:
    """Check a run every ``interval`` seconds and send a tick whenever one is due.

    Returns after ``count`` checks (None: unlimited), or when the run halts, because only its owner can then change its
    state. Intervals that elapse during a check are skipped. Each check, including its transaction, has the time limit
    of a command. Raises RunNotFound, InsufficientFunds, and AccountNotFound if the run is closed meanwhile.
    """
    located = locate_run(session, run_id)
    started = session.clock.monotonic()
    receipts: list[Receipt] = []
    first = last = _look(session, located)
    looks = 1
    reported = ""
    total = session.deadline.total
    with session.rpc.waits.showing(f"Watching run {run_id}") as wait:
        while True:
            if last.need.now:
                receipt, last = _send_tick(session, located, last)
                receipts.append(receipt)
            state = last.run.account.run_state
            if looks == count or state.is_halted:
                break  # the summary gives the reason
            reported = _report_idle(session, run_id, last.need, reported)
            pause = _seconds_to_next(session, started, interval)
            wait.now(f"{state.text}, check {looks + 1} in {{}} s", pause)
            session.rpc.waits.sleep(session.clock, min(pause, session.deadline.remaining) if total else pause)
            session.deadline.restart()
            last = _look(session, located)
            looks += 1
    return _result(first, last, looks, receipts)


def _look(session: SigningSession, located: LocatedRun) -> _Look:
    [*found, clock], funds = accounts_and_funds(session, [*located.addresses, CLOCK_SYSVAR])
    run = located.read(found)
    now = decode_clock(clock)
    need = need_of_tick(state_from_account(run.account), ModelClock(now.unix_timestamp, now.slot))
    return _Look(run, funds, need)


def _send_tick(session: SigningSession, located: LocatedRun, look: _Look) -> tuple[Receipt, _Look]:
    """Send a tick; returns its receipt and the run afterwards."""
    instruction = session.instructions.tick(
        user=session.authority, instance=look.run.instance.address, account=look.run.account.address
    )
    require_lamports(session, look.funds, [instruction])
    address = look.run.account.address
    receipt = session.send(
        [instruction], label="tick", expected=lambda ledger: ledger.run(address, Tick(), signer=session.authority)
    )
    after = _look(session, located)
    before, now = look.run.account.run_state.text, after.run.account.run_state.text
    session.notify(f"Ticked run {look.run.run_id}: {before} -> {now}.")
    return receipt, after


def _seconds_to_next(session: SigningSession, started: float, interval: float) -> float:
    """Seconds until the next multiple of the interval that has not passed."""
    passed = session.clock.monotonic() - started
    return interval - passed % interval


def _report_idle(session: SigningSession, run_id: str, need: Need, reported: str) -> str:
    """Report why no tick is due, unless that was the last reason ``reported``. Returns the last reported reason."""
    if need.now or need.reason == reported:
        return reported
    session.notify(f"No tick is due for run {run_id}: {need.reason}.")
    return need.reason


def _result(first: _Look, last: _Look, looks: int, receipts: list[Receipt]) -> OperationResult[TickData]:
    run = last.run
    need = last.need
    count = "once" if len(receipts) == 1 else f"{len(receipts)} times"
    when = f" A tick is due in {need.due_in} seconds." if need.due_in is not None and need.due_in > 0 else ""
    nothing = f"Run {run.run_id} needs no tick: {need.reason}.{when}"
    return OperationResult(
        summary=f"Ticked run {run.run_id} {count}: it is now {run.account.run_state.text}." if receipts else nothing,
        data=TickData(
            run_id=run.run_id,
            already_so=not receipts,
            ticks=len(receipts),
            looks=looks,
            state_before=first.run.account.run_state.text,
            state=run.account.run_state.text,
            epoch=run.account.epoch,
            step=run.account.step,
            due_in_seconds=need.due_in,
        ),
        details=(
            ("state before", shown_state(first.run.account.run_state)),
            ("state now", shown_state(run.account.run_state)),
            ("epoch, step", f"{run.account.epoch}, {run.account.step}"),
        ),
        transactions=tuple(receipts),
    )
