"""Locks of files, which the operating system releases when the process ends, in whatever way."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def lock_if_free(descriptor: int) -> bool:
    """Lock an open file exclusively; False if another process holds a lock on it.

    Raises OSError if the file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def open_locked(path: Path) -> int | None:
    """The descriptor of a lock file, which is locked until it is closed; None if another process holds the lock.

    The file and its folders are created if necessary, for this user only. Raises OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        is_locked = lock_if_free(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    if is_locked:
        return descriptor
    os.close(descriptor)
    return None
