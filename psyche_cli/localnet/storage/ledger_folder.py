"""The folder of a ledger: its lock, its file, and the atomic replacement of the file."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from psyche_cli.errors import LocalnetError
from psyche_cli.file_locks import open_locked

Result = TypeVar("Result")

_EARLIER_FILES: Final = "ledger-*.jsonl"
"""The files of formats 1 and 2."""


class LedgerFolder:
    """A ledger folder, locked for this process."""

    def __init__(self, path: Path) -> None:
        """Create the folder if necessary and lock it. Raises LocalnetError."""
        self.path = path
        self.file = path / "ledger.sqlite"
        """The ledger; SQLite keeps its newest changes in ``log``."""
        self.log = path / "ledger.sqlite-wal"
        self._index_of_log = path / "ledger.sqlite-shm"
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = open_locked(path / "lock")
        except OSError as error:
            raise unusable(path, error) from error
        if lock is None:
            raise LocalnetError(
                f"The ledger {path} is in use by another local validator.",
                hint="Stop it, or choose another directory with --ledger.",
                path=str(path),
            )
        self._lock = lock

    def log_bytes(self) -> int:
        """The size of the log, in which changes are before they are copied to the file; 0 after a clean shutdown."""
        try:
            return self.log.stat().st_size
        except OSError:
            return 0

    def has_log(self) -> bool:
        """Whether there is a log, because the file was not closed."""
        return self.log_bytes() > 0

    def require_usable(self) -> bool:
        """Whether there is a ledger. Raises LocalnetError for the remains of one, and for one in an earlier format."""
        if os.path.lexists(self.file):
            return True
        if self.has_log():
            raise LocalnetError(
                f"The ledger {self.file} is missing, but {self.log.name} exists. Nothing was changed.",
                hint="Restore the file from a backup, or discard the chain and start a new one with --reset.",
                path=str(self.file),
            )
        if any(self.path.glob(_EARLIER_FILES)):
            raise LocalnetError(
                f"The ledger {self.path} was written by an earlier psyche-cli, in a format that is no longer "
                "supported. Nothing was changed.",
                hint="Start a new chain with --reset, or choose another directory with --ledger.",
                path=str(self.path),
            )
        return False

    def replace(self, write: Callable[[Path], Result]) -> Result:
        """Have ``write`` create a new file, sync it, and replace the existing one by it.

        Returns the result of ``write``. Raises OSError or sqlite3.Error, in which case the folder is unchanged.
        """
        draft = self.path / "ledger.draft"
        try:
            _remove_all(draft)
            result = write(draft)
            _sync(draft)
        except BaseException:
            with contextlib.suppress(OSError):
                _remove_all(draft)
            raise
        # SQLite would apply an old log to the new file.
        for name in (self.log, self._index_of_log):
            name.unlink(missing_ok=True)
        draft.rename(self.file)
        for earlier in self.path.glob(_EARLIER_FILES):
            with contextlib.suppress(OSError):
                earlier.unlink()
        with contextlib.suppress(OSError):  # some file systems do not support syncing a folder
            _sync(self.path)
        return result

    @contextlib.contextmanager
    def without_traces(self) -> Iterator[None]:
        """Afterwards, remove the file that SQLite creates even for reading, to find pages in the log."""
        existed = self._index_of_log.exists()
        try:
            yield
        finally:
            if not existed:
                with contextlib.suppress(OSError):
                    self._index_of_log.unlink(missing_ok=True)

    def set_aside(self, offset: int, size: int) -> Path:
        """Copy a part of the log to a separate file and sync it. Raises LocalnetError."""
        try:
            with self.log.open("rb") as file:
                file.seek(offset)
                content = file.read(size)
            copy, attempt = self.path / f"ledger.damaged-from-byte-{offset}", 1
            while copy.exists() and copy.read_bytes() != content:
                attempt += 1
                copy = copy.with_name(f"ledger.damaged-from-byte-{offset}.{attempt}")
            draft = self.path / "ledger.damaged.draft"
            draft.write_bytes(content)
            _sync(draft)
            draft.rename(copy)
        except OSError as error:
            raise unusable(self.path, error) from error
        return copy

    def release(self) -> None:
        """Release the lock."""
        os.close(self._lock)


def unusable(folder: Path, error: OSError | sqlite3.Error) -> LocalnetError:
    """The error for a ledger folder that cannot be written."""
    return LocalnetError(
        f"Cannot write to the ledger {folder}: {reason_of(error)}.",
        hint="Free disk space, fix the permissions, or choose another directory with --ledger.",
        path=str(folder),
    )


def reason_of(error: OSError | sqlite3.Error) -> str:
    """Why a file cannot be written."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _remove_all(path: Path) -> None:
    for name in (path, path.with_name(f"{path.name}-journal")):
        name.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
