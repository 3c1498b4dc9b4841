"""Where commands under test keep their state: in memory if possible, because the journal syncs every record to disk."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")


def state_home(home: Path) -> Path:
    """The folder to use as XDG_STATE_HOME for a test with this home directory."""
    memory = _folder(os.getpid())
    return home / ".state" if memory is None else memory / str(home).strip("/").replace("/", "-")


@functools.cache
def _folder(process: int) -> Path | None:
    if not os.access(_MEMORY, os.W_OK):
        return None
    folder = Path(tempfile.mkdtemp(prefix=f"psyche-cli-tests-{process}-", dir=_MEMORY))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
