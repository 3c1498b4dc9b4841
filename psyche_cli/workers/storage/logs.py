"""Reads and limits the logs of workers. A worker appends to its log, which a limit may empty at any moment."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Final

from psyche_cli.workers.storage.layout import RunFolder

MOST_LOG_BYTES: Final = 64 << 20
"""The size in bytes above which a log is moved aside."""
_PART: Final = 1 << 16
_MOST_LINE: Final = 1 << 16
_EARLIER: Final = ".1"


class LogReader:
    """Reads the lines of a log, and those that are added later. A log that does not exist yet is empty."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""

    def last(self, count: int) -> list[str]:
        """The last lines of the log, at most ``count``. The next call of ``more`` continues after them."""
        kept: list[str] = []
        while lines := self.more():
            kept = (kept + lines)[-count:] if count else []
        return kept

    def more(self, *, whole: bool = False) -> list[str]:
        """The next complete lines, in parts of 64 KiB. With ``whole``, also the beginning of an incomplete one.

        A line that is longer than that is divided. Continues at the beginning if the log has become shorter.
        """
        try:
            with self._path.open("rb") as file:
                if self._offset > os.fstat(file.fileno()).st_size:
                    self._offset, self._rest = 0, b""
                file.seek(self._offset)
                part = file.read(_PART)
        except FileNotFoundError:
            part = b""
        self._offset += len(part)
        *lines, self._rest = (self._rest + part).split(b"\n")
        if self._rest and (len(self._rest) > _MOST_LINE or (whole and not part)):
            lines.append(self._rest)
            self._rest = b""
        if not lines and part:
            return self.more(whole=whole)
        return [line.decode(errors="replace").removesuffix("\r") for line in lines]


def limit_logs(folder: RunFolder, most_bytes: int = MOST_LOG_BYTES) -> None:
    """Move the content of logs that are larger than ``most_bytes`` to a file with the suffix ``.1``, and empty them.

    The workers keep appending to the same files. A line that is written at this moment may be lost.
    """
    for log in folder.logs.glob("*.log"):
        with contextlib.suppress(OSError):
            if log.stat().st_size > most_bytes:
                earlier = log.with_name(log.name + _EARLIER)
                shutil.copyfile(log, earlier)
                os.truncate(log, 0)
