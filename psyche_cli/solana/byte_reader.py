"""Sequential decoding of bytes."""

from __future__ import annotations

from solders.pubkey import Pubkey


class ByteReader:
    """Reads values in order. Every method raises ValueError at the end of the data."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """The number of bytes that have not been read."""
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        if size > self.left:
            raise ValueError("unexpected end of data")
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self, size: int, *, signed: bool = False) -> int:
        """A little-endian integer of ``size`` bytes."""
        return int.from_bytes(self.take(size), "little", signed=signed)

    def key(self) -> Pubkey:
        """A public key."""
        return Pubkey(self.take(Pubkey.LENGTH))

    def text(self, length_bytes: int) -> str:
        """UTF-8 text after its length, a number of ``length_bytes`` bytes. Raises ValueError for invalid UTF-8."""
        return self.take(self.number(length_bytes)).decode("utf-8")
