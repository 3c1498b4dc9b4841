"""The file of a run's history: where it is, and opening it."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from psyche_cli.errors import HistoryBusy, HistoryDamaged, HistoryError, HistoryTooNew
from psyche_cli.file_locks import open_locked
from psyche_cli.history.schema import APPLICATION, FORMAT, TABLES
from psyche_cli.protocol.addresses import instance_address
from psyche_cli.protocol.programs import ProgramIds
from psyche_cli.sqlite_files import FileErrors, FileKind, SqliteFile

_FOLDER: Final = "history"
_UNSAFE: Final = re.compile(rb"[^a-z0-9_.-]|^\.")


def history_path(state_folder: Path, genesis_hash: str, run_id: str) -> Path:
    """The file for a run id on the cluster with this genesis hash. It need not exist.

    Characters of the run id other than small letters, digits, ``-``, ``_`` and ``.`` are replaced with ``%`` and two
    hexadecimal digits per byte, as is a ``.`` at the beginning: a file system may not distinguish capital letters.
    """
    name = _UNSAFE.sub(lambda found: b"%%%02x" % found[0][0], run_id.encode()).decode()
    return state_folder / _FOLDER / genesis_hash / f"{name}.sqlite"


class HistoryFile(SqliteFile):
    """The history of a run id on one cluster. May be used by several threads and processes.

    Methods raise HistoryError, HistoryDamaged and HistoryTooNew.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, _KIND)

    def claim(self, run_id: str, genesis_hash: str, programs: ProgramIds) -> None:
        """Record which run the file is about, in a new file. Raises HistoryDamaged if it is about another one."""
        row = (run_id, genesis_hash, *map(str, programs), str(instance_address(run_id, programs)))
        columns = "run_id, genesis_hash, coordinator_program, authorizer_program, treasurer_program, instance"
        with self.writing() as connection:
            found = connection.execute(f"SELECT {columns} FROM run").fetchone()
            if found is None:
                connection.execute(f"INSERT INTO run ({columns}) VALUES (?, ?, ?, ?, ?, ?)", row)
            elif found != row:
                raise sqlite3.DatabaseError("it is about another run")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the history for a sync. The lock ends with the process. Raises HistoryBusy if another one holds it."""
        path = self.path.with_suffix(".lock")
        with _ERRORS.converted(path, "written"):
            lock = open_locked(path)
        if lock is None:
            raise HistoryBusy(
                f"Another process is updating the history {self.path}.",
                hint="Wait until it is done, or use --no-sync.",
                path=str(self.path),
            )
        try:
            yield
        finally:
            os.close(lock)


def _create(connection: sqlite3.Connection) -> None:
    for statement in TABLES:
        connection.execute(statement)


_ERRORS: Final = FileErrors(
    "The history",
    failed=HistoryError,
    damaged=HistoryDamaged,
    too_new=HistoryTooNew,
    if_damaged="Move the file away, with those beside it that end in -wal and -shm; the history is then read again.",
)
_PAGE_BYTES: Final = 16_384
"""The rows are long: in SQLite's default of 4,096, most of a page would be empty, and the file twice as large."""
_KIND: Final = FileKind(APPLICATION, FORMAT, _create, _ERRORS, write_ahead=True, checked=False, page_bytes=_PAGE_BYTES)
