"""The end of a write-ahead log of SQLite, which SQLite does not report if it is damaged.

SQLite uses the log up to its first damaged frame, without an error. Frames of earlier generations of the log, which
have other salts, may follow the last used one. Frames of the current generation there were lost.
https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final, NamedTuple

_HEADER: Final = struct.Struct(">IIII8s8s")
_FRAME: Final = struct.Struct(">II8s8s")
_MAGIC: Final = {0x377F0682, 0x377F0683}


class LostEnd(NamedTuple):
    """The end of a log that SQLite does not use, from a byte offset.

    ``is_torn`` means that it is the beginning of a single change, as left by a kill or a crash.
    """

    offset: int
    size: int
    is_torn: bool


def find_lost_end(path: Path, used_frames: int) -> LostEnd | None:
    """The unused end of a log of which SQLite uses this many frames; None if nothing was lost. Raises OSError."""
    with path.open("rb") as file:
        beginning = file.read(_HEADER.size)
        size = file.seek(0, 2)
        if size == 0:
            return None
        page_bytes = _page_bytes(beginning)
        if page_bytes is None:
            return LostEnd(0, size, is_torn=size < _HEADER.size)
        salt, frame_bytes = _HEADER.unpack(beginning)[4], _FRAME.size + page_bytes
        offset = _HEADER.size + used_frames * frame_bytes
        lost_to = commits = 0
        for at in range(offset, size, frame_bytes):
            file.seek(at)
            header = file.read(_FRAME.size)
            if len(header) < _FRAME.size:
                lost_to = size if salt.startswith(header[8:16]) else lost_to
                break
            _, committed_pages, frame_salt, _ = _FRAME.unpack(header)
            if frame_salt == salt:
                lost_to = min(at + frame_bytes, size)
                commits += committed_pages > 0 and at + frame_bytes <= size
    return LostEnd(offset, lost_to - offset, is_torn=commits == 0) if lost_to else None


def _page_bytes(header: bytes) -> int | None:
    """The page size in the header of a log; None if the header is damaged."""
    if len(header) < _HEADER.size:
        return None
    magic, _, page_bytes, _, _, expected = _HEADER.unpack(header)
    if magic not in _MAGIC:
        return None
    order = ">" if magic & 1 else "<"
    first = second = 0
    for even, odd in struct.iter_unpack(f"{order}II", header[:24]):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return page_bytes if struct.pack(">II", first, second) == expected else None
