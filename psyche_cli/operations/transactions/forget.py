"""Stop waiting for the outcome of a transaction, or remove settled ones."""

from __future__ import annotations

from solders.signature import Signature

from psyche_cli.durations import format_duration
from psyche_cli.environment import Clock
from psyche_cli.errors import NotConfirmed
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.transactions.payloads import ForgetData, ForgetSettledData
from psyche_cli.operations.transactions.records import find_record, record_data, record_row
from psyche_cli.results import OperationResult
from psyche_cli.solana.sending.delivery import expired_in
from psyche_cli.solana.sending.journal import Journal, JournalEntry, RecordState
from psyche_cli.solana.sending.transaction import signed_transaction


def forget(session: Session, journal: Journal, signature: Signature, *, agreed: bool) -> OperationResult[ForgetData]:
    """Mark an unsettled transaction as forgotten, so that it no longer blocks its command from being repeated.

    Without ``agreed``, only one that can no longer land, according to the endpoint, which must serve its cluster; with
    it, no request is made. Raises NotConfirmed, NotFound, JournalError.
    """
    entry = find_record(journal, str(signature))
    if not entry.is_unsettled:
        return _result(entry, already=True)
    if not agreed:
        _require_expired(session, entry)
    journal.settle(entry.signature, RecordState.FORGOTTEN)
    return _result(find_record(journal, entry.signature), already=False)


def forget_settled(journal: Journal, clock: Clock, *, older_than: int) -> OperationResult[ForgetSettledData]:
    """Remove the settled transactions that were recorded more than ``older_than`` seconds ago. Raises JournalError."""
    removed = journal.forget_settled(int(clock.unix_time()) - older_than)
    count = f"{removed} settled transaction{'' if removed == 1 else 's'}"
    age = format_duration(older_than)
    return OperationResult(
        summary=f"Removed {count} older than {age} from the journal."
        if removed > 0
        else f"The journal has no settled transactions older than {age}.",
        data=ForgetSettledData(
            already_so=removed == 0, journal=str(journal.path), older_than_seconds=older_than, removed=removed
        ),
    )


def _require_expired(session: Session, entry: JournalEntry) -> None:
    if str(session.rpc.genesis_hash()) != entry.genesis_hash:
        why = f"{session.rpc.label} serves a different cluster from {entry.endpoint}, so it may still land."
    elif (
        expired_in(signed_transaction(entry.raw, entry.last_valid_block_height), session.rpc, entry.recorded_slot)
        is None
    ):
        why = "it may still land."
    else:
        return
    raise NotConfirmed(
        f"Transaction {entry.signature} cannot be forgotten yet: {why}",
        hint=f"To settle it: {session.given.command('tx resume', entry.signature)} (or use --yes to forget it anyway)",
    )


def _result(entry: JournalEntry, *, already: bool) -> OperationResult[ForgetData]:
    return OperationResult(
        summary=f"The outcome of transaction {entry.signature} is already recorded."
        if already
        else f"Forgot transaction {entry.signature}. Repeating its command may execute it twice if it has landed.",
        data=ForgetData(already_so=already, transaction=record_data(entry)),
        details=(record_row(entry),),
    )
