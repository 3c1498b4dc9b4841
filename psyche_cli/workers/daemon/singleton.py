"""One daemon per state folder: its lock, its pid file and the owner's token."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from psyche_cli.errors import DaemonRunning
from psyche_cli.file_locks import open_locked
from psyche_cli.workers.daemon_file import DaemonFile, folder_unusable, read_daemon_file, read_token
from psyche_cli.workers.engines.holder import process_start
from psyche_cli.workers.storage.configs import write_private_json
from psyche_cli.workers.storage.layout import PRIVATE_FOLDER, WorkersFolder

_TOKEN_BYTES: Final = 32


class Singleton:
    """The lock of the daemon, which ends with its process. Raises DaemonRunning if another daemon holds it.

    Raises DaemonUnavailable if the folder cannot be written.
    """

    def __init__(self, folder: WorkersFolder) -> None:
        self._folder = folder
        self.previous: DaemonFile | None = None
        """What a daemon that did not end cleanly has left."""
        try:
            folder.path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            folder.path.chmod(PRIVATE_FOLDER)  # the socket is inside
            lock = open_locked(folder.daemon_lock)
            if lock is None:
                raise self._running()
            self._lock = lock
            found = read_daemon_file(folder.daemon_pid)
            self.previous = None if found is None or found.is_alive else found
            self.token = _token(folder.daemon_token)
        except OSError as error:
            raise folder_unusable(folder.path, error) from error

    def publish(self, address: str) -> DaemonFile:
        """Write the pid file: the daemon accepts calls."""
        found = DaemonFile(os.getpid(), process_start(os.getpid()) or "", address)
        try:
            write_private_json(self._folder.daemon_pid, found._asdict())
        except OSError as error:
            raise folder_unusable(self._folder.path, error) from error
        return found

    def close(self, *, keep_file: bool) -> None:
        """Release the lock, and remove the pid file. With ``keep_file``, the next daemon tries to get this address."""
        with contextlib.suppress(OSError):
            if not keep_file:
                self._folder.daemon_pid.unlink()
        os.close(self._lock)

    def _running(self) -> DaemonRunning:
        found = read_daemon_file(self._folder.daemon_pid)
        return DaemonRunning(
            f"A worker daemon already runs for {self._folder.path.parent}.",
            hint="It is used by all commands with this state folder. Another folder can be chosen with --state-dir.",
            pid=None if found is None else found.pid,
            address=None if found is None else found.address,
        )


def _token(path: Path) -> str:
    """The owner's token, which is created when it is first needed."""
    if token := read_token(path):
        return token
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    hidden = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{token}\n")
    hidden.replace(path)
    return token
