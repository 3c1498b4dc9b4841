"""The chain on disk: stop, kill, start again, continue.

A ledger folder holds one file, ``ledger-N.jsonl``. Its first lines are a complete state (a header, every account, the
remembered transactions); each further line is one thing that happened since, written before the client hears of it.
Every line begins with a CRC-32, so a line that was cut off by a kill is recognised and dropped. When the file has
grown much longer than the state, a new complete state is written beside it and put in its place at once.

It survives the death of the process at any moment. Only complete states are synced to the disk, so after a failure of
the whole machine the newest lines may be missing; what is left is consistent.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from solders.account import Account
from solders.hash import Hash
from solders.pubkey import Pubkey

from psyche_cli.errors import LocalnetError
from psyche_cli.localnet.bank import Bank, BankState
from psyche_cli.localnet.blockhashes import Block
from psyche_cli.localnet.history import ProcessedMessages, TransactionRecord
from psyche_cli.localnet.ledger_lines import (
    account_from_json,
    account_to_json,
    encode_line,
    intact_lines,
    record_from_json,
    record_to_json,
)
from psyche_cli.localnet.rpc_fault import Json

FORMAT: Final = 1
TIP_EVERY_SLOTS: Final = 25
"""How often the current slot is written down while nothing else happens."""

TIP_EVERY_SECONDS: Final = 60
"""The same in seconds of the cluster's clock, which may run fast."""

_LEAST_GROWTH: Final = 16 * 1024 * 1024
_NAME: Final = "ledger-{}.jsonl"


@dataclass(frozen=True)
class StoredChain:
    """What a ledger says: the state; and the slot, height and Unix time that were not exceeded when it ended."""

    genesis_hash: Hash
    slot: int
    height: int
    unix_time: int
    state: BankState


