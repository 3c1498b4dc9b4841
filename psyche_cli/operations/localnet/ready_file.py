"""``localnet --ready-file``: a file that exists while the validator is ready and contains its URLs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from psyche_cli.errors import LocalnetError, UsageError
from psyche_cli.operations.localnet.ready_data import ReadyData

_LARGEST_FILE: Final = 64 * 1024


class ReadyFile:
    """A ready file that ``publish`` moves to its path atomically.

    The process keeps a lock on the file, which distinguishes it from the leftover file of a killed process.
    """

    def __init__(self, path: Path, descriptor: int, hidden: Path) -> None:
        self._path = path
        self._descriptor = descriptor
        self._hidden = hidden

    def publish(self, text: str) -> None:
        """Write ``text`` and a newline, and move the file to its path. Raises LocalnetError."""
        try:
            with os.fdopen(os.dup(self._descriptor), "w", encoding="utf-8") as file:
                file.write(text + "\n")
            self._hidden.replace(self._path)
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def close(self) -> None:
        """Remove the file, unless another file has replaced it."""
        for path in (self._path, self._hidden):
            _remove_if_same(path, self._descriptor)
        os.close(self._descriptor)


@contextmanager
def reserve_ready_file(path: Path | None) -> Iterator[ReadyFile | None]:
    """Context manager for a ready file at ``path``, which is removed at the end; yields None if ``path`` is None.

    Removes the leftover file of a killed validator. Raises UsageError if another kind of file exists there, and
    LocalnetError if a running validator uses the file or it cannot be written.
    """
    if path is None:
        yield None
        return
    _clear(path)
    try:
        descriptor, hidden = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    file = ReadyFile(path, descriptor, Path(hidden))
    try:
        yield file
    finally:
        file.close()


def _clear(path: Path) -> None:
    """Remove the leftover ready file of a killed validator; raise an error for any other existing file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        if _content(descriptor) is None:
            raise UsageError(
                f"{path} already exists, but is not a ready file, and will not be overwritten.",
                hint="Choose another path with --ready-file.",
                path=str(path),
            )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LocalnetError(
                f"The ready file {path} is in use by another local validator.",
                hint="Stop it, or choose another path with --ready-file.",
                path=str(path),
            ) from error
        _remove_if_same(path, descriptor)
    finally:
        os.close(descriptor)


def read_ready_file(path: Path) -> ReadyData | None:
    """The running validator whose ready file this is; None if there is no file, or if a killed validator left it.

    Raises UsageError for a file of another kind, and LocalnetError if it cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LocalnetError(f"Cannot read the ready file {path}: {error.strerror}.", path=str(path)) from error
    try:
        content = _content(descriptor)
        data = None if content is None else content.get("data")
        if not isinstance(data, dict) or not all(
            isinstance(data.get(name), kind) for name, kind in (("rpc_url", str), ("ws_url", str), ("pid", int))
        ):
            raise UsageError(f"{path} is not a ready file of a local validator.", path=str(path))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return ReadyData(rpc_url=data["rpc_url"], ws_url=data["ws_url"], pid=data["pid"])
        return None
    finally:
        os.close(descriptor)


def _content(descriptor: int) -> dict[str, Any] | None:
    """The document in a ready file; None for a file of another kind."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return None
    try:
        content = json.loads(os.read(descriptor, _LARGEST_FILE))
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and content.get("command") == "localnet" else None


def _remove_if_same(path: Path, descriptor: int) -> None:
    with contextlib.suppress(OSError):
        if os.path.samestat(path.stat(), os.fstat(descriptor)):
            path.unlink()


def _unwritable(path: Path, error: OSError) -> LocalnetError:
    return LocalnetError(f"Cannot write the ready file {path}: {error.strerror}.", path=str(path))
