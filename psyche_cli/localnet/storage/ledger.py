"""The chain on disk, from which a stopped or killed validator continues.

The ledger is the bank's journal. Each change is in the ledger file before it becomes visible. If it cannot be written,
the change does not happen and the validator is read-only until a write succeeds.

A written change survives a kill of the process at any time. After a crash of the machine, the newest changes may be
missing; the rest is consistent.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from solders.account import Account
from solders.hash import Hash
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.history import History, HistoryMark, TransactionRecord
from psyche_cli.localnet.chain.journal import ChainTime, NotRecorded
from psyche_cli.localnet.chain.number_ranges import union
from psyche_cli.localnet.storage.archive import LedgerArchive
from psyche_cli.localnet.storage.ledger_change import Change, Indexed, indexed
from psyche_cli.localnet.storage.ledger_file import LedgerFile, create_file
from psyche_cli.localnet.storage.ledger_folder import LedgerFolder, reason_of, unusable
from psyche_cli.localnet.storage.ledger_reader import read_ledger
from psyche_cli.localnet.storage.ledger_state import LedgerHeader
from psyche_cli.localnet.storage.write_ahead_log import find_lost_end

SLOTS_AHEAD: Final = 25
"""How many slots in advance the chain's time is recorded."""

SECONDS_AHEAD: Final = 60
"""The same in seconds of the cluster's clock, which may run faster than real time."""

INDEXED_AT_ONCE: Final = 256
"""How many transactions to add to the indexes at once; as many again stay in memory."""

_REMOVED_AT_ONCE: Final = 2 * INDEXED_AT_ONCE
_PADDING_BYTES: Final = 64 * 1024
_LARGE_LOG_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True)
class StoredChain:
    """The content of a ledger: the state, and an upper bound of the time that the chain reached.

    ``accounts`` has None for accounts of genesis that were removed. Transactions before ``first_kept`` are forgotten.
    ``recent`` are the transactions that are not in the archive yet, by number, with their blocks.
    """

    genesis_hash: Hash
    until: ChainTime
    accounts: dict[Pubkey, Account | None]
    history: HistoryMark
    first_kept: int
    next_number: int
    recent: list[tuple[int, TransactionRecord, Block]]

    def continue_in(self, history: History) -> History:
        """Continue the stored history in an empty one, which has the ledger's archive."""
        history.resume(self.history, first_kept=self.first_kept, next_number=self.next_number, recent=self.recent)
        return history


