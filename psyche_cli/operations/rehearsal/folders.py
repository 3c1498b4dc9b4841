"""The folders of rehearsals, with their keys and the results that members exchange."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from psyche_cli.rehearsal.settings import FOLDER_PREFIX


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that only its owner can read. It is removed in the end, or by the next rehearsal after a SIGKILL.

    It is locked while it is in use.
    """
    parent = Path(tempfile.gettempdir())
    for abandoned in parent.glob(f"{FOLDER_PREFIX}*"):
        _remove_abandoned(abandoned)
    folder, lock = _new_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _new_folder() -> tuple[Path, int]:
    """A new folder, and its lock. Another rehearsal may remove it before it is locked."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _remove_abandoned(folder: Path) -> None:
    """Remove a folder of this user whose rehearsal has ended without removing it."""
    with suppress(OSError):
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if os.fstat(lock).st_uid == os.geteuid():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
