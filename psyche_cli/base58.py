"""Base58 in the Bitcoin alphabet, as Solana writes keys, signatures and instruction data."""

from __future__ import annotations

from typing import Final

ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES: Final = {character: value for value, character in enumerate(ALPHABET)}


def encode(data: bytes) -> str:
    """The base58 text of some bytes: each leading zero byte is one ``1``, the rest is one big-endian number."""
    number = int.from_bytes(data, "big")
    digits = []
    while number:
        number, digit = divmod(number, 58)
        digits.append(ALPHABET[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(digits))


def decode(text: str) -> bytes:
    """The bytes of a base58 text, which ``encode`` turns back into it. Raises ValueError for a foreign character.

    The time grows with the square of the length: limit the length of what strangers send.
    """
    position = foreign_position(text)
    if position is not None:
        raise ValueError(f"{text[position]!r} is not a base58 character")
    number = 0
    for character in text:
        number = number * 58 + _VALUES[character]
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def foreign_position(text: str) -> int | None:
    """Where the first character outside the alphabet stands, from 0; None in a base58 text, an empty one included."""
    return next((position for position, character in enumerate(text) if character not in _VALUES), None)
