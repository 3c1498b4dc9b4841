"""What became of the acts whose outcome was not recorded, before anything else is done."""

from __future__ import annotations

from typing import Final, NamedTuple

from psyche_cli.operations.rewards.collateral import in_both_units
from psyche_cli.operations.schedule.acts import Act, Acts, ActState
from psyche_cli.operations.schedule.payloads import ScheduledAct
from psyche_cli.operations.signing import SigningSession
from psyche_cli.receipts import Receipt
from psyche_cli.solana.cluster_clock import decode_clock
from psyche_cli.solana.programs import CLOCK_SYSVAR
from psyche_cli.solana.sending.journal import RecordState
from psyche_cli.solana.sending.recording import Recorder

_STATES: Final = {
    RecordState.LANDED: ActState.DONE,
    RecordState.FORGOTTEN: ActState.DONE,  # nobody knows; so it counts
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


def cluster_time(session: SigningSession) -> int:
    """The cluster's clock, in seconds since 1970."""
    return decode_clock(session.rpc.account(CLOCK_SYSVAR)).unix_timestamp


def recorder_of(session: SigningSession) -> Recorder:
    """The recorder of the session. Raises ValueError for a session without a journal, which must not act twice."""
    if session.recorder is None:
        raise ValueError("scheduled operations need a session with a journal")
    return session.recorder


def settle_acts(session: SigningSession, acts: Acts) -> list[Found]:
    """Determine and record the outcome of each open act. Returns those that are done.

    Afterwards, the chain is only read at or after the slots in which the acts landed. Raises TransactionUnknown and
    JournalError.
    """
    receipts = {receipt.signature: receipt for receipt in session.settled}
    session.settled, session.earlier = (), None
    found = []
    for act in acts.all():
        if act.state is ActState.OPEN and act.signature is not None:
            state, slot, receipt = _outcome(session, act.signature, receipts.get(act.signature))
            if state is None:
                # It was not recorded in the journal, or the journal is gone. A payment whose outcome is unknown counts.
                state = ActState.DONE if act.amount > 0 else ActState.UNDONE
            acts.end(act.signature, state, cluster_time=cluster_time(session), slot=slot)
            if state is ActState.DONE:
                found.append(Found(act, receipt))
            session.rpc.require_slot(slot or 0)
        else:
            session.rpc.require_slot(act.slot)
    return found


def _outcome(
    session: SigningSession, signature: str, receipt: Receipt | None
) -> tuple[ActState | None, int | None, Receipt | None]:
    """The state of a transaction, its slot and its receipt. The state is None if the journal does not know it."""
    if receipt is not None:
        return ActState.DONE, receipt.slot, receipt
    recorder = recorder_of(session)
    entry = recorder.entry(signature)
    if entry is None:
        return None, None, None
    if not entry.is_unsettled:
        return _STATES[entry.state], entry.slot, None
    settlement = session.sender.settle(entry)
    recorder.settle(signature, settlement.state, slot=settlement.slot, error=settlement.error)
    return _STATES[settlement.state], settlement.slot, settlement.receipt


def act_landed(session: SigningSession, acts: Acts, receipt: Receipt) -> int:
    """Record that an act has landed, also if the user never sees it: a repeated command consults this record.

    Returns the cluster's time.
    """
    now = cluster_time(session)
    acts.end(receipt.signature, ActState.DONE, cluster_time=now, slot=receipt.slot)
    recorder_of(session).settle(receipt.signature, RecordState.LANDED, slot=receipt.slot)
    return now
