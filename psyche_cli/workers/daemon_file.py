"""The files by which clients find the daemon of a state folder: daemon.pid and daemon.token."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import NamedTuple

from psyche_cli.errors import DaemonUnavailable
from psyche_cli.workers.engines.holder import process_start
from psyche_cli.workers.service.contract import PROTOCOL_VERSION


class DaemonFile(NamedTuple):
    """The content of daemon.pid: the process, when it was started, and its address as a gRPC target.

    ``protocol`` is the version of its service.
    """

    pid: int
    started: str
    address: str
    protocol: int = PROTOCOL_VERSION

    @property
    def is_alive(self) -> bool:
        """Whether this process still runs. Another process with the same id was started at another time."""
        return process_start(self.pid) == self.started


def read_daemon_file(path: Path) -> DaemonFile | None:
    """The content of daemon.pid; None if there is none, or it is incomplete."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        content = json.loads(path.read_text(encoding="utf-8"))
        found = DaemonFile(int(content["pid"]), str(content["started"]), str(content["address"]))
        return found._replace(protocol=int(content.get("protocol", 1)))  # version 1 did not write it
    return None


def read_token(path: Path) -> str:
    """The owner's token in daemon.token; empty if there is none."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def folder_unusable(folder: Path, error: OSError) -> DaemonUnavailable:
    """The error for a folder of workers that cannot be read or written."""
    return DaemonUnavailable(
        f"The folder {folder} cannot be used: {error.strerror}.",
        hint="Free some space, fix the permissions, or choose another folder with --state-dir.",
    )
