"""Helpers for files of SQLite."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator


@contextlib.contextmanager
def all_or_nothing(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """A write transaction of SQLite, which is rolled back if an exception is raised in it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # not if SQLite has already rolled it back, as for a full disk
            connection.execute("ROLLBACK")
        raise


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether a file of SQLite has no tables."""
    [count] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(count == 0)
