"""Writing archives: the same content always results in the same bytes."""

from __future__ import annotations

import contextlib
import hashlib
import zipfile
from collections.abc import Iterable
from typing import BinaryIO, Final

from psyche_cli.errors import ArchiveError
from psyche_cli.json_values import STRICT_ENCODER, Json
from psyche_cli.operations.archives.format import LARGEST_MEMBER, MANIFEST, Manifest, Member

_TIME: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a ZIP file can record, in place of the current one."""
_UNIX: Final = 3
_MODE: Final = 0o100644 << 16


class ArchiveWriter:
    """Writes the members of an archive to a file, in order. ``members`` are those so far.

    A context manager: after an error, the rest is not written.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=False)
        self.members: dict[str, Member] = {}

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, ValueError):  # after an error, which is the one to report
            self._zip.close()

    def add(self, name: str, records: Iterable[Json]) -> None:
        """Write a member with one JSON value per line. Raises ArchiveError if it is too large."""
        self.add_bytes(name, (f"{STRICT_ENCODER.encode(record)}\n".encode() for record in records))

    def add_bytes(self, name: str, parts: Iterable[bytes]) -> None:
        """Write a member. Raises ArchiveError if it is too large."""
        digest, size = hashlib.sha256(), 0
        try:
            with self._zip.open(_entry(name), "w") as member:
                for part in parts:
                    digest.update(part)
                    size += len(part)
                    if size > LARGEST_MEMBER:
                        raise zipfile.LargeZipFile
                    member.write(part)
        except zipfile.LargeZipFile as error:
            raise ArchiveError(
                "The history is too large for an archive, whose files have at most 4 GiB each."
            ) from error
        self.members[name] = Member(size, digest.hexdigest())

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest and the end of the file."""
        document = STRICT_ENCODER.encode(manifest._replace(members=self.members).document())
        self.add_bytes(MANIFEST, [f"{document}\n".encode()])
        self._zip.close()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, _UNIX, _MODE
    return entry
