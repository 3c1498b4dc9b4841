"""Detects and decodes private keys written as base58, hexadecimal, base64 or decimal numbers.

In base58, a keypair cannot be distinguished from a transaction signature, or a seed from a public key.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from psyche_cli import base58
from psyche_cli.errors import UsageError
from psyche_cli.lazy_pattern import LazyPattern

if TYPE_CHECKING:
    from solders.pubkey import Pubkey

KEYPAIR_BYTES: Final = 64
SEED_BYTES: Final = 32
# 64 bytes are 87 or 88 base58 characters. A slightly shorter text is a key that was copied incompletely.
KEY_TEXT: Final = LazyPattern(f"(?<![{base58.ALPHABET}])[{base58.ALPHABET}]{{80,90}}(?![{base58.ALPHABET}])")
# A digest, such as that of a client's image, also has 64 hexadecimal digits, but follows a prefix like "sha256:".
HEX_KEY: Final = LazyPattern(r"(?<![0-9A-Za-z:])(?:0x)?([0-9A-Fa-f]{64}(?:[0-9A-Fa-f]{64})?)(?![0-9A-Za-z])")
BASE64_KEY: Final = LazyPattern(r"(?<![\w+/-])(?:[\w+/-]{86}==|[\w+-]{86}|[\w+/-]{43}=)(?![\w+/=-])", re.ASCII)
_ANY_HEX: Final = LazyPattern(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?:[0-9A-Fa-f]{64})?(?![0-9A-Fa-f])")
"""Also the hexadecimal digits of a digest, for a text whose content is then checked."""
_ANY_BASE64: Final = LazyPattern(r"(?<![\w+/-])[\w+/-]{43}(?![\w+/-])", re.ASCII)
SHORT_KEY_TEXT: Final = LazyPattern(f"(?<![0-9A-Za-z])[{base58.ALPHABET}]{{32,44}}(?![0-9A-Za-z])")
"""32 bytes in base58: a seed or a public key."""
PHRASE: Final = LazyPattern(r"(?<![^\s=\"'])[a-z]{3,8}(?:[ \t\n]+[a-z]{3,8}){11,}(?![^\s\"'])")
# Consecutive numbers with any separators: JSON, debug output of programming languages, words split by a shell.
NUMBERS: Final = LazyPattern(
    r"""(?<![0-9])(?<![0-9]\.)[0-9]{1,3}(?:(?:[\s,;'"()\[\]{}|]|\\[nrt])+[0-9]{1,3})+(?!\.?[0-9])""",
)
NUMBER: Final = LazyPattern(r"[0-9]+")
NUMBERS_OF_A_KEY: Final = 12
"""Minimum count of consecutive numbers that is treated as a key."""
WORDS_OF_A_PHRASE: Final = 12
_LONGEST_BASE58: Final = 90


def holds_key(text: str) -> bool:
    """Whether user input appears to contain a private key or a recovery phrase.

    Does not detect a base58 seed, which looks like a public key.
    """
    numbers = any(len(NUMBER.findall(row)) >= NUMBERS_OF_A_KEY for row in NUMBERS.findall(text))
    return numbers or any(shape.search(text) for shape in (KEY_TEXT, HEX_KEY, BASE64_KEY, PHRASE))


def holds_keypair(text: str) -> bool:
    """Whether the text contains a valid keypair: 64 bytes, the second half being the public key of the first."""
    candidates = (
        *KEY_TEXT.findall(text),
        *NUMBERS.findall(text),
        *_ANY_HEX.findall(text),
        *BASE64_KEY.findall(text),
    )
    keys = [key for key in map(key_bytes, candidates) if len(key) == KEYPAIR_BYTES]
    if not keys:
        return False
    from solders.keypair import Keypair  # imported here because most calls do not need it

    return any(bytes(Keypair.from_seed(key[:SEED_BYTES])) == key for key in keys)


def owner_of_seed_in(text: str, public_keys: Iterable[Pubkey]) -> Pubkey | None:
    """Which of the public keys belongs to a seed of 32 bytes that the text contains; None if none does.

    A seed looks like a public key or a digest, so it is only recognized as that of a known keypair.
    """
    candidates = (
        *SHORT_KEY_TEXT.findall(text),
        *NUMBERS.findall(text),
        *_ANY_HEX.findall(text),
        *(f"{found}=" for found in _ANY_BASE64.findall(text)),
    )
    seeds = {key for key in map(key_bytes, candidates) if len(key) == SEED_BYTES}
    if not seeds:
        return None
    from solders.keypair import Keypair  # imported here because most calls do not need it

    owners = {Keypair.from_seed(seed).pubkey() for seed in seeds}
    return next((key for key in public_keys if key in owners), None)


def is_seed(text: str) -> bool:
    """Whether the text is 32 bytes in base58: a seed or a public key."""
    return len(_from_base58(text)) == SEED_BYTES


def refuse_key_as_path(what: str, *paths: Path) -> None:
    """Raise UsageError if a key was given as the path of a file or folder, whose name would expose it.

    ``what`` names the paths in the message, for example "the ledger directory". Several paths are also checked
    together, because an unquoted array or recovery phrase arrives as separate words.
    """
    if holds_key(" ".join(map(str, paths))) or any(is_seed(str(path)) for path in paths):
        raise UsageError(
            f"The value of {what} is a key, not a path.",
            hint="Keep keys in files that only you can read. Command lines are visible to other users and are saved in "
            "the shell history.",
        )


def key_bytes(text: str) -> bytes:
    """Decode a keypair or seed in base58, hexadecimal, base64 or decimal numbers; empty if it is none of these."""
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
    """Decode a keypair or seed in base58; empty if it is neither."""
    if len(text) > _LONGEST_BASE58 or base58.first_invalid_position(text) is not None:
        return b""
    data = base58.decode(text)
    return data if len(data) in (KEYPAIR_BYTES, SEED_BYTES) else b""


def base64_forms(data: bytes) -> Iterator[str]:
    """The base64 text (standard and URL-safe) of ``data`` at each of its three possible alignments in a longer text.

    Characters that also encode bits of neighboring bytes are omitted.
    """
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + data).decode("ascii")
        text = text[-(-8 * shift // 6) : 8 * (shift + len(data)) // 6]
        yield text
        yield text.replace("+", "-").replace("/", "_")
