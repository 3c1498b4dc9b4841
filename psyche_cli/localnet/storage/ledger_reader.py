"""Reading of a ledger file, with detection of damage.

The format line is followed by the base, a complete state: a header with counts, every account, the stored transactions,
and an end line. An incomplete or modified base is rejected. The journal follows, one line for each later change, and
then, after a clean shutdown, a closing line, which is always the last. The journal is used up to its first damaged
line, since all later lines depend on it.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from solders.account import Account
from solders.hash import Hash
from solders.pubkey import Pubkey

from psyche_cli.errors import LocalnetError
from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.history import ProcessedMessages, TransactionRecord
from psyche_cli.localnet.chain.journal import BankState, ChainTime
from psyche_cli.localnet.storage.ledger_lines import (
    FORMAT,
    FORMAT_DIGEST,
    FORMAT_LINE,
    read_account,
    read_record,
    unseal,
)

_ANY_FORMAT: Final = re.compile(rb"psyche-cli ledger, format (\d{1,9})\n")
_FORMAT_1: Final = re.compile(rb'[0-9a-f]{8} \{"format":1,')
_LONGEST_FIRST_LINE: Final = 100
_BLOCK_BYTES: Final = 1 << 20
_RESTORE_OR_RESET: Final = "Restore the file from a backup, or discard the chain and start a new one with --reset."


@dataclass(frozen=True)
class StoredChain:
    """The content of a ledger: the state, and an upper bound of the time that the chain reached."""

    genesis_hash: Hash
    until: ChainTime
    state: BankState


@dataclass(frozen=True)
class Damage:
    """The start of the damage in a journal: line (from 1), byte offset, and the size of the rest of the file.

    ``torn`` means that the rest is a single incomplete line, as left by a kill or a power failure.
    """

    line: int
    offset: int
    bytes_after: int
    lines_after: int
    torn: bool


@dataclass(frozen=True)
class LedgerContent:
    """The content of a ledger file.

    ``end`` is the offset of the next line, which overwrites a closing line, and ``digest`` is the checksum of the line
    before it; ``base_end`` is the offset of the journal. ``replaces`` holds the fingerprints of the files that this
    file replaced.
    """

    path: Path
    chain: StoredChain
    closed: bool
    damage: Damage | None
    end: int
    digest: bytes
    base_end: int
    replaces: list[Json]


def read_ledger(path: Path) -> LedgerContent:
    """Read a file up to its end or to the first damage. Raises LocalnetError, for example for an incomplete base."""
    try:
        with path.open("rb") as file:
            first = file.readline(_LONGEST_FIRST_LINE)
            if first != FORMAT_LINE:
                raise _other_format(path, first)
            content = _Content(path)
            number, end, digest, base_end = 1, len(first), FORMAT_DIGEST, 0
            closing_bytes = 0
            for line in file:
                unsealed = None if closing_bytes else unseal(line, digest)
                if unsealed is None:
                    break
                number += 1
                content.take(unsealed[0], number)
                if content.closed:
                    closing_bytes = len(line)
                    continue
                digest = unsealed[1]
                end += len(line)
                base_end = base_end or (end if content.has_base else 0)
            content.require_base(number + 1)
            damage = _damage(file, number + 1, end + closing_bytes)
    except OSError as error:
        raise LocalnetError(
            f"Cannot read the ledger {path}: {error.strerror}.",
            hint="Fix its permissions, restore it, or choose another directory with --ledger.",
            path=str(path),
        ) from error
    return LedgerContent(
        path, content.stored_chain(), content.closed, damage, end, digest, base_end, content.header["replaces"]
    )


def _damage(file: BinaryIO, line: int, offset: int) -> Damage | None:
    size = file.seek(0, os.SEEK_END)
    if offset == size:
        return None
    file.seek(offset)
    newlines = sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK_BYTES), b""))
    file.seek(size - 1)
    unfinished = file.read(1) != b"\n"
    return Damage(line, offset, size - offset, newlines + unfinished, torn=newlines == 0)


class _Content:
    """The content of the intact lines read so far."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.header: Json = None
        self.closed = False
        self._genesis_hash = Hash.default()
        self._accounts: dict[Pubkey, Account] = {}
        self._records: list[TransactionRecord] = []
        self._until = ChainTime(0, 0, 0, 0)
        self._total = 0
        self.has_base = False

    def take(self, text: bytes, number: int) -> None:
        """Add the text of an intact line. Raises LocalnetError if it is invalid at this point."""
        try:
            self._take(json.loads(text))
        except Exception as error:  # base64, zstandard and solders raise various exceptions
            raise LocalnetError(
                f"Line {number} of the ledger {self._path} is intact but cannot be decoded "
                f"({type(error).__name__}: {error}).",
                hint="Use the version of psyche-cli that wrote it, or start a new chain with --reset.",
                path=str(self._path),
                line=number,
            ) from error

    def _take(self, line: Json) -> None:
        if "until" in line:
            self._until = ChainTime(*line["until"])
        if self.header is None:
            self.header = {name: line[name] for name in ("total", "accounts", "transactions", "replaces")}
            self._genesis_hash = Hash.from_string(line["genesis"])
            self._total = line["total"]
            return
        if "transaction" in line:
            self._records.append(read_record(line["transaction"]))
            self._total += self.has_base
        for written in line.get("accounts", ()):
            address, account = read_account(written)
            if account is None:
                self._accounts.pop(address, None)
            else:
                self._accounts[address] = account
        if "base" in line:
            if self._counts() != (self.header["accounts"], self.header["transactions"]):
                raise ValueError("the base does not match the counts in its header")
            self.has_base = True
        self.closed = "closed" in line

    def _counts(self) -> tuple[int, int]:
        return len(self._accounts), len(self._records)

    def require_base(self, damaged_line: int) -> None:
        """Raise LocalnetError unless the base is complete; ``damaged_line`` is the first line that is not intact."""
        if self.has_base:
            return
        reason = f"line {damaged_line} is missing, corrupt or out of order"
        if self.header is not None:
            accounts, transactions = self._counts()
            reason += (
                f", after {accounts} of {self.header['accounts']} accounts "
                f"and {transactions} of {self.header['transactions']} transactions"
            )
        raise LocalnetError(
            f"The base state of the ledger {self._path} is incomplete: {reason}. Nothing was changed.",
            hint=_RESTORE_OR_RESET,
            path=str(self._path),
            line=damaged_line,
        )

    def stored_chain(self) -> StoredChain:
        """The chain that the lines describe."""
        return StoredChain(
            genesis_hash=self._genesis_hash,
            until=self._until,
            state=BankState(
                accounts=self._accounts,
                records=tuple(self._records),
                total=self._total,
                processed=ProcessedMessages(),
                warped_seconds=self._until.warped_seconds,
            ),
        )


def _other_format(path: Path, first: bytes) -> LocalnetError:
    other = _ANY_FORMAT.fullmatch(first)
    if not first:
        message, hint = f"The ledger {path} is empty.", _RESTORE_OR_RESET
    elif other is not None and int(other[1]) > FORMAT:
        message = f"The ledger {path} was written by a newer psyche-cli, in format {int(other[1])}."
        hint = f"Upgrade psyche-cli (this version reads format {FORMAT}), or choose another directory with --ledger."
    elif _FORMAT_1.match(first):
        message = (
            f"The ledger {path} was written by an earlier psyche-cli in format 1, which is no longer supported "
            "because it cannot show whether it is complete."
        )
        hint = "Start a new chain with --reset, or choose another directory with --ledger."
    else:
        message = f"{path} is not a ledger, or its first line is corrupt."
        hint = f"If it is the ledger: {_RESTORE_OR_RESET} Otherwise choose another directory with --ledger."
    return LocalnetError(message, hint=hint, path=str(path))
