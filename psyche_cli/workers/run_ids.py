"""The ids of runs: ULIDs, whose alphabetical order is that of their creation."""

from __future__ import annotations

import re
import secrets
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH: Final = 26
_RANDOM_BITS: Final = 80
_RUN_ID: Final = re.compile(f"[0-7][{_ALPHABET}]{{{_LENGTH - 1}}}")


def new_run_id(at: float) -> str:
    """A new id: 48 bits of the time in milliseconds since 1970, and 80 random bits, in base 32."""
    value = int(at * 1000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return "".join(_ALPHABET[value >> 5 * place & 31] for place in reversed(range(_LENGTH)))


def is_run_id(text: str) -> bool:
    """Whether a text has the form of an id, so that it is safe as the name of a folder."""
    return _RUN_ID.fullmatch(text) is not None


def time_of_run_id(run_id: str) -> float:
    """The time in an id, in seconds since 1970, with a resolution of a millisecond."""
    value = 0
    for character in run_id:
        value = value << 5 | _ALPHABET.index(character)
    return (value >> _RANDOM_BITS) / 1000
