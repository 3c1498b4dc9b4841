"""How much disk space the files of runs use."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

_BLOCK: Final = 512
"""The unit of ``st_blocks`` in bytes."""


def disk_use(*paths: Path) -> int:
    """The bytes that files and folders use on the disk. Links are not followed; what cannot be read is not counted."""
    total = 0
    waiting = [str(path) for path in paths]
    seen: set[tuple[int, int]] = set()
    while waiting:
        path = waiting.pop()
        try:
            status = os.lstat(path)
            if stat.S_ISDIR(status.st_mode):
                waiting += [entry.path for entry in os.scandir(path)]
        except OSError:
            continue
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
        total += status.st_blocks * _BLOCK
    return total