class Ledger:
    """A ledger folder, locked by this process; once attached, the journal of one bank.

    ``notice`` receives lines for the operator, for example about damage.
    """

    def __init__(
        self,
        folder: Path,
        *,
        reset: bool,
        notice: Callable[[str], None],
        indexed_at_once: int = INDEXED_AT_ONCE,
    ) -> None:
        """Lock the folder. Raises LocalnetError if it is not writable or another process uses it."""
        self._folder = LedgerFolder(folder)
        self._reset = reset
        self._notice = notice
        self._indexed_at_once = indexed_at_once
        self._bank: Bank | None = None
        self._file: LedgerFile | None = None
        self._not_indexed: list[Indexed] = []
        self._unneeded: list[tuple[int, int]] = []
        self._longest_failed = 0
        self._is_log_reported = False
        self.archive = LedgerArchive()
        """The transactions that are not held in memory."""
        self.problem: str | None = None
        """Why the ledger currently cannot be written; None while it can."""

    # -- reading

    def load(self) -> StoredChain | None:
        """The stored chain, or None for a new one. A damaged end is copied to a separate file, with a notice.

        Raises LocalnetError if the ledger is damaged or something else; nothing is changed then.
        """
        if self._reset or not self._folder.require_usable():
            return None
        has_log = self._folder.has_log()
        with self._folder.without_traces():
            content = read_ledger(self._folder.file, has_log=has_log)
        header, state = content.header, content.state
        try:
            file = LedgerFile(self._folder.file, header, state)
        except (OSError, sqlite3.Error) as error:
            raise unusable(self._folder.path, error) from error
        self._file = self.archive.file = file
        self._not_indexed = [indexed(number, record) for number, record, _ in content.recent]
        if has_log:
            self._report_log(file, state.total)
        elif not state.is_closed:
            self._notice(self._not_closed(state.total))
        newest = ((state.open_from, state.next_number - 1),) if state.open_from < state.next_number else ()
        return StoredChain(
            header.genesis_hash,
            header.until,
            content.accounts,
            HistoryMark((*header.visible, *newest), state.total),
            state.first_kept,
            state.next_number,
            content.recent,
        )

    def _report_log(self, file: LedgerFile, total: int) -> None:
        try:
            [_, used_frames, _] = file.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            lost = find_lost_end(self._folder.log, used_frames)
        except (OSError, sqlite3.Error) as error:
            raise unusable(self._folder.path, error) from error
        if lost is None:
            self._notice(self._not_closed(total))
            return
        copy = self._folder.set_aside(lost.offset, lost.size)
        what = "ends in an incomplete change, as after a crash" if lost.is_torn else "is damaged"
        self._notice(
            f"ledger: {self._folder.log} {what}, from byte {lost.offset}. Continuing with "
            f"{_count(total, 'transaction')}; the {_count(lost.size, 'byte')} from there were copied to {copy}"
        )

    def _not_closed(self, total: int) -> str:
        return (
            f"ledger: {self._folder.file} was not shut down cleanly. It is intact, with "
            f"{_count(total, 'transaction')}; if the machine crashed, the most recent ones may be missing"
        )

    # -- writing

    def attach(self, bank: Bank) -> None:
        """Record all changes of the bank from now on; it must hold the result of ``load``. Raises LocalnetError."""
        try:
            if self._file is None:
                header = LedgerHeader(bank.chain.genesis_hash, _ahead_of(bank.time))
                accounts = bank.stored.all().items()
                state = self._folder.replace(lambda path: create_file(path, header, accounts))
                self._file = self.archive.file = LedgerFile(self._folder.file, header, state)
            with self._file.change() as change:
                change.header = dataclasses.replace(change.header, until=_ahead_of(bank.time))
                change.state.is_closed = False
            # From now on, a file without its log is not mistaken for one that was closed.
            self._file.sync()
        except (OSError, sqlite3.Error) as error:
            raise unusable(self._folder.path, error) from error
        self._bank = bank
        bank.journal = self

    def close(self) -> None:
        """Mark the file as closed, sync it, and release the folder."""
        if self._file is not None:
            try:
                if self._bank is not None:
                    self._write_deleted_file()
                    with self._file.change() as change:
                        change.state.is_closed = True
                        change.state.first_kept = self._bank.history.first_kept
                    self._file.sync()
            except (OSError, sqlite3.Error) as error:
                self._notice(f"ledger: cannot close {self._folder.path} cleanly: {reason_of(error)}")
            self._file.close()
            self._file = None
        self._folder.release()

    def transaction(
        self, number: int, record: TransactionRecord, block: Block, accounts: Mapping[Pubkey, Account | None]
    ) -> None:
        """Record an executed transaction with the accounts that it changes. Raises NotRecorded."""
        waiting = [*self._not_indexed, indexed(number, record)] if self._is_index_due() else []
        unneeded = self._unneeded
        with self._writing("nothing was executed") as change:
            self._put(change, accounts)
            change.put_transaction(number, record, block)
            if waiting:
                change.add_to_indexes(waiting[: self._indexed_at_once])
                unneeded = self._remove_unneeded(change)
        if waiting:
            self._not_indexed = waiting[self._indexed_at_once :]
            self._unneeded = unneeded
            self._watch_log()
        else:
            self._not_indexed.append(indexed(number, record))

    def _is_index_due(self) -> bool:
        return len(self._not_indexed) + 1 >= 2 * self._indexed_at_once

    def account(self, address: Pubkey, account: Account | None) -> None:
        """Record an account set by a control method. Raises NotRecorded."""
        with self._writing("nothing was executed") as change:
            self._put(change, {address: account})

    def advance(self, time: ChainTime) -> None:
        """Record a later time limit if ``time`` exceeds the recorded one; also retry after a failed write.

        Raises NotRecorded.
        """
        until = self._attached_file().header.until
        if self.problem is not None:
            self._recover(time)
        elif (
            time.slot > until.slot
            or time.height > until.height
            or time.unix_time > until.unix_time
            or time.warped_seconds != until.warped_seconds
        ):
            with self._writing("nothing was executed") as change:
                change.header = dataclasses.replace(change.header, until=_ahead_of(time))

    def restore(self, accounts: Mapping[Pubkey, Account | None], history: HistoryMark, time: ChainTime) -> None:
        """Record that an earlier state is restored. Raises NotRecorded."""
        with self._writing("nothing was changed") as change:
            self._put(change, accounts)
            change.header = dataclasses.replace(change.header, until=_ahead_of(time), visible=history.visible)
            change.state.total = history.total
            change.state.open_from = change.state.next_number

    def _put(self, change: Change, accounts: Mapping[Pubkey, Account | None]) -> None:
        bank = self._attached()
        for address, account in accounts.items():
            change.put_account(address, account, keep_removal=bank.stored.is_loaded_at_start(address))

    @contextmanager
    def _writing(self, consequence: str) -> Iterator[Change]:
        """A change of the file; ``consequence`` says what failed with it. Raises NotRecorded."""
        change = None
        try:
            with self._attached_file().change() as change:
                change.state.first_kept = self._attached().history.first_kept
                yield change
        except (OSError, sqlite3.Error) as error:
            if change is not None:
                self._longest_failed = max(self._longest_failed, change.written_bytes)
            reason = reason_of(error)
            if self.problem is None:
                self._notice(
                    f"ledger: cannot write to {self._folder.path}: {reason}. The validator is read-only until "
                    "writing succeeds again: transactions are rejected and slots do not advance"
                )
            self.problem = (
                f"cannot write to the ledger ({reason}); the validator is read-only until writing succeeds again"
            )
            raise NotRecorded(f"{self.problem}; {consequence}") from error
        if self.problem is not None:
            self.problem = None
            self._longest_failed = 0
            self._notice(f"ledger: {self._folder.path} is writable again; the validator continues")

    def _recover(self, time: ChainTime) -> None:
        try:
            self._write_deleted_file()
        except (OSError, sqlite3.Error) as error:
            raise NotRecorded(f"{self.problem}; nothing was executed") from error
        # Padded, so that success implies space for the change that failed.
        with self._writing("nothing was executed") as change:
            change.pad(self._longest_failed + _PADDING_BYTES)
            change.header = dataclasses.replace(change.header, until=_ahead_of(time))
        with self._writing("nothing was executed") as change:
            change.pad(0)

    def _write_deleted_file(self) -> None:
        """Write the file again if it or its log was deleted. Raises OSError or sqlite3.Error."""
        file = self._attached_file()
        loss = file.loss()
        if loss is not None and loss.is_deleted and self._folder.path.is_dir():
            self._folder.replace(file.copy_to)
            self._file = self.archive.file = LedgerFile(self._folder.file, file.header, file.state)
            file.close()

    def _remove_unneeded(self, change: Change) -> list[tuple[int, int]]:
        """Remove some archived transactions that no state sees; returns the ranges that are left."""
        history = self._attached().history
        left = [*union([tuple(history.take_unneeded()), tuple(self._unneeded)])]
        budget, indexed_up_to = _REMOVED_AT_ONCE, change.state.indexed
        later: list[tuple[int, int]] = []
        while left and budget > 0:
            first, last = left.pop()
            if last > indexed_up_to:
                later.append((max(first, indexed_up_to + 1), last))
                last = indexed_up_to
            if first > last:
                continue
            found, done = change.remove_transactions(first, last, budget)
            if done < last:
                left.append((done + 1, last))
            budget -= found
        return [*left, *later]

    def _watch_log(self) -> None:
        """Report once that the changes cannot be copied from the log to the file, which SQLite does not."""
        if not self._is_log_reported and self._folder.log_bytes() > _LARGE_LOG_BYTES:
            self._is_log_reported = True
            self._notice(f"ledger: {self._folder.log} keeps growing, since {self._folder.file} cannot be written")

    def _attached(self) -> Bank:
        assert self._bank is not None
        return self._bank

    def _attached_file(self) -> LedgerFile:
        assert self._file is not None
        return self._file


def _ahead_of(time: ChainTime) -> ChainTime:
    return ChainTime(
        time.slot + SLOTS_AHEAD, time.height + SLOTS_AHEAD, time.unix_time + SECONDS_AHEAD, time.warped_seconds
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
