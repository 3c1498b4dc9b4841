"""Reading archives, which may come from anyone: sizes are checked before anything is read, and no file is extracted."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from psyche_cli.errors import ArchiveDamaged, ArchiveError, ArchiveTooNew, HistoryError, InvalidRunId
from psyche_cli.json_values import STRICT_DECODER
from psyche_cli.operations.archives.format import (
    FORMAT,
    HIGHEST_RATIO,
    LARGEST_MANIFEST,
    LARGEST_MEMBER,
    LONGEST_LINE,
    MANIFEST,
    MEMBERS,
    Manifest,
    read_manifest,
)
from psyche_cli.protocol.addresses import check_run_id

_END: Final = struct.Struct("<4sHHHHIIH")
"""The end record of a ZIP file: signature, numbers of disks and entries, and the size of the table of contents."""
_END_SIGNATURE: Final = b"PK\5\6"
_LARGEST_TABLE: Final = 1 << 16
_MOST_FILES: Final = 64
_ENCRYPTED: Final = 1
_CHUNK: Final = 1 << 16

_Record = TypeVar("_Record")


class ArchiveFile:
    """An open archive. Methods raise ArchiveDamaged and ArchiveError.

    The constructor also raises ArchiveTooNew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.damage_reported():
            _check_end(path)
            self._zip = zipfile.ZipFile(path)
        try:
            with self.damage_reported():
                self._check_table()
                self.manifest = self._read_manifest()
                self._check_sizes()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def records(self, name: str, read: Callable[[Any], _Record]) -> Iterator[_Record]:
        """The records of a member, each as ``read`` returns it, which may raise ValueError, TypeError or LookupError.

        The checksum is compared after the last record, so nothing may be done with any of them before.
        """
        with self.damage_reported(name):
            for line in self._lines(name):
                yield read(STRICT_DECODER.decode(line.decode()))

    @contextmanager
    def damage_reported(self, name: str = "") -> Iterator[None]:
        """A context in which everything that damaged bytes can raise becomes ArchiveDamaged."""
        part = f"its member {name}: " if name else ""
        try:
            yield
        except HistoryError:
            raise
        except (
            *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError),  # of the ZIP file
            *(ValueError, TypeError, LookupError, OverflowError, InvalidRunId),  # of what is in it
        ) as error:
            raise self.damaged(f"{part}{_reason(error)}") from error
        except OSError as error:
            if error.errno == errno.EINVAL:  # a place before the beginning of the file
                raise self.damaged(f"{part}it is incomplete") from error
            raise ArchiveError(
                f"The archive {self.path} cannot be read: {error.strerror or error}.", path=str(self.path)
            ) from error

    def damaged(self, reason: str) -> ArchiveDamaged:
        """The error for a damaged archive."""
        return ArchiveDamaged(
            f"{self.path} is not an archive of a run, or it is damaged: {reason}.",
            hint="Get another copy of the file, which `psyche-cli history export` writes.",
            path=str(self.path),
        )

    def _lines(self, name: str) -> Iterator[bytes]:
        member, digest = self.manifest.members[name], hashlib.sha256()
        with self._zip.open(name) as file:
            while line := file.readline(LONGEST_LINE):
                digest.update(line)
                if not line.endswith(b"\n"):
                    raise ValueError("a line is too long or incomplete")
                yield line
        if digest.hexdigest() != member.sha256:
            raise ValueError("its checksum is wrong")

    def _check_table(self) -> None:
        """Refuse what no archive contains, before anything is decompressed."""
        names = [info.filename for info in self._zip.infolist()]
        if unknown := [name for name in names if name not in (MANIFEST, *MEMBERS)]:
            raise ValueError(f"it contains the file {unknown[0][:100]!r}, which archives do not have")
        if len({*names}) < len(names):
            raise ValueError("it contains a file twice")
        if MANIFEST not in names:
            raise ValueError(f"it does not contain the file {MANIFEST}")
        for info in self._zip.infolist():
            if info.flag_bits & _ENCRYPTED != 0 or info.compress_type != zipfile.ZIP_DEFLATED:
                raise ValueError(f"its file {info.filename} is encrypted or compressed in an unknown way")
            if info.file_size > LARGEST_MEMBER or info.file_size > max(info.compress_size, 1) * HIGHEST_RATIO:
                raise ValueError(f"its file {info.filename} would be too large when decompressed")

    def _read_manifest(self) -> Manifest:
        with self._zip.open(MANIFEST) as file:
            content = file.read(LARGEST_MANIFEST + 1)
        if len(content) > LARGEST_MANIFEST:
            raise ValueError("its manifest is too large")
        value = STRICT_DECODER.decode(content.decode())
        version = value["format"]
        if type(version) is not int or version < 1:
            raise ValueError("its manifest has no valid version")
        if version > FORMAT:
            raise ArchiveTooNew(
                f"The archive {self.path} was written by a newer psyche-cli: it has version {version}, and this one "
                f"knows versions up to {FORMAT}.",
                hint="Update psyche-cli.",
                path=str(self.path),
                version=version,
                supported=FORMAT,
            )
        manifest = read_manifest(value)
        check_run_id(manifest.run_id)
        return manifest

    def _check_sizes(self) -> None:
        sizes = {info.filename: info.file_size for info in self._zip.infolist() if info.filename != MANIFEST}
        if sizes != {name: member.size for name, member in self.manifest.members.items()}:
            raise ValueError("its files are not those of its manifest")


def _check_end(path: Path) -> None:
    """Refuse a table of contents that is larger than that of an archive, because it is read as a whole."""
    with open(path, "rb", opener=_opened) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is not a regular file")
        file.seek(0, os.SEEK_END)
        file.seek(max(file.tell() - _END.size, 0))
        end = file.read(_END.size)
    if len(end) < _END.size or not end.startswith(_END_SIGNATURE):
        raise ValueError("it does not end like a ZIP file")
    _, _, _, _, entries, size, _, _ = _END.unpack(end)
    if entries > _MOST_FILES or size > _LARGEST_TABLE:
        raise ValueError("it contains more files than archives have")


def _opened(path: str, flags: int) -> int:
    """Open a file without waiting for the writer of a named pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def _reason(error: Exception) -> str:
    if isinstance(error, InvalidRunId):
        return "it has an invalid run id"
    if isinstance(error, KeyError):
        return f"{str(error)[:100]} is missing"
    if isinstance(error, RecursionError):
        return "its values are nested too deeply"
    return (str(error) or type(error).__name__).rstrip(".")[:300]
