"""Records of the journal, found and shown."""

from __future__ import annotations

import json
from typing import Final

from psyche_cli.errors import NotFound
from psyche_cli.operations.times import iso_time
from psyche_cli.operations.transactions.payloads import NewAccount, TransactionRecord
from psyche_cli.results import Tone, Toned
from psyche_cli.solana.public_clusters import explorer_link
from psyche_cli.solana.sending.journal import Journal, JournalEntry, RecordState

_TONES: Final[dict[RecordState, Tone]] = {RecordState.LANDED: "good", RecordState.FAILED: "bad"}
"""The tones of states; the others are cautions."""


def find_record(journal: Journal, signature: str) -> JournalEntry:
    """The record of a transaction. Raises NotFound, JournalError."""
    entry = journal.entry(signature)
    if entry is None:
        raise NotFound(
            f"The journal {journal.path} has no transaction {signature}.",
            hint="To list its transactions: psyche-cli tx list --all",
        )
    return entry


def record_data(entry: JournalEntry) -> TransactionRecord:
    """The payload of a record."""
    return TransactionRecord(
        signature=entry.signature,
        state=entry.state.value,
        label=entry.label,
        command=entry.command,
        run_id=entry.run_id,
        wallet=entry.wallet,
        recorded_at=iso_time(entry.recorded_at),
        settled_at=None if entry.settled_at is None else iso_time(entry.settled_at),
        endpoint=entry.endpoint,
        genesis_hash=entry.genesis_hash,
        blockhash=entry.blockhash,
        last_valid_block_height=entry.last_valid_block_height,
        nonce_account=entry.nonce_account,
        created_accounts=[NewAccount(account.address, account.role) for account in entry.created_accounts],
        slot=entry.slot,
        error=None if entry.error is None else json.dumps(entry.error),
        explorer=link_of_record(entry),
        reason=entry.reason or None,
    )


def link_of_record(entry: JournalEntry) -> str | None:
    """A link to the transaction in an explorer; None unless its cluster is public."""
    return explorer_link(entry.signature, entry.genesis_hash, entry.endpoint)


def record_row(entry: JournalEntry) -> tuple[str, str]:
    """A record as a row: the signature, and the rest."""
    run = "" if entry.run_id is None else f" (run {entry.run_id})"
    rest = f": {entry.label}{run}, {iso_time(entry.recorded_at)}, {entry.endpoint}"
    return entry.signature, Toned(entry.state.value.replace("_", " "), _TONES.get(entry.state, "caution"), rest)
