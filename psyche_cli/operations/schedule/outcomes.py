"""What became of the acts whose outcome was not recorded, before anything else is done."""

from __future__ import annotations

from typing import Final, NamedTuple

from solders.signature import Signature

from psyche_cli.operations.rewards.collateral import in_both_units
from psyche_cli.operations.schedule.acts import Act, Acts, ActState
from psyche_cli.operations.schedule.payloads import ScheduledAct
from psyche_cli.operations.signing import SigningSession
from psyche_cli.receipts import Receipt
from psyche_cli.solana.cluster_clock import decode_clock
from psyche_cli.solana.programs import CLOCK_SYSVAR
from psyche_cli.solana.sending.journal import RecordState
from psyche_cli.solana.sending.recording import Recorder

LANDING_SECONDS: Final = 600
"""How long a transaction may land after it was signed, by the cluster's clock: the 150 blocks of its blockhash take one
or two minutes, or longer while the cluster produces few blocks."""

_STATES: Final = {
    RecordState.LANDED: ActState.DONE,
    RecordState.FAILED: ActState.UNDONE,
    RecordState.EXPIRED: ActState.UNDONE,
    RecordState.NOT_SENT: ActState.UNDONE,
}


class Found(NamedTuple):
    """An act of an earlier process that turned out to be done, and its receipt if the cluster still has it."""

    act: Act
    receipt: Receipt | None

    def payload(self, decimals: int | None) -> ScheduledAct:
        """The payload. ``decimals`` are those of the collateral, for a transfer."""
        transferred = None if decimals is None else in_both_units(self.act.amount, decimals)
        return ScheduledAct(f"{self.act.reason} (by an interrupted attempt)", self.act.signature, transferred)


class Settled(NamedTuple):
    """What became of the open acts: those that turned out to be done, those of which nobody will know, and those that
    may still land."""

    done: list[Found]
    unknown: list[Act]
    pending: list[Act]


def cluster_time(session: SigningSession) -> int:
    """The cluster's clock, in seconds since 1970."""
    return decode_clock(session.rpc.account(CLOCK_SYSVAR)).unix_timestamp


def recorder_of(session: SigningSession) -> Recorder:
    """The recorder of the session. Raises ValueError for a session without a journal, which must not act twice."""
    if session.recorder is None:
        raise ValueError("scheduled operations need a session with a journal")
    return session.recorder


def settle_acts(session: SigningSession, acts: Acts) -> Settled:
    """Determine and record the outcome of each open act.

    Afterwards, the chain is only read at or after the slots in which the acts landed. Raises TransactionUnknown and
    JournalError.
    """
    receipts = {receipt.signature: receipt for receipt in session.settled}
    session.settled, session.earlier = (), None
    settled = Settled([], [], [])
    for act in acts.all():
        if act.state is not ActState.OPEN or act.signature is None:
            session.rpc.require_slot(act.slot)
            continue
        now = cluster_time(session)
        outcome = _outcome(session, act.signature, receipts.get(act.signature)) or _look_up(session, act, now)
        if outcome is None:
            settled.pending.append(act)
            continue
        acts.end(act.signature, outcome.state, cluster_time=now, slot=outcome.slot)
        session.rpc.require_slot(outcome.slot or 0)
        if outcome.state is ActState.DONE and outcome.is_certain:
            settled.done.append(Found(act, outcome.receipt))
        elif outcome.state is ActState.DONE:
            settled.unknown.append(act)
    return settled


class _Outcome(NamedTuple):
    state: ActState
    slot: int | None
    receipt: Receipt | None = None
    is_certain: bool = True


def _outcome(session: SigningSession, signature: str, receipt: Receipt | None) -> _Outcome | None:
    """The outcome of a transaction; None if it is not in the journal, or was forgotten."""
    if receipt is not None:
        return _Outcome(ActState.DONE, receipt.slot, receipt)
    recorder = recorder_of(session)
    entry = recorder.entry(signature)
    if entry is None or entry.state is RecordState.FORGOTTEN:
        return None
    if not entry.is_unsettled:
        return _Outcome(_STATES[entry.state], entry.slot)
    settlement = session.sender.settle(entry)
    recorder.settle(signature, settlement.state, slot=settlement.slot, error=settlement.error)
    return _Outcome(_STATES[settlement.state], settlement.slot, settlement.receipt)


def _look_up(session: SigningSession, act: Act, now: int) -> _Outcome | None:
    """The outcome of an act that the journal does not know: the process was killed before it, or the journal is gone.

    None while the transaction may still land. After that, a payment that the cluster does not know counts.
    """
    assert act.signature is not None  # it is open
    status = session.rpc.signature_status(Signature.from_string(act.signature), search_history=True)
    if status is not None and status.confirmation_status == "processed":
        return None
    if status is not None:
        return _Outcome(ActState.DONE if status.err is None else ActState.UNDONE, status.slot)
    if act.amount == 0:
        return _Outcome(ActState.UNDONE, None)
    return None if now < act.cluster_time + LANDING_SECONDS else _Outcome(ActState.DONE, None, is_certain=False)


def act_landed(session: SigningSession, acts: Acts, receipt: Receipt) -> int:
    """Record that an act has landed, also if the user never sees it: a repeated command consults this record.

    Returns the cluster's time.
    """
    now = cluster_time(session)
    acts.end(receipt.signature, ActState.DONE, cluster_time=now, slot=receipt.slot)
    recorder_of(session).settle(receipt.signature, RecordState.LANDED, slot=receipt.slot)
    return now
