"""Writes downloaded files below a folder. Paths are resolved part by part, so that a symbolic link cannot lead out."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from psyche_cli.errors import DiskFull, FileError, UnsafePath
from psyche_cli.file_locks import lock_if_free
from psyche_cli.operations.files.server_paths import ServerPath

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_LINK: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class TargetFolder:
    """A folder that is created when the first file is written. ``path`` is absolute.

    Raises FileError, DiskFull and UnsafePath.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.realpath(path))  # Path.resolve fails for loops of links until Python 3.13

    @property
    def is_empty(self) -> bool:
        """Whether the folder is empty or does not exist. Raises FileError if it is not a folder."""
        try:
            with os.scandir(self.path) as entries:
                return next(entries, None) is None
        except FileNotFoundError:
            return True
        except OSError as error:
            raise _failure(error, "read", self.path) from error

    @contextmanager
    def file(self, path: ServerPath) -> Iterator[TargetFile]:
        """A file below the folder. Missing folders are created."""
        shown = self.path / path.text
        opened: list[int] = []
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            opened.append(os.open(self.path, _FOLDER))
            for part in path.parts[:-1]:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=opened[-1])
                opened.append(os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=opened[-1]))
        except OSError as error:
            _close(opened)
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise _not_a_folder(shown, path) from error
            raise _failure(error, "write", shown) from error
        try:
            yield TargetFile(opened[-1], path, shown)
        finally:
            _close(opened)


class TargetFile:
    """One file, whose incomplete content is kept under the name ``partial``. ``shown`` is its path."""

    def __init__(self, folder: int, path: ServerPath, shown: Path) -> None:
        self._folder = folder
        self._name = path.parts[-1]
        self.partial = path.partial_name
        self.path = path
        self.shown = shown

    def existing(self) -> os.stat_result | None:
        """The status of the complete file, if it exists. Raises UnsafePath for anything but a regular file."""
        return self._status(self._name)

    @property
    def partial_size(self) -> int:
        """The size of the incomplete file; 0 if there is none."""
        found = self._status(self.partial)
        return 0 if found is None else found.st_size

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the complete file to read it."""
        with self._translated("read"), os.fdopen(self._opened(self._name, os.O_RDONLY), "rb") as file:
            yield file

    @contextmanager
    def open_partial(self) -> Iterator[BinaryIO]:
        """Open the incomplete file to read and write it, and lock it. It is created if it does not exist.

        Raises FileError if another process has locked it.
        """
        with self._translated("write"):
            descriptor = self._opened(self.partial, os.O_RDWR | os.O_CREAT)
            if os.fstat(descriptor).st_nlink != 1:  # writing would change another file, too
                os.close(descriptor)
                os.unlink(self.partial, dir_fd=self._folder)
                descriptor = self._opened(self.partial, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            with os.fdopen(descriptor, "r+b") as file:
                if not lock_if_free(file.fileno()):
                    raise FileError(
                        f"Another process is downloading {self.shown}.",
                        hint="Wait for it, or choose another folder.",
                        path=str(self.shown),
                    )
                yield file
                file.flush()

    def check_space(self, needed: int) -> None:
        """Raise DiskFull if there is not enough space for more bytes."""
        status = os.fstatvfs(self._folder)
        free = status.f_bavail * status.f_frsize
        if needed > free:
            raise DiskFull(
                f"Not enough space for {self.shown}: it needs {needed} more bytes, and {free} are free.",
                path=str(self.shown),
                needed=needed,
                free=free,
            )

    def finish(self, file: BinaryIO) -> os.stat_result:
        """Write the incomplete file to disk and give it its final name, replacing an existing file."""
        with self._translated("write"):
            file.flush()
            os.fsync(file.fileno())
            os.replace(self.partial, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            return os.fstat(file.fileno())

    def _status(self, name: str) -> os.stat_result | None:
        try:
            status = os.stat(name, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failure(error, "read", self.shown) from error
        if not stat.S_ISREG(status.st_mode):
            raise self._not_a_file(name)
        return status

    def _opened(self, name: str, flags: int) -> int:
        try:
            descriptor = os.open(name, flags | _NO_LINK, 0o666, dir_fd=self._folder)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise self._not_a_file(name) from error
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise self._not_a_file(name)
        return descriptor

    def _not_a_file(self, name: str) -> UnsafePath:
        shown = self.shown.with_name(name)
        return UnsafePath(
            f"{shown} is a link, a folder or a special file, which a download does not replace.",
            hint="Remove it, or choose another folder.",
            path=self.path.text,
        )

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _failure(error, doing, self.shown) from error


def _not_a_folder(shown: Path, path: ServerPath) -> UnsafePath:
    return UnsafePath(
        f"Cannot write {shown}: part of its path is a link or a file, not a folder.",
        hint="Remove it, or choose another folder.",
        path=path.text,
    )


def _failure(error: OSError, doing: str, path: Path) -> FileError:
    """The error for an exception of the file system."""
    reason = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return DiskFull(f"Cannot {doing} {path}: {reason}.", hint="Free some space.", path=str(path))
    return FileError(f"Cannot {doing} {path}: {reason}.", path=str(path))


def _close(descriptors: list[int]) -> None:
    for descriptor in reversed(descriptors):
        os.close(descriptor)
