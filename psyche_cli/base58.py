"""Base58 with the Bitcoin alphabet, Solana's encoding of keys, signatures and instruction data."""

from __future__ import annotations

from typing import Final

ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_SHORT: Final = 100
_VALUES: Final = {character: value for value, character in enumerate(ALPHABET)}


def encode(data: bytes) -> str:
    """Encode bytes as base58: each leading zero byte becomes ``1``, the rest is encoded as one big-endian number."""
    number = int.from_bytes(data, "big")
    digits = []
    while number:
        number, digit = divmod(number, 58)
        digits.append(ALPHABET[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(digits))


def decode(text: str) -> bytes:
    """Decode base58 text, the inverse of ``encode``. Raises ValueError for a character outside the alphabet.

    The time grows faster than the length, so callers must limit the length of untrusted input: 400,000 characters take
    about a second.
    """
    position = first_invalid_position(text)
    if position is not None:
        raise ValueError(f"{text[position]!r} is not a base58 character")
    number = _number(text)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _number(text: str) -> int:
    """The number with these digits. Long text is split in halves, because multiplying large numbers is fast."""
    if len(text) > _SHORT:
        half = len(text) // 2
        power: int = 58**half
        return _number(text[:-half]) * power + _number(text[-half:])
    number = 0
    for character in text:
        number = number * 58 + _VALUES[character]
    return number


def first_invalid_position(text: str) -> int | None:
    """Index of the first character outside the alphabet, or None if there is none; empty text is valid."""
    return next((position for position, character in enumerate(text) if character not in _VALUES), None)
