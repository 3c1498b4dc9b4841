"""A lock, so that no two processes on this computer carry out the same schedule of a run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from psyche_cli.errors import JournalError
from psyche_cli.file_locks import open_locked

_FOLDER: Final = "scheduling"


@contextmanager
def sole(folder: Path, name: str, run_id: str) -> Iterator[bool]:
    """Hold the lock of an operation, such as ``schedule tick``, on a run; False if another process holds it.

    It is in the state folder. The operating system releases it when the process ends, in whatever way. Raises
    JournalError if the folder cannot be used.
    """
    path = folder / _FOLDER / hashlib.sha256(f"{name} {run_id}".encode()).hexdigest()
    try:
        lock = open_locked(path)
    except OSError as error:
        raise JournalError(
            f"Cannot use the state folder {folder}: {error.strerror or 'invalid path'}. Nothing was done.",
            hint="Choose another folder with --state-dir.",
        ) from error
    try:
        yield lock is not None
    finally:
        if lock is not None:
            os.close(lock)
