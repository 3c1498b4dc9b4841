"""List the transactions in the journal."""

from __future__ import annotations

import itertools

from psyche_cli.operations.transactions.payloads import TransactionListData
from psyche_cli.operations.transactions.records import link_of_record, record_data, record_row
from psyche_cli.results import OperationResult
from psyche_cli.solana.sending.journal import Journal, JournalEntry
from psyche_cli.suggestions import NOTHING_GIVEN, GivenOptions


def list_transactions(
    journal: Journal,
    *,
    run_id: str | None = None,
    all: bool = False,
    limit: int,
    given: GivenOptions = NOTHING_GIVEN,
) -> OperationResult[TransactionListData]:
    """The unsettled transactions, oldest first; with ``all``, also the ``limit`` latest settled ones.

    With ``run_id``, only those that concern this run. Raises JournalError.
    """
    entries = journal.entries(unsettled_only=not all)
    found = [entry for entry in entries if run_id is None or entry.run_id == run_id]
    left_out = max(sum(not entry.is_unsettled for entry in found) - limit, 0)
    settled_before = itertools.count()
    shown = [entry for entry in found if entry.is_unsettled or next(settled_before) >= left_out]
    unsettled = sum(entry.is_unsettled for entry in shown)
    count = len(shown)
    older = f" Not listed: {left_out} older." if left_out > 0 else ""
    return OperationResult(
        summary=f"{count} transaction{'' if count == 1 else 's'}, {unsettled} unsettled.{older}"
        if all
        else f"{unsettled} unsettled transaction{'' if unsettled == 1 else 's'}.",
        data=TransactionListData(
            journal=str(journal.path), transactions=[record_data(entry) for entry in shown], left_out=left_out
        ),
        details=tuple(row for entry in shown for row in _rows(entry)),
        next_steps=(given.command("tx resume"),) if unsettled > 0 else (),
    )


def _rows(entry: JournalEntry) -> list[tuple[str, str]]:
    link = link_of_record(entry)
    more = [("reason", entry.reason), ("explorer", link)]
    return [record_row(entry), *((label, text) for label, text in more if text)]
