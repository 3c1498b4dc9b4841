"""The transactions of a run in words, in a private temporary file, so that memory does not grow with their number."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from psyche_cli.operations.dashboard.documents import TransactionPage, TransactionRow

_COLUMNS: Final = "id, time, slot, signature, by, role, sentence, kind, fee, error"
_TABLE: Final = """
CREATE TABLE rows (
    id INTEGER PRIMARY KEY, time INTEGER, slot INTEGER, signature TEXT, by TEXT, role TEXT, sentence TEXT, kind TEXT,
    fee INTEGER, error TEXT
)
"""
_INDEXES: Final = (
    "CREATE INDEX rows_by_kind ON rows (kind, id)",
    "CREATE INDEX rows_by_signer ON rows (by, id)",
    "CREATE INDEX failed_rows ON rows (id) WHERE error IS NOT NULL",
)
_CACHE_KIB: Final = 2_048


class RowFilter(NamedTuple):
    """Which transactions are wanted: those of a kind, of a wallet, and only failed ones. Empty: all."""

    kind: str = ""
    signer: str = ""
    failed: bool = False


class TransactionLog:
    """Transactions in the order of execution, numbered from 1. For several threads.

    The file is removed by SQLite when the log is closed, and the operating system removes it when the process ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        for statement in (_TABLE, *_INDEXES):
            self._connection.execute(statement)
        self.total = 0

    def close(self) -> None:
        """Remove the log. Later reads find nothing."""
        with self._lock:
            self._connection.close()
            self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._connection.execute(_TABLE)
            self.total = 0

    def add(self, rows: Iterable[TransactionRow]) -> None:
        """Add the next transactions."""
        values = [tuple(getattr(row, name) for name in _COLUMNS.split(", ")) for row in rows]
        with self._lock:
            self._connection.execute("BEGIN")
            self._connection.executemany(f"INSERT INTO rows VALUES ({', '.join('?' * 10)})", values)
            self._connection.execute("COMMIT")
            self.total += len(values)

    def page(self, limit: int, *, before: int | None = None, only: RowFilter | None = None) -> TransactionPage:
        """At most ``limit`` transactions, newest first: those before one with the id ``before``, else the newest."""
        condition, values = _condition(only or RowFilter())
        with self._lock:
            total = self.total
            if values or condition != "1":
                [total] = self._connection.execute(f"SELECT count(*) FROM rows WHERE {condition}", values).fetchone()
            found = self._connection.execute(
                f"SELECT {_COLUMNS} FROM rows WHERE {condition} AND id < ? ORDER BY id DESC LIMIT ?",
                (*values, 1 << 62 if before is None else before, limit),
            ).fetchall()
        return TransactionPage(total, [TransactionRow(*row) for row in found])


def _condition(only: RowFilter) -> tuple[str, Sequence[str]]:
    parts, values = ["1"], []
    for column, value in (("kind", only.kind), ("by", only.signer)):
        if value:
            parts.append(f"{column} = ?")
            values.append(value)
    if only.failed:
        parts.append("error IS NOT NULL")
    return " AND ".join(parts) if len(parts) > 1 else "1", values
