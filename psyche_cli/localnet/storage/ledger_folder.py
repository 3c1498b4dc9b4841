"""The folder of a ledger: its lock and its files, with their atomic replacement.

``ledger-N.jsonl`` with the highest N is the ledger. A new file replaces earlier ones only once it is complete and
synced to disk. It lists the files that it replaces by fingerprint, so that no other file is mistaken for a leftover.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final

from psyche_cli.errors import LocalnetError
from psyche_cli.json_values import Json
from psyche_cli.localnet.storage.ledger_lines import FORMAT_DIGEST, FORMAT_LINE, seal

_FINGERPRINT_BYTES: Final = 4096


class LedgerFile:
    """An append-only file; an appended line survives a kill of the process."""

    def __init__(self, descriptor: int, size: int, digest: bytes) -> None:
        """A file whose first ``size`` bytes are complete lines, the last of which has the checksum ``digest``."""
        self._descriptor = descriptor
        self._digest = digest
        self._torn = True
        self.size = size
        """The size of the complete lines, in bytes."""

    @classmethod
    def create(cls, path: Path) -> LedgerFile:
        """Create a file that contains the format line, replacing an existing file. Raises OSError."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        file = cls(descriptor, 0, FORMAT_DIGEST)
        try:
            file._write(FORMAT_LINE)
        except OSError:
            os.close(descriptor)
            raise
        return file

    @classmethod
    def reopen(cls, path: Path, size: int, digest: bytes) -> LedgerFile:
        """Open an existing file to continue after its first ``size`` bytes. Raises OSError."""
        return cls(os.open(path, os.O_WRONLY | os.O_APPEND), size, digest)

    def append(self, content: Json) -> None:
        """Append one line. Raises OSError, in which case the file is unchanged."""
        line, digest = seal(content, self._digest)
        if self.is_deleted():
            raise OSError(0, "its file was deleted")
        self._write(line)
        self._digest = digest

    def _write(self, line: bytes) -> None:
        if self._torn:
            self._cut_to_whole_lines()
        try:
            view = memoryview(line)
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            self._torn = True
            with contextlib.suppress(OSError):
                self._cut_to_whole_lines()
            raise
        self.size += len(line)

    def _cut_to_whole_lines(self) -> None:
        os.ftruncate(self._descriptor, self.size)
        self._torn = False

    def is_deleted(self) -> bool:
        """Whether the file has been deleted, so that further lines would be lost."""
        return os.fstat(self._descriptor).st_nlink == 0

    def sync(self) -> None:
        """Sync the file to disk. Raises OSError."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class LedgerFolder:
    """A ledger folder, locked for this process."""

    def __init__(self, path: Path) -> None:
        """Create the folder if necessary and lock it. Raises LocalnetError."""
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise unusable(path, error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise LocalnetError(
                f"The ledger {path} is in use by another local validator.",
                hint="Stop it, or choose another directory with --ledger.",
                path=str(path),
            ) from error

    def files(self) -> list[tuple[int, Path]]:
        """The ledger files with their numbers, the newest last.

        Raises LocalnetError for a pipe, socket or device among them: opening one may block forever.
        """
        found = []
        for path in self.path.glob("ledger-*.jsonl"):
            number = path.stem.removeprefix("ledger-")
            if number.isascii() and number.isdecimal():
                if path.exists() and not (path.is_file() or path.is_dir()):
                    raise LocalnetError(
                        f"The ledger {path} is not a regular file.",
                        hint="Move it elsewhere, or choose another directory with --ledger.",
                        path=str(path),
                    )
                found.append((int(number), path))
        return sorted(found)

    def file(self, number: int) -> Path:
        """The path of the ledger file with this number."""
        return self.path / f"ledger-{number}.jsonl"

    def fingerprints(self, paths: Iterable[Path]) -> list[Json]:
        """The name, the size in bytes and a digest of the end of each existing file. Raises OSError."""
        return [_fingerprint(path) for path in paths if path.exists()]

    def require_leftovers(self, paths: Iterable[Path], newest: Path, replaces: list[Json]) -> None:
        """Raise LocalnetError if one of ``paths`` is not a file that ``newest`` replaced."""
        for path in paths:
            try:
                replaced = _fingerprint(path) in replaces
            except OSError as error:
                raise unusable(self.path, error) from error
            if not replaced:
                raise LocalnetError(
                    f"The ledger directory {self.path} contains more than one chain: {newest.name} did not replace "
                    f"{path.name}. Nothing was changed.",
                    hint="Move the chain that you do not want to continue to another directory.",
                    path=str(self.path),
                )

    def replace(self, number: int, lines: Iterable[Json], replaced: Iterable[Path]) -> LedgerFile:
        """Write the complete ledger file ``number``, sync it, and only then remove the files that it replaces.

        Raises OSError, in which case the folder is unchanged.
        """
        path = self.file(number)
        draft = path.with_suffix(".draft")
        file: LedgerFile | None = None
        try:
            file = LedgerFile.create(draft)
            for line in lines:
                file.append(line)
            file.sync()
            draft.rename(path)
        except BaseException:
            if file is not None:
                file.close()
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise
        self._sync_names()
        self.remove(replaced)
        return file

    def remove(self, replaced: Iterable[Path]) -> None:
        """Delete replaced files. One that cannot be deleted is left for the next start."""
        for old in replaced:
            with contextlib.suppress(OSError):
                old.unlink()

    def set_aside(self, path: Path, offset: int) -> Path:
        """Copy the end of a file, from ``offset``, to a separate file and sync it. Raises LocalnetError."""
        try:
            with path.open("rb") as file:
                file.seek(offset)
                content = file.read()
            copy, attempt = self.path / f"{path.stem}.damaged-from-byte-{offset}", 1
            while copy.exists() and copy.read_bytes() != content:
                attempt += 1
                copy = copy.with_name(f"{path.stem}.damaged-from-byte-{offset}.{attempt}")
            draft = self.path / f"{path.stem}.damaged.draft"
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(copy)
        except OSError as error:
            raise unusable(self.path, error) from error
        self._sync_names()
        return copy

    def _sync_names(self) -> None:
        # Some file systems do not support syncing a folder.
        with contextlib.suppress(OSError):
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def release(self) -> None:
        """Release the lock."""
        os.close(self._lock)


def unusable(folder: Path, error: OSError) -> LocalnetError:
    """The error for a ledger folder that cannot be written."""
    return LocalnetError(
        f"Cannot write to the ledger {folder}: {error.strerror}.",
        hint="Free disk space, fix the permissions, or choose another directory with --ledger.",
        path=str(folder),
    )


def _fingerprint(path: Path) -> Json:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _FINGERPRINT_BYTES))
        return [path.name, size, sha256(file.read()).hexdigest()]
