"""The chain on disk, from which a stopped or killed validator continues.

The ledger is the bank's journal. Each change is written to the ledger file as a line before it becomes visible. If the
write fails, the change does not happen and the validator is read-only until a write succeeds. When the file has grown
much larger than the state, it is replaced by a new file that begins with the current state.

A written line survives a kill of the process at any time. Only complete states and clean shutdowns are synced to disk,
so after a crash of the machine the most recent lines may be missing; the rest is consistent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.localnet.chain.journal import BankState, ChainTime, NotRecorded
from psyche_cli.localnet.storage.ledger_folder import LedgerFile, LedgerFolder, unusable
from psyche_cli.localnet.storage.ledger_lines import written_account, written_record
from psyche_cli.localnet.storage.ledger_reader import Damage, LedgerContent, StoredChain, read_ledger

SLOTS_AHEAD: Final = 25
"""How many slots in advance the chain's time is recorded."""

SECONDS_AHEAD: Final = 60
"""The same in seconds of the cluster's clock, which may run faster than real time."""

COMPACT_AFTER_BYTES: Final = 16 * 1024 * 1024
"""The minimum growth of a file, in bytes, before it is replaced."""


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
        compact_after: int = COMPACT_AFTER_BYTES,
    ) -> None:
        """Lock the folder. Raises LocalnetError if it is not writable or another process uses it."""
        self._folder = LedgerFolder(folder)
        self._reset = reset
        self._notice = notice
        self._compact_after = compact_after
        self._bank: Bank | None = None
        self._stored: LedgerContent | None = None
        self._file: LedgerFile | None = None
        self._number = 0
        self._replaced: list[Path] = []
        self._compact_at = 0
        self._until = ChainTime(0, 0, 0, 0)
        self._longest_failed = 0
        self.problem: str | None = None
        """Why the ledger currently cannot be written; None while it can."""

    # -- reading

    def load(self) -> StoredChain | None:
        """The stored chain, or None for a new one. A damaged end is moved to a separate file, with a notice.

        Raises LocalnetError if the folder contains no complete state, or other data.
        """
        files = self._folder.files()
        self._replaced = [path for _, path in files]
        if files:
            self._number = files[-1][0]
        if self._reset or not files:
            return None
        path = files[-1][1]
        content = read_ledger(path)
        self._folder.require_leftovers(self._replaced[:-1], path, content.replaces)
        if content.damage is not None:
            self._notice(self._move_damaged(path, content, content.damage))
        elif not content.closed:
            self._notice(
                f"ledger: {path} was not shut down cleanly. It is intact, with "
                f"{_count(content.chain.state.total, 'transaction')}; if the machine crashed, the most recent ones may "
                "be missing"
            )
        self._stored = content
        return content.chain

    def _move_damaged(self, path: Path, content: LedgerContent, damage: Damage) -> str:
        copy = self._folder.set_aside(path, damage.offset)
        where = f"line {damage.line} (byte {damage.offset})"
        if damage.torn:
            what = f"{path} ends in an incomplete line, as after a crash or a power failure: {where}"
        else:
            what = f"{path} is damaged: {where} is corrupt or does not follow the previous one"
        return (
            f"ledger: {what}. Continuing with {_count(content.chain.state.total, 'transaction')}; the "
            f"{_count(damage.bytes_after, 'byte')} from there ({_count(damage.lines_after, 'line')}) were moved to "
            f"{copy}"
        )

    # -- writing

    def attach(self, bank: Bank) -> None:
        """Record all changes of the bank from now on; it must hold the result of ``load``. Raises LocalnetError."""
        self._bank = bank
        try:
            if self._stored is None:
                self._write_base(bank.save(), bank.time)
            else:
                self._continue(self._stored, bank.time)
        except OSError as error:
            raise unusable(self._folder.path, error) from error
        bank.journal = self
        self.settle()

    def close(self) -> None:
        """Write the closing line, sync the file, and release the folder."""
        if self._file is not None:
            try:
                self._file.append({"closed": self._attached().history.total})
                self._file.sync()
            except OSError as error:
                self._notice(f"ledger: cannot close {self._folder.path} cleanly: {error.strerror}")
            self._file.close()
            self._file = None
        self._folder.release()

    def transaction(self, record: TransactionRecord, accounts: Mapping[Pubkey, Account | None]) -> None:
        """Record an executed transaction with the accounts that it changes. Raises NotRecorded."""
        changed = [written_account(address, account) for address, account in accounts.items()]
        self._append({"transaction": written_record(record), "accounts": changed})

    def account(self, address: Pubkey, account: Account | None) -> None:
        """Record an account set by a control method. Raises NotRecorded."""
        self._append({"accounts": [written_account(address, account)]})

    def advance(self, time: ChainTime) -> None:
        """Record a later time limit if ``time`` exceeds the recorded one; also retry after a failed write.

        Raises NotRecorded.
        """
        until = self._until
        if self.problem is not None:
            self._recover(time)
        elif (
            time.slot > until.slot
            or time.height > until.height
            or time.unix_time > until.unix_time
            or time.warped_seconds != until.warped_seconds
        ):
            self._append({"until": _as_json(ahead := _ahead_of(time))})
            self._until = ahead

    def replace(self, state: BankState, time: ChainTime) -> None:
        """Start a new file with ``state``. Raises NotRecorded."""
        try:
            self._write_base(state, time)
        except OSError as error:
            raise NotRecorded(f"cannot write to the ledger ({error.strerror}); nothing was changed") from error

    def settle(self) -> None:
        """Start a new file if the current one has grown much larger than its base."""
        assert self._file is not None
        if self._file.size <= self._compact_at:
            return
        bank = self._attached()
        try:
            self._write_base(bank.save(), bank.time)
        except OSError as error:
            self._compact_at = self._file.size + self._compact_after
            self._notice(f"ledger: cannot compact {self._folder.path}, so it keeps growing: {error.strerror}")

    def _attached(self) -> Bank:
        assert self._bank is not None
        return self._bank

    def _append(self, content: Json) -> None:
        assert self._file is not None
        try:
            self._file.append(content)
        except OSError as error:
            self._longest_failed = max(self._longest_failed, len(str(content)))
            if self.problem is None:
                self._notice(
                    f"ledger: cannot write to {self._folder.path}: {error.strerror}. The validator is read-only until "
                    "writing succeeds again: transactions are rejected and slots do not advance"
                )
            self.problem = _problem(error)
            raise NotRecorded(f"{self.problem}; nothing was executed") from error
        self._mark_writable()

    def _mark_writable(self) -> None:
        self._longest_failed = 0
        if self.problem is not None:
            self.problem = None
            self._notice(f"ledger: {self._folder.path} is writable again; the validator continues")

    def _recover(self, time: ChainTime) -> None:
        assert self._file is not None
        if self._file.is_deleted():
            self.replace(self._attached().save(), time)
            return
        ahead = _ahead_of(time)
        # Padded, so that success implies space for the line that failed.
        self._append({"until": _as_json(ahead), "padding": "." * self._longest_failed})
        self._until = ahead

    def _write_base(self, state: BankState, time: ChainTime) -> None:
        until = _ahead_of(time)
        lines = self._base_lines(state, until, self._folder.fingerprints(self._replaced))
        file = self._folder.replace(self._number + 1, lines, self._replaced)
        if self._file is not None:
            self._file.close()
        self._number += 1
        self._file, self._until = file, until
        self._replaced = [self._folder.file(self._number)]
        self._compact_at = self._grown(file.size)
        self._mark_writable()

    def _continue(self, stored: LedgerContent, time: ChainTime) -> None:
        until = _ahead_of(time)
        file = LedgerFile.reopen(stored.path, stored.end, stored.digest)
        try:
            file.append({"until": _as_json(until)})
        except OSError:
            file.close()
            raise
        self._file, self._until = file, until
        self._folder.remove(self._replaced[:-1])
        self._replaced = [stored.path]
        self._compact_at = self._grown(stored.base_end)

    def _grown(self, base_bytes: int) -> int:
        return base_bytes + max(self._compact_after, 4 * base_bytes)

    def _base_lines(self, state: BankState, until: ChainTime, replaces: list[Json]) -> Iterator[Json]:
        bank = self._attached()
        # Programs that are loaded at every start need not be stored.
        kept = {
            address: account
            for address, account in state.accounts.items()
            if not bank.is_loaded_at_start(address, account)
        }
        yield {
            "genesis": str(bank.chain.genesis_hash),
            "until": _as_json(until),
            "total": state.total,
            "accounts": len(kept),
            "transactions": len(state.records),
            "replaces": replaces,
        }
        for address, account in kept.items():
            yield {"accounts": [written_account(address, account)]}
        for record in state.records:
            yield {"transaction": written_record(record)}
        yield {"base": "complete"}


def _ahead_of(time: ChainTime) -> ChainTime:
    return ChainTime(
        time.slot + SLOTS_AHEAD, time.height + SLOTS_AHEAD, time.unix_time + SECONDS_AHEAD, time.warped_seconds
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _as_json(time: ChainTime) -> Json:
    return [time.slot, time.height, time.unix_time, time.warped_seconds]


def _problem(error: OSError) -> str:
    return f"cannot write to the ledger ({error.strerror}); the validator is read-only until writing succeeds again"
