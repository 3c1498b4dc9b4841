"""Checksums of transferred files, and those that servers send in response headers."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Final, Literal, NamedTuple, TypeAlias

Algorithm: TypeAlias = Literal["sha256", "md5", "crc32c"]

PIECE: Final = 256 * 1024
"""Size of the pieces in which files are read, in bytes."""

_SIZES: Final[dict[Algorithm, int]] = {"sha256": 32, "md5": 16, "crc32c": 4}
_NAMES: Final[dict[str, Algorithm]] = {"sha-256": "sha256", "sha256": "sha256", "md5": "md5", "crc32c": "crc32c"}
_MD5_TAG: Final = re.compile(r'"([0-9a-f]{32})"')
_CRC32C: Final = 0x82F63B78


class Digests:
    """The checksums of content that arrives in pieces. ``size`` is its length so far in bytes.

    CRC-32C is computed in Python, at a few megabytes per second, and therefore only on request.
    """

    def __init__(self, *, with_crc32c: bool = False) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc32c = _Crc32c() if with_crc32c else None

    def update(self, piece: bytes) -> None:
        """Add a piece."""
        self.size += len(piece)
        self._sha256.update(piece)
        self._md5.update(piece)
        if self._crc32c is not None:
            self._crc32c.update(piece)

    def read(self, file: BinaryIO, size: int | None = None) -> None:
        """Add the rest of a file, or ``size`` bytes of it."""
        left = size
        while left is None or left > 0:
            piece = file.read(PIECE if left is None else min(PIECE, left))
            if not piece:
                return
            left = None if left is None else left - len(piece)
            self.update(piece)

    @property
    def sha256(self) -> str:
        """SHA-256 in hexadecimal."""
        return self._sha256.hexdigest()

    @property
    def md5(self) -> str:
        """MD5 in hexadecimal."""
        return self._md5.hexdigest()

    def of(self, algorithm: Algorithm) -> bytes | None:
        """A checksum; None for CRC-32C that was not requested."""
        if algorithm == "crc32c":
            return None if self._crc32c is None else self._crc32c.value.to_bytes(4, "big")
        return (self._sha256 if algorithm == "sha256" else self._md5).digest()


class Checksums(NamedTuple):
    """What a response says about the content of the whole file.

    ``expected`` are checksums by algorithm. ``tag_md5`` is an entity tag that looks like an MD5 checksum in
    hexadecimal. Some servers use the checksum of the content as the tag, others do not: if it matches, the content is
    the same, otherwise it proves nothing.
    """

    expected: Mapping[Algorithm, bytes]
    tag_md5: str | None = None

    @property
    def needs_crc32c(self) -> bool:
        """Whether CRC-32C is the only checksum."""
        return self.expected.keys() == {"crc32c"}

    def mismatch(self, digests: Digests) -> Algorithm | None:
        """The algorithm of a checksum that does not match."""
        return next((name for name, value in self.expected.items() if digests.of(name) not in (None, value)), None)

    def matches(self, digests: Digests) -> list[Algorithm]:
        """The algorithms of the checksums that match, if none of the others contradicts them."""
        if self.mismatch(digests) is not None:
            return []
        found: list[Algorithm] = [name for name in self.expected if digests.of(name) is not None]
        return found or (["md5"] if self.tag_md5 == digests.md5 else [])


def checksums_of(headers: Mapping[str, str], of: Literal["file", "part", "upload"]) -> Checksums:
    """The checksums in the headers of a response with a whole file, with part of one, or to an upload.

    Supports Content-MD5 (of a whole file), Digest and Repr-Digest, x-amz-checksum-sha256, and x-goog-hash. Ignores
    malformed values, and those of the stored form of a file that the server has decompressed.
    """
    expected: dict[Algorithm, bytes] = {}
    for name, text in _named(headers, of):
        algorithm = _NAMES.get(name.lower())
        value = _decoded(text)
        if algorithm is not None and len(value) == _SIZES[algorithm]:
            expected.setdefault(algorithm, value)
    found = _MD5_TAG.fullmatch(headers.get("etag", ""))
    return Checksums(expected, found[1] if found else None)


def _named(headers: Mapping[str, str], of: str) -> Iterator[tuple[str, str]]:
    """Names of algorithms, and checksums in base64."""
    if of == "file":
        yield "md5", headers.get("content-md5", "")
    yield "sha256", headers.get("x-amz-checksum-sha256", "")
    lists = [] if of == "upload" else ["digest", "repr-digest"]
    if headers.get("x-goog-stored-content-encoding", "identity") == "identity":
        lists.append("x-goog-hash")
    for header in lists:
        for item in headers.get(header, "").split(","):
            name, _, value = item.strip().partition("=")
            yield name, value.strip().strip(":")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


class _Crc32c:
    """CRC-32C (Castagnoli)."""

    _table: Final[list[int]] = []

    def __init__(self) -> None:
        self._state = 0xFFFFFFFF
        if not self._table:
            for value in range(256):
                for _ in range(8):
                    value = (value >> 1) ^ (_CRC32C if value & 1 == 1 else 0)
                self._table.append(value)

    def update(self, piece: bytes) -> None:
        state, table = self._state, self._table
        for byte in piece:
            state = table[(state ^ byte) & 0xFF] ^ (state >> 8)
        self._state = state

    @property
    def value(self) -> int:
        return self._state ^ 0xFFFFFFFF
