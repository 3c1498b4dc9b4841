"""Binary data of accounts and instructions, written field by field."""

from __future__ import annotations

import struct

from solders.pubkey import Pubkey


def pack(*parts: int | bytes | Pubkey | tuple[str, int | float]) -> bytes:
    """Bytes of keys, of bytes, of integers (u64) and of ``(struct format, number)``, little-endian."""
    return b"".join(
        struct.pack("<Q", part)
        if isinstance(part, int)
        else struct.pack(f"<{part[0]}", part[1])
        if isinstance(part, tuple)
        else bytes(part)
        for part in parts
    )


def tag(number: int) -> bytes:
    """The number of a variant, in 4 bytes."""
    return struct.pack("<I", number)
