"""The encodings in which a private key could leak, and a search for parts of a secret in a text."""

from __future__ import annotations

import base64
import itertools
import json
import string
from collections.abc import Callable
from hashlib import sha256

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli.redaction import SHORTEST

FORMS: dict[str, Callable[[bytes], str]] = {
    "base58": lambda key: str(Keypair.from_bytes(key)),
    "seed in base58": lambda key: str(Pubkey(key[:32])),
    "JSON": lambda key: json.dumps(list(key)),
    "JSON without blanks": lambda key: json.dumps(list(key), separators=(",", ":")),
    "indented JSON": lambda key: json.dumps(list(key), indent=2),
    "seed in JSON": lambda key: json.dumps(list(key[:32])),
    "words": lambda key: " ".join(map(str, key)),
    "quoted words": lambda key: ", ".join(repr(f"{byte},") for byte in key),
    "hexadecimal": lambda key: key.hex(),
    "capital hexadecimal": lambda key: key[:32].hex().upper(),
    "prefixed hexadecimal": lambda key: f"0x{key.hex()}",
    "base64": lambda key: base64.b64encode(key).decode(),
    "seed in base64": lambda key: base64.b64encode(key[:32]).decode(),
    "URL-safe base64": lambda key: base64.urlsafe_b64encode(key).decode().rstrip("="),
    "base64 of more": lambda key: base64.b64encode(b"{" + key + b"}").decode()[2:-6],
}


def keypair(seed: bytes) -> bytes:
    return bytes(Keypair.from_seed(seed))


def unmistakable_keypair(name: str) -> bytes:
    """A keypair that follows from a name. Each three consecutive bytes include one above 99, because smaller numbers
    follow one another in almost any output."""
    for attempt in itertools.count():
        key = keypair(sha256(f"{name} {attempt}".encode()).digest())
        if all(max(key[at : at + 3]) >= 100 for at in range(len(key) - 2)):
            return key
    raise AssertionError


def numbers_in_a_row(text: str, count: int = 3) -> set[tuple[str, ...]]:
    numbers = "".join(c if c in string.digits else " " for c in text).split()
    return set(zip(*(numbers[i:] for i in range(count)), strict=False))


def leaked(secret: str, shown: str) -> list[str]:
    """The parts of a secret that occur in a text: runs of eight characters."""
    runs = (secret[i : i + SHORTEST] for i in range(len(secret) - SHORTEST + 1))
    return [run for run in runs if run in shown]


PHRASE = "letter advice cage absurd amount doctor acoustic avoid sausage winner thank yellow"
"""A recovery phrase with twelve words."""
