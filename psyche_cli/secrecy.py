"""Keeps out of messages what was typed in the wrong place: a private key, or an RPC URL with its access key.

Messages name what they are about, and that may be any word of the command line. Signatures look like private keys, so
only what came from the user is hidden, wherever it appears.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "(not shown)"

# 64 bytes in base58 are 87 or 88 characters; nothing that a command takes is that long but a key.
_KEY_TEXT = re.compile(r"[1-9A-HJ-NP-Za-km-z]{80,}")
# A keypair file's 64 numbers; unquoted, a shell makes words of them, and a message may list those.
_KEY_NUMBERS = re.compile(r"\[?\d{1,3}(?:\s*,\s*\d{1,3}){31,}\]?")
_URL = re.compile(r"://([^/?#\s]*)(\S*)")


class Secrets:
    """What of the ``words`` that a user gave must not be repeated."""

    def __init__(self, words: Iterable[str]) -> None:
        found: dict[str, str] = {}
        for word in words:
            # Of --name=value, a message may show the name alone.
            for text in (word, word.partition("=")[0]):
                found.update(dict.fromkeys(_KEY_TEXT.findall(text), HIDDEN))
                for authority, rest in _URL.findall(text):
                    found[authority + rest] = authority.rpartition("@")[2] + ("/" + HIDDEN if len(rest) > 1 else rest)
        # The longest first: one may be the beginning of another.
        self._replacements = sorted(found.items(), key=lambda pair: -len(pair[0]))

    def hidden(self, text: str) -> str:
        """The text with every secret replaced."""
        for secret, shown in self._replacements:
            text = text.replace(secret, shown)
        return _KEY_NUMBERS.sub(HIDDEN, text)
