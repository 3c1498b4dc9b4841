"""Determine the outcome of unsettled transactions, and resend their bytes while they can land."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from solders.signature import Signature

from psyche_cli.errors import TransactionUnknown
from psyche_cli.operations.transactions.payloads import ResumeData
from psyche_cli.operations.transactions.records import find_record, record_data, record_row
from psyche_cli.results import OperationResult
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.solana.sending.journal import Journal, JournalEntry, RecordState
from psyche_cli.solana.sending.sender import WRITING_SECONDS, Sender
from psyche_cli.solana.sending.settle import Settlement, how_to_settle

if TYPE_CHECKING:
    from psyche_cli.environment import Clock
    from psyche_cli.operations.sessions import Session
    from psyche_cli.receipts import Receipt


def resume(
    session: Session,
    journal: Journal,
    clock: Clock,
    signature: Signature | None,
    *,
    after_output: Callable[[Callable[[], None]], None],
) -> OperationResult[ResumeData]:
    """Settle one transaction, or all unsettled ones of this cluster, each within the time limit of a command.

    A transaction that another running process is waiting for is left to it, unless it is named by ``signature``. That a
    transaction has landed is recorded through ``after_output``, once the user has been told. Raises TransactionUnknown
    if any outcome remains unknown, NotFound, JournalError.
    """
    entries = journal.entries(unsettled_only=True) if signature is None else [find_record(journal, str(signature))]
    if not any(entry.is_unsettled for entry in entries):
        return _result([], [], [], [], already=entries)
    settled: list[JournalEntry] = []
    receipts: list[Receipt] = []
    unknown: list[TransactionUnknown] = []
    deadline = session.rpc.deadline or Deadline(clock, WRITING_SECONDS)
    sender = Sender(
        session.rpc.within(deadline),
        clock,
        session.notify,
        advise=lambda signature: how_to_settle(signature, session.given),
    )
    with sender.annotating_errors():
        genesis = str(session.rpc.genesis_hash())
        elsewhere = [entry for entry in entries if entry.genesis_hash != genesis]
        here = [entry for entry in entries if entry not in elsewhere]
        running = [entry for entry in here if signature is None and not journal.is_left_behind(entry)]
        for entry in here:
            if entry in running:
                continue
            session.notify(f"Settling {entry.label}: {entry.signature}")
            deadline.restart()
            try:
                settlement = sender.settle(entry)
            except TransactionUnknown as error:
                unknown.append(error)
                continue
            record_settlement(journal, entry, settlement, after_output)
            state, slot, error_found = settlement.state, settlement.slot, settlement.error
            done = entry._replace(state=state, slot=slot, error=error_found, settled_at=int(clock.unix_time()))
            settled.append(done)
            session.notify(": ".join(record_row(done)))
            if settlement.receipt is not None:
                receipts.append(settlement.receipt)
        if unknown:
            raise unknown[0]
    return _result(settled, running, elsewhere, receipts)


def record_settlement(
    journal: Journal,
    entry: JournalEntry,
    settlement: Settlement,
    after_output: Callable[[Callable[[], None]], None],
) -> None:
    """Record an outcome; that a transaction has landed, only once the user has been told. Closes the journal then."""

    def settle() -> None:
        journal.settle(entry.signature, settlement.state, slot=settlement.slot, error=settlement.error)

    def settle_and_close() -> None:
        try:
            settle()
        finally:
            journal.close()

    if settlement.state is RecordState.LANDED:
        after_output(settle_and_close)
    else:
        settle()


def _result(
    settled: list[JournalEntry],
    running: list[JournalEntry],
    elsewhere: list[JournalEntry],
    receipts: list[Receipt],
    already: Sequence[JournalEntry] = (),
) -> OperationResult[ResumeData]:
    count = len(settled)
    warnings = []
    if running:
        warnings.append(f"Another process is waiting for {len(running)} of the unsettled transactions.")
    if elsewhere:
        hosts = ", ".join(dict.fromkeys(entry.endpoint for entry in elsewhere))
        warnings.append(f"{len(elsewhere)} of the unsettled transactions were sent to another cluster ({hosts}).")
    return OperationResult(
        summary=f"Settled {count} transaction{'' if count == 1 else 's'}."
        if count > 0
        else "Nothing to settle."
        if not already
        else "The outcome is already recorded.",
        data=ResumeData(
            settled=[record_data(entry) for entry in settled],
            in_progress=[entry.signature for entry in running],
            on_other_clusters=[entry.signature for entry in elsewhere],
        ),
        details=tuple(record_row(entry) for entry in (*settled, *already)),
        transactions=tuple(receipts),
        warnings=tuple(warnings),
    )
