"""The forms of a private key: base58, hexadecimal, base64, decimal numbers; and which texts have one of them.

A private key in base58 looks like a transaction signature, and a seed looks like a public key.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from psyche_cli import base58
from psyche_cli.errors import UsageError
from psyche_cli.lazy_pattern import LazyPattern

KEYPAIR_BYTES: Final = 64
SEED_BYTES: Final = 32
# 64 bytes in base58 are 87 or 88 characters. A few less is a key that was not copied whole.
KEY_TEXT: Final = LazyPattern(f"(?<![{base58.ALPHABET}])[{base58.ALPHABET}]{{80,90}}(?![{base58.ALPHABET}])")
# A digest such as that of a client's image has 64 hexadecimal digits as well, but says what it is.
HEX_KEY: Final = LazyPattern(r"(?<![0-9A-Za-z:])(?:0x)?([0-9A-Fa-f]{64}(?:[0-9A-Fa-f]{64})?)(?![0-9A-Za-z])")
BASE64_KEY: Final = LazyPattern(r"(?<![\w+/-])(?:[\w+/-]{86}==|[\w+-]{86}|[\w+/-]{43}=)(?![\w+/=-])", re.ASCII)
PHRASE: Final = LazyPattern(r"(?<![^\s=\"'])[a-z]{3,8}(?:[ \t\n]+[a-z]{3,8}){11,}(?![^\s\"'])")
# Numbers in a row, however they are separated: JSON, the debug forms of languages, words that a shell split.
NUMBERS: Final = LazyPattern(
    r"""(?<![0-9])(?<![0-9]\.)[0-9]{1,3}(?:(?:[\s,;'"()\[\]{}|]|\\[nrt])+[0-9]{1,3})+(?!\.?[0-9])""",
)
NUMBER: Final = LazyPattern(r"[0-9]+")
NUMBERS_OF_A_KEY: Final = 12
"""Numbers in a row that may be a key, at least."""
WORDS_OF_A_PHRASE: Final = 12
_LONGEST_BASE58: Final = 90


def holds_key(text: str) -> bool:
    """Whether a word that a user typed looks as if a private key or a recovery phrase were in it.

    A seed in base58 looks like a public key and is not noticed.
    """
    numbers = any(len(NUMBER.findall(row)) >= NUMBERS_OF_A_KEY for row in NUMBERS.findall(text))
    return numbers or any(shape.search(text) for shape in (KEY_TEXT, HEX_KEY, BASE64_KEY, PHRASE))


def holds_keypair(text: str) -> bool:
    """Whether a private key is in the text for certain: 64 bytes whose second half is the public key of the first."""
    candidates = (
        *KEY_TEXT.findall(text),
        *NUMBERS.findall(text),
        *HEX_KEY.findall(text),
        *BASE64_KEY.findall(text),
    )
    keys = [key for key in map(key_bytes, candidates) if len(key) == KEYPAIR_BYTES]
    if not keys:
        return False
    from solders.keypair import Keypair  # not at the top: most texts need no curve

    return any(bytes(Keypair.from_seed(key[:SEED_BYTES])) == key for key in keys)


def is_seed(text: str) -> bool:
    """Whether a text is the base58 form of 32 bytes: a seed or a public key."""
    return len(_from_base58(text)) == SEED_BYTES


def refuse_key_as_path(path: Path, what: str) -> None:
    """Raise UsageError where a key was typed as the path of a new file or folder, whose name would publish it.

    ``what`` says what the path is for, such as "the ledger directory".
    """
    if holds_key(str(path)) or is_seed(str(path)):
        raise UsageError(
            f"The value of {what} is a key, not a path.",
            hint="Keep keys in files that only you can read. Command lines are visible to other users and are kept in "
            "the shell history.",
        )


def key_bytes(text: str) -> bytes:
    """The keypair or seed that a text is the base58, hexadecimal, base64 or decimal form of; empty if it is none."""
    try:
        if NUMBERS.fullmatch(text.strip("[]")):
            data = bytes(map(int, NUMBER.findall(text)))
            return data if len(data) in (KEYPAIR_BYTES, SEED_BYTES) else b""
        if HEX_KEY.fullmatch(text):
            return bytes.fromhex(text.removeprefix("0x"))
        if BASE64_KEY.fullmatch(text):
            return base64.b64decode(text.rstrip("=").replace("-", "+").replace("_", "/") + "==")
    except ValueError:  # a number over 255
        return b""
    return _from_base58(text)


def _from_base58(text: str) -> bytes:
    """The keypair or seed that a text is the base58 form of; empty if it is none."""
    if len(text) > _LONGEST_BASE58 or base58.foreign_position(text) is not None:
        return b""
    data = base58.decode(text)
    return data if len(data) in (KEYPAIR_BYTES, SEED_BYTES) else b""


def base64_forms(data: bytes) -> Iterator[str]:
    """What of the base64 form, ordinary and URL-safe, does not depend on what stands before and after the data."""
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + data).decode("ascii")
        text = text[-(-8 * shift // 6) : 8 * (shift + len(data)) // 6]
        yield text
        yield text.replace("+", "-").replace("/", "_")
