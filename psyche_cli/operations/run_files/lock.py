"""A lock, so that no two processes on this computer apply a file to the same run, or act on a schedule, at once.

Each would read the run before the other has changed it, and a vault might receive twice what it lacks.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from psyche_cli.errors import ApplyRunning, JournalError
from psyche_cli.file_locks import open_locked

_FOLDER: Final = "applying"


@contextmanager
def applying(folder: Path, run_id: str) -> Iterator[None]:
    """Hold the lock of a run, in the state folder. The operating system releases it when the process ends.

    Raises ApplyRunning if another process holds it, and JournalError if the folder cannot be used.
    """
    path = folder / _FOLDER / hashlib.sha256(run_id.encode()).hexdigest()
    try:
        lock = open_locked(path)
    except OSError as error:
        reason = error.strerror or "invalid path"
        raise JournalError(
            f"Cannot use the state folder {folder}: {reason}. Nothing was sent.",
            hint="Choose another folder with --state-dir.",
        ) from error
    if lock is None:
        raise ApplyRunning(
            f"Another apply, or a scheduled operation, of run {run_id!r} is running on this computer.",
            hint="Nothing was sent. Wait until it has ended.",
            run_id=run_id,
        )
    try:
        yield
    finally:
        os.close(lock)
