"""Reading and checking a ledger file at the start.

Everything but the archived transactions is read, and the indexes are compared with their digests. So whatever is
missing, repeated, changed or outdated in the file is found here, or, in a transaction, when it is read.
"""

from __future__ import annotations

import sqlite3
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.errors import LocalnetError
from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.localnet.storage.checksums import checksum, sql_pair_digest, unsealed
from psyche_cli.localnet.storage.ledger_change import account_digest
from psyche_cli.localnet.storage.ledger_file import APPLICATION, FORMAT
from psyche_cli.localnet.storage.ledger_state import LedgerHeader, LedgerState, SetDigest
from psyche_cli.localnet.storage.rows import (
    block_key,
    details_key,
    read_account,
    read_block,
    read_record,
    slot_of,
    summary_key,
)

RESTORE_OR_RESET: Final = "Restore the ledger from a backup, or discard the chain and start a new one with --reset."

_MAGIC: Final = b"SQLite format 3\0"


@dataclass(frozen=True)
class LedgerContent:
    """The content of a ledger file, except for the archived transactions.

    ``accounts`` has None for accounts of genesis that were removed. ``recent`` are the transactions that are not in the
    indexes yet, by number, with their blocks.
    """

    header: LedgerHeader
    state: LedgerState
    accounts: dict[Pubkey, Account | None]
    recent: list[tuple[int, TransactionRecord, Block]]


class _Damaged(Exception):
    """The file is damaged. The text is a clause with the reason."""


def read_ledger(path: Path, *, has_log: bool) -> LedgerContent:
    """Read a file, which is not changed; ``has_log`` if there is a write-ahead log. Raises LocalnetError."""
    try:
        _require_file(path)
        # Without a log, SQLite need not create one to read the file.
        uri = f"{path.resolve().as_uri()}?{'mode=ro' if has_log else 'immutable=1'}"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        try:
            _require_ledger(connection, path)
            return _read(connection)
        finally:
            connection.close()
    except OSError as error:
        raise LocalnetError(
            f"Cannot read the ledger {path}: {error.strerror}.",
            hint="Fix its permissions, restore it, or choose another directory with --ledger.",
            path=str(path),
        ) from error
    except (sqlite3.DatabaseError, UnicodeDecodeError, _Damaged) as error:  # or the text of a damaged schema
        raise LocalnetError(
            f"The ledger {path} is damaged: {error}. Nothing was changed.", hint=RESTORE_OR_RESET, path=str(path)
        ) from error


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise LocalnetError(
            f"The ledger {path} is not a regular file.",
            hint="Move it elsewhere, or choose another directory with --ledger.",
            path=str(path),
        )
    with path.open("rb") as file:
        beginning = file.read(len(_MAGIC))
    if beginning != _MAGIC:
        raise _not_a_ledger(path, "is not a ledger, or its beginning is damaged" if beginning else "is empty")


def _not_a_ledger(path: Path, reason: str) -> LocalnetError:
    return LocalnetError(
        f"{path} {reason}. Nothing was changed.",
        hint=f"If it is the ledger: {RESTORE_OR_RESET} Otherwise choose another directory with --ledger.",
        path=str(path),
    )


def _require_ledger(connection: sqlite3.Connection, path: Path) -> None:
    [application] = connection.execute("PRAGMA application_id").fetchone()
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        raise _not_a_ledger(path, "is not a ledger, or its beginning is damaged")
    if version != FORMAT:
        raise LocalnetError(
            f"The ledger {path} was written by another version of psyche-cli, in format {version}.",
            hint=f"Use that version (this one reads format {FORMAT}), or choose another directory with --ledger.",
            path=str(path),
        )


def _read(connection: sqlite3.Connection) -> LedgerContent:
    for table in ("accounts", "signatures", "addresses", "blocks"):
        # Rows in a wrong order would be found by reading all of them, but not by looking for one.
        [(problem, *_)] = connection.execute(f"PRAGMA integrity_check({table})").fetchmany(1)
        if problem != "ok":
            raise _Damaged(f"{table}: {problem}")
    header, state = _read_chain(connection)
    accounts = _read_accounts(connection, state)
    for table, key, number, expected in (
        ("signatures", "signature", "number", state.signatures),
        ("addresses", "address", "number", state.addresses),
        ("blocks", "slot", "first", state.blocks),
    ):
        query = f"SELECT count(*), coalesce(sum({sql_pair_digest(key, number)}), 0) FROM {table}"
        _compare(table, SetDigest(*connection.execute(query).fetchone()), expected)
    return LedgerContent(header, state, accounts, _read_recent(connection, state))


def _read_chain(connection: sqlite3.Connection) -> tuple[LedgerHeader, LedgerState]:
    rows = connection.execute("SELECT header, state, checksum FROM chain").fetchall()
    try:
        [(header, state, found)] = rows
        if found != checksum(state, header):
            raise _Damaged("the description of its content is corrupt")
        return LedgerHeader.unpack(header), LedgerState.unpack(state)
    except (ValueError, TypeError, struct.error) as error:
        raise _Damaged("the description of its content is missing or corrupt") from error


def _compare(table: str, found: SetDigest, expected: SetDigest) -> None:
    if found != expected:
        raise _Damaged(
            f"{found.rows:,} of {expected.rows:,} rows of {table} were found"
            if found.rows != expected.rows
            else f"rows of {table} were changed"
        )


def _read_accounts(connection: sqlite3.Connection, state: LedgerState) -> dict[Pubkey, Account | None]:
    accounts: dict[Pubkey, Account | None] = {}
    digest = SetDigest()
    for address, found, content in connection.execute("SELECT address, checksum, content FROM accounts ORDER BY id"):
        if not isinstance(address, bytes) or not isinstance(content, bytes) or found != checksum(address, content):
            raise _Damaged(f"an account is corrupt, after {len(accounts)} of {state.accounts.rows} accounts")
        digest = digest.changed(added=[account_digest(found)])
        accounts[Pubkey(address)] = read_account(content)
    _compare("accounts", digest, state.accounts)
    return accounts


def _read_recent(connection: sqlite3.Connection, state: LedgerState) -> list[tuple[int, TransactionRecord, Block]]:
    blocks: dict[int, Block] = {}
    recent: list[tuple[int, TransactionRecord, Block]] = []
    query = "SELECT number, summary, details FROM transactions WHERE number > ? ORDER BY number"
    for number, *stored in connection.execute(query, (state.indexed,)):
        summary, details = unsealed(stored[0], summary_key(number)), unsealed(stored[1], details_key(number))
        if number != state.indexed + len(recent) + 1 or summary is None or details is None:
            raise _Damaged(f"transaction {state.indexed + len(recent) + 1} is missing or corrupt")
        slot = slot_of(summary)
        if slot not in blocks:
            blocks[slot] = _read_block(connection, slot)
        recent.append((number, read_record(summary, details), blocks[slot]))
    if state.indexed + len(recent) + 1 != state.next_number:
        raise _Damaged(f"transaction {state.indexed + len(recent) + 1} is missing or corrupt")
    return recent


def _read_block(connection: sqlite3.Connection, slot: int) -> Block:
    row = connection.execute("SELECT content, first FROM blocks WHERE slot = ?", (slot,)).fetchone()
    content = None if row is None else unsealed(row[0], block_key(slot, row[1]))
    if content is None:
        raise _Damaged(f"the block of slot {slot} is missing or corrupt")
    return read_block(content)
