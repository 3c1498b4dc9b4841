"""Tick a run: let time take effect where no client does it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from psyche_cli.model.execution import Clock as ModelClock
from psyche_cli.model.execution import Execution
from psyche_cli.model.from_account import state_from_account
from psyche_cli.model.machine import tick as model_tick
from psyche_cli.model.outcomes import Abort, Refusal
from psyche_cli.model.states import CoordinatorState
from psyche_cli.operations.funds import Funds, accounts_and_funds, require_lamports
from psyche_cli.operations.runs.find import LocatedRun, Run, locate_run
from psyche_cli.operations.runs.payloads import TickData
from psyche_cli.operations.sessions import SigningSession
from psyche_cli.protocol.run_states import RunState
from psyche_cli.results import OperationResult, Receipt
from psyche_cli.solana.cluster_clock import ClusterClock, decode_clock
from psyche_cli.solana.programs import CLOCK_SYSVAR

_DURATIONS: Final = {
    RunState.WAITING_FOR_MEMBERS: "waiting_for_members_extra_time",
    RunState.WARMUP: "warmup_time",
    RunState.ROUND_TRAIN: "max_round_train_time",
    RunState.ROUND_WITNESS: "round_witness_time",
    RunState.COOLDOWN: "cooldown_time",
}
"""The key of the configuration that says how long a state lasts."""


@dataclass(frozen=True)
class Need:
    """Whether a run needs a tick now.

    ``due_in`` is how many seconds of cluster time until it does, 0 for now; None where time alone brings nothing about,
    and ``reason`` says why.
    """

    due_in: int | None
    reason: str = ""

    @property
    def now(self) -> bool:
        """Whether a tick would change anything now."""
        return self.due_in == 0


@dataclass(frozen=True)
class _Look:
    run: Run
    funds: Funds
    need: Need


def tick(
    session: SigningSession, *, run_id: str, interval: float = 1.0, count: int | None = None
) -> OperationResult[TickData]:
    """Look at a run every ``interval`` seconds, and send a tick where one is due.

    Ends after ``count`` looks, or when the run halts: until its owner acts nobody needs to tick it. None: no limit.
    Intervals that pass during a look are skipped. Each look, with its transaction, has the time limit of a command.
    Raises RunNotFound, AccountNotFound when the run is closed meanwhile, InsufficientFunds.
    """
    located = locate_run(session, run_id)
    started = session.clock.monotonic()
    receipts: list[Receipt] = []
    first = last = _look(session, located)
    looks = 1
    told = _tell(session, run_id, last.need, "") if count != 1 else ""
    while True:
        if last.need.now:
            receipt, last = _send_tick(session, located, last)
            receipts.append(receipt)
        if looks == count or last.run.account.run_state.is_halted:
            break
        _wait_for_next(session, started, interval)
        session.deadline.restart()
        last = _look(session, located)
        looks += 1
        told = _tell(session, run_id, last.need, told)
    return _result(first, last, looks, receipts)


def need_of_tick(state: CoordinatorState, clock: ClusterClock) -> Need:
    """Whether a tick would move the run now, or when time will have it move."""
    if state.run_state.is_halted:
        return Need(None, f"it is {state.run_state.text}, and moves only when its owner acts")
    if would_move(state, clock):
        return Need(0)
    if state.run_state == RunState.WAITING_FOR_MEMBERS:
        joined = sum(client.active == state.next_active for client in state.clients)
        wanted = state.config["init_min_clients"]
        if joined < wanted:
            return Need(None, f"it is waiting for members, {joined} of {wanted} have joined")
    ends = state.run_state_start_timestamp + state.config[_DURATIONS[state.run_state]]
    return Need(max(ends - clock.unix_timestamp, 1), f"it is {state.run_state.text}")


def would_move(state: CoordinatorState, clock: ClusterClock) -> bool:
    """Whether the program's tick changes anything but its own bookkeeping."""
    execution = Execution(signer=bytes(32), clock=ModelClock(clock.unix_timestamp, clock.slot))
    try:
        after = model_tick(state, execution)
    except (Refusal, Abort):
        return True  # the program itself is to say why not
    flags = {"is_warmup_first_tick": False, "is_training_first_tick": False, "nonce": 0}
    return replace(after, **flags) != replace(state, **flags)  # type: ignore[arg-type]  # of these names


def _look(session: SigningSession, located: LocatedRun) -> _Look:
    [*found, clock], funds = accounts_and_funds(session, [*located.addresses, CLOCK_SYSVAR])
    run = located.read(found)
    return _Look(run, funds, need_of_tick(state_from_account(run.account), decode_clock(clock)))


def _send_tick(session: SigningSession, located: LocatedRun, look: _Look) -> tuple[Receipt, _Look]:
    """The receipt, and the run afterwards."""
    instruction = session.instructions.tick(
        user=session.wallet.address, instance=look.run.instance.address, account=look.run.account.address
    )
    require_lamports(session, look.funds, [instruction])
    receipt = session.sender.send([instruction], session.wallet, label="tick")
    after = _look(session, located)
    before, now = look.run.account.run_state.text, after.run.account.run_state.text
    session.notify(f"Ticked run {look.run.run_id}: {before} -> {now}.")
    return receipt, after


def _wait_for_next(session: SigningSession, started: float, interval: float) -> None:
    """Wait for the next multiple of the interval; those that have passed are skipped."""
    passed = session.clock.monotonic() - started
    session.clock.sleep(interval - passed % interval)


def _tell(session: SigningSession, run_id: str, need: Need, told: str) -> str:
    """Say why there is nothing to do, unless that was the last thing said."""
    if need.now or need.reason == told:
        return told
    session.notify(f"No tick is due for run {run_id}: {need.reason}.")
    return need.reason


def _result(first: _Look, last: _Look, looks: int, receipts: list[Receipt]) -> OperationResult[TickData]:
    run = last.run
    need = last.need
    count = "once" if len(receipts) == 1 else f"{len(receipts)} times"
    when = f" A tick is due in {need.due_in} seconds." if need.due_in else ""
    nothing = f"Run {run.run_id} needs no tick: {need.reason}.{when}"
    return OperationResult(
        summary=f"Ticked run {run.run_id} {count}: it is {run.account.run_state.text} now." if receipts else nothing,
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
            ("state before", first.run.account.run_state.text),
            ("state now", run.account.run_state.text),
            ("epoch, step", f"{run.account.epoch}, {run.account.step}"),
        ),
        transactions=tuple(receipts),
    )
