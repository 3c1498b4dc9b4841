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

from psyche_cli.environment import Clock
from psyche_cli.errors import ApplyRunning, JournalError
from psyche_cli.file_locks import open_locked
from psyche_cli.solana.rpc.deadline import Deadline

_FOLDER: Final = "applying"


_PATIENCE: Final = 60.0
"""How long to wait for a lock that was released for a while, in seconds: a scheduled check holds it for moments."""


@contextmanager
def applying(folder: Path, run_id: str) -> Iterator[RunLock]:
    """Hold the lock of a run, in the state folder. The operating system releases it when the process ends.

    Raises ApplyRunning if another process holds it, and JournalError if the folder cannot be used.
    """
    lock = RunLock(folder, run_id)
    lock.take()
    try:
        yield lock
    finally:
        lock.release()


class RunLock:
    """The lock of a run, which this process may hold."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self._folder = folder
        self._run_id = run_id
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take the lock. Raises ApplyRunning if another process holds it, and JournalError."""
        path = self._folder / _FOLDER / hashlib.sha256(self._run_id.encode()).hexdigest()
        try:
            self._descriptor = open_locked(path)
        except OSError as error:
            reason = error.strerror or "invalid path"
            raise JournalError(
                f"Cannot use the state folder {self._folder}: {reason}. Nothing was sent.",
                hint="Choose another folder with --state-dir.",
            ) from error
        if self._descriptor is None:
            raise ApplyRunning(
                f"Another apply, or a scheduled operation, of run {self._run_id!r} is running on this computer.",
                hint="Nothing was sent. Wait until it has ended.",
                run_id=self._run_id,
            )

    def release(self) -> None:
        """Release the lock if this process holds it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @contextmanager
    def released(self, clock: Clock) -> Iterator[None]:
        """A context in which other processes may take the lock; at its end, this one waits for it.

        Raises ApplyRunning if that takes too long. If the context ends with an exception, the lock stays released.
        """
        self.release()
        yield
        limit = Deadline(clock, _PATIENCE)
        while True:
            try:
                return self.take()
            except ApplyRunning:
                if limit.passed:
                    raise
                clock.sleep(1.0)
