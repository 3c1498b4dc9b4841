"""The records that one session makes in the journal, and what earlier sessions have left behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from solders.hash import Hash
from solders.transaction import Transaction

from psyche_cli.environment import Clock
from psyche_cli.errors import JournalError, Json
from psyche_cli.solana.sending.journal import CreatedAccount, Journal, JournalEntry, RecordState
from psyche_cli.solana.sending.transaction import SignedTransaction


def intent_text(command: str, options: Mapping[str, Any]) -> str:
    """What the user requests, as canonical JSON: the verb and its own options, not the endpoint or the wallet."""
    return json.dumps({"command": command, "options": options}, sort_keys=True, default=str)


class Recorder:
    """Records the transactions of one session.

    ``command``, ``intent``, ``run_id`` and ``wallet`` are those of its records; ``intent`` is canonical JSON, empty if
    the session has none. ``warn`` receives a line if an outcome could not be recorded. ``after_output`` takes a
    callback that is called once the user has been told the result. ``redacted`` removes secrets from a text.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        *,
        command: str,
        intent: str,
        run_id: str | None,
        wallet: str,
        redacted: Callable[[str], str],
        warn: Callable[[str], None],
        after_output: Callable[[Callable[[], None]], None],
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._command = command
        self._intent = redacted(intent)
        self._run_id = run_id
        self._wallet = wallet
        self._redacted = redacted
        self._warn = warn
        self._after_output = after_output
        self._reason = ""
        self._before_record: Callable[[str], None] | None = None

    @contextmanager
    def because(self, reason: str, before_record: Callable[[str], None] | None = None) -> Iterator[None]:
        """Record ``reason`` with the transactions in the block, in which nobody else decided about them.

        ``before_record`` is called with the signature of each before it is recorded. If it raises an exception, nothing
        is sent.
        """
        self._reason, self._before_record = reason, before_record
        try:
            yield
        finally:
            self._reason, self._before_record = "", None

    def record(
        self,
        transaction: SignedTransaction,
        *,
        label: str,
        genesis: Hash,
        slot: int,
        endpoint: str,
        creates: Mapping[str, str],
    ) -> bool:
        """Record a transaction before it is sent. ``creates`` maps addresses to roles, and ``slot`` is a recent one.

        Returns False if an earlier command or another process has recorded the same bytes. Raises JournalError.
        """
        try:
            if self._before_record is not None:
                self._before_record(str(transaction.signature))
            return self._journal.record(
                JournalEntry(
                    signature=str(transaction.signature),
                    raw=transaction.raw,
                    label=label,
                    command=self._command,
                    intent=self._intent,
                    run_id=self._run_id,
                    wallet=self._wallet,
                    genesis_hash=str(genesis),
                    endpoint=self._redacted(endpoint),
                    blockhash=str(Transaction.from_bytes(transaction.raw).message.recent_blockhash),
                    last_valid_block_height=transaction.last_valid_block_height,
                    recorded_slot=slot,
                    created_accounts=tuple(CreatedAccount(address, role) for address, role in creates.items()),
                    recorded_at=int(self._clock.unix_time()),
                    session=self._journal.session,
                    nonce_account=None if transaction.nonce is None else str(transaction.nonce.account),
                    reason=self._reason,
                )
            )
        except JournalError as error:
            error.hint = f"{error.hint} The transaction was not sent."
            raise

    def settle(self, signature: str, state: RecordState, *, slot: int | None = None, error: Json = None) -> None:
        """Record the outcome. If that fails, the transaction stays unsettled, which a warning says."""
        try:
            self._journal.settle(signature, state, slot=slot, error=error)
        except JournalError as problem:
            self._warn(
                f"Warning: {problem.message} The outcome of transaction {signature} was not recorded; the next command "
                "determines it again."
            )

    def settle_after_output(self, signature: str, slot: int) -> None:
        """Record that a transaction has landed, but only once the user has been told.

        For payments: if the process dies before that, the user may repeat the command, which must then find this
        payment rather than pay again.
        """

        def settle() -> None:
            try:
                self.settle(signature, RecordState.LANDED, slot=slot)
            finally:
                self._journal.close()

        self._after_output(settle)

    def left_behind(self) -> list[JournalEntry]:
        """The unsettled records of this wallet whose processes have ended, on any cluster. Raises JournalError."""
        entries = self._journal.entries(unsettled_only=True)
        return [entry for entry in entries if entry.wallet == self._wallet and self._journal.is_left_behind(entry)]

    def entry(self, signature: str) -> JournalEntry | None:
        """The record of a transaction, or None. Raises JournalError."""
        return self._journal.entry(signature)

    def is_left_behind(self, entry: JournalEntry) -> bool:
        """Whether the process that made a record has ended. Raises JournalError."""
        return self._journal.is_left_behind(entry)

    def unsettled(self, label: str, genesis_hash: str | None = None) -> list[JournalEntry]:
        """The unsettled records with a label for the run of this session, of any wallet and process.

        They are those of the cluster with this genesis hash; None for all clusters. Raises JournalError.
        """
        entries = self._journal.entries(unsettled_only=True)
        found = [entry for entry in entries if (entry.label, entry.run_id) == (label, self._run_id)]
        return [entry for entry in found if genesis_hash in (None, entry.genesis_hash)]

    def landed(self, label: str) -> list[JournalEntry]:
        """The records of this wallet's transactions with a label that have landed, on any cluster, latest first.

        Raises JournalError.
        """
        wanted = (self._wallet, label, RecordState.LANDED)
        found = [entry for entry in self._journal.entries() if (entry.wallet, entry.label, entry.state) == wanted]
        return sorted(found, key=lambda entry: entry.slot or 0, reverse=True)

    def is_same(self, entry: JournalEntry) -> bool:
        """Whether a record stems from the same request as this session, or creates an account for the same run."""
        if self._intent and entry.intent == self._intent:
            return True
        same_run = entry.command == self._command and entry.run_id == self._run_id is not None
        return same_run and bool(entry.created_accounts)

    def concerns_run(self, entry: JournalEntry) -> bool:
        """Whether a record is about the run of this session."""
        return self._run_id is not None and entry.run_id == self._run_id