class Ledger:
    """A ledger folder, in use by this process only. A listener of the bank once attached.

    ``log`` gets a line about anything that the operator should know, such as a line that was cut off.
    """

    def __init__(self, folder: Path, *, reset: bool, log: Callable[[str], None]) -> None:
        """Take the folder. Raises LocalnetError when it cannot be written or another process uses it."""
        self._folder = folder
        self._log = log
        self._file: int | None = None
        self._number = 0
        self._size = 0
        self._base_size = 0
        self._incomplete = False
        self._bank: Bank | None = None
        self._tip_slot = 0
        self._tip_time = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unusable(folder, error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise LocalnetError(
                f"The ledger {folder} is in use by another local validator.",
                hint="Stop that one, or give another folder with --ledger.",
                path=str(folder),
            ) from error
        if reset:
            for _, path in self._files():
                path.unlink()

    def _files(self) -> list[tuple[int, Path]]:
        found = []
        for path in self._folder.glob("ledger-*.jsonl"):
            with contextlib.suppress(ValueError):
                found.append((int(path.stem.removeprefix("ledger-")), path))
        return sorted(found)

    # -- reading

    def load(self) -> StoredChain | None:
        """What the folder holds, or None when it is new. Raises LocalnetError when it cannot be understood."""
        files = self._files()
        if not files:
            return None
        self._number, path = files[-1]
        accounts: dict[Pubkey, Account | None] = {}
        records: list[TransactionRecord] = []
        header: Json = None
        good = 0
        for line, end in intact_lines(path):
            good = end
            if header is None:
                header = line
                continue
            for written in line.get("accounts", ()):
                address, account = account_from_json(written)
                accounts[address] = account
            if "transaction" in line:
                records.append(record_from_json(line["transaction"]))
                header["total"] += line.get("new", 0)
            if "tip" in line:
                # Older ledgers know no time.
                header["slot"], header["height"], header["warped"], header["time"] = (*line["tip"], 0)[:4]
        if header is None or header.get("format") != FORMAT:
            raise LocalnetError(
                f"{path} is not a ledger of this version.",
                hint="Start anew with --reset, or give another folder with --ledger.",
                path=str(path),
            )
        size = path.stat().st_size
        if good < size:
            self._log(
                f"ledger: the last {size - good} bytes of {path} are damaged and dropped; "
                f"going on from slot {header['slot']} with {header['total']} transactions"
            )
        return StoredChain(
            genesis_hash=Hash.from_string(header["genesis"]),
            slot=header["slot"] + TIP_EVERY_SLOTS,
            height=header["height"] + TIP_EVERY_SLOTS,
            unix_time=header.get("time", 0) + TIP_EVERY_SECONDS,
            state=BankState(
                accounts={address: account for address, account in accounts.items() if account is not None},
                records=tuple(records),
                total=header["total"],
                processed=ProcessedMessages(),
                warped_seconds=header["warped"],
            ),
        )

    # -- writing

    def attach(self, bank: Bank) -> None:
        """Write the bank's present state, and from now on whatever happens."""
        self._bank = bank
        self._write_base()
        # First of all listeners: nobody hears of what is not written yet.
        bank.listeners.insert(0, self)

    def close(self) -> None:
        """Sync and give the folder free."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.fsync(self._file)
            os.close(self._file)
            self._file = None
        os.close(self._lock)

    def on_transaction(self, record: TransactionRecord) -> None:
        """Write an executed transaction with the accounts that it changed."""
        self._append(
            {
                "transaction": record_to_json(record),
                "new": 1,
                "accounts": [self._account_line(address) for address in record.changed],
                "tip": self._tip(),
            }
        )

    def on_account(self, address: Pubkey) -> None:
        """Write an account that was set by hand."""
        self._append({"accounts": [self._account_line(address)], "tip": self._tip()})

    def on_block(self, block: Block) -> None:
        """Write the slot and time down now and then, so that neither goes back after a start."""
        if block.slot >= self._tip_slot + TIP_EVERY_SLOTS or block.unix_time >= self._tip_time + TIP_EVERY_SECONDS:
            try:
                self._append({"tip": self._tip()})
            except LocalnetError as error:
                # Nobody waits for this line: the next transaction that cannot be written is refused.
                self._log(f"ledger: {error.message}")

    def on_restore(self) -> None:
        """Begin anew with the restored state."""
        self._write_base()

    def _attached(self) -> Bank:
        assert self._bank is not None
        return self._bank

    def _tip(self) -> Json:
        bank = self._attached()
        tip = bank.chain.tip
        self._tip_slot, self._tip_time = tip.slot, tip.unix_time
        return [tip.slot, tip.height, bank.timekeeper.warped_seconds, tip.unix_time]

    def _account_line(self, address: Pubkey) -> Json:
        return account_to_json(address, self._attached().account(address))

    def _append(self, content: Json) -> None:
        if self._incomplete or self._size > self._base_size + max(_LEAST_GROWTH, 4 * self._base_size):
            self._write_base()
            return
        assert self._file is not None
        line = encode_line(content)
        try:
            _write_all(self._file, line)
        except OSError as error:
            # The file must not end in half a line; what it misses now comes with the next complete state.
            self._incomplete = True
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise _unusable(self._folder, error) from error
        self._size += len(line)

    def _write_base(self) -> None:
        bank = self._attached()
        state = bank.save()
        slot, height, warped, time = self._tip()
        header = {
            "format": FORMAT,
            "genesis": str(bank.chain.genesis_hash),
            "slot": slot,
            "height": height,
            "warped": warped,
            "time": time,
            "total": state.total,
        }
        path = self._folder / _NAME.format(self._number + 1)
        draft = path.with_suffix(".draft")
        size = 0
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
            try:
                for content in self._base_lines(header, state):
                    line = encode_line(content)
                    _write_all(descriptor, line)
                    size += len(line)
                os.fsync(descriptor)
                draft.rename(path)
            except BaseException:
                os.close(descriptor)
                raise
        except OSError as error:
            self._incomplete = True
            raise _unusable(self._folder, error) from error
        if self._file is not None:
            os.close(self._file)
        self._file, self._size, self._base_size, self._incomplete = descriptor, size, size, False
        self._number += 1
        for number, old in self._files():
            if number < self._number:
                old.unlink()

    def _base_lines(self, header: Json, state: BankState) -> Iterator[Json]:
        yield header
        bank = self._attached()
        provided = {key: it for key, it in bank.at_genesis.accounts.items() if key not in bank.genesis.accounts}
        for address, account in state.accounts.items():
            # Programs that every start provides come from there again.
            if not (account.executable and provided.get(address) == account):
                yield {"accounts": [account_to_json(address, account)]}
        for record in state.records:
            yield {"transaction": record_to_json(record)}


def _unusable(folder: Path, error: OSError) -> LocalnetError:
    return LocalnetError(
        f"The ledger {folder} cannot be written: {error.strerror}.",
        hint="Make room or set its permissions, or give another folder with --ledger.",
        path=str(folder),
    )


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
