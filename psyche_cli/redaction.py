"""Keeps secrets out of output: private keys, and the paths, queries and user info of RPC URLs.

A private key in base58 looks like a transaction signature, and a seed looks like a public key, so the look of a text
decides nothing on its way out. Secrets are learned where they come in (the words a user typed, environment variables,
loaded wallets, opened endpoints), in every form in which somebody may repeat them; whatever is printed is searched
for them, and for any part of eight characters or more.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from psyche_cli import base58
from psyche_cli.lazy_pattern import LazyPattern
from psyche_cli.private_keys import NUMBER, NUMBERS, SEED_BYTES, base64_forms, key_bytes
from psyche_cli.typed_secrets import misplaced_secrets_in, secrets_in

HIDDEN: Final = "(not shown)"

SHORTEST: Final = 8
"""Characters of a secret that no output may repeat in a row; what is shorter tells too little, and is in any text."""

_URL: Final = LazyPattern(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_URL_OPTIONS: Final = ("--rpc", "--ws-rpc", "--url", "-u", "rpc")
_NUMBERS_IN_A_ROW: Final = 3


class Redactor:
    """What must not be printed, and the texts without it.

    Of a key only hashes of its parts are kept, so that no dump of an object shows it.
    """

    __slots__ = ("_parts", "_urls")

    def __init__(self) -> None:
        self._parts: set[int] = set()
        self._urls: dict[str, str] = {}

    def redacted(self, text: str) -> str:
        """The text with ``(not shown)`` in place of every secret, and of every part of one."""
        # The longest first: one may be the beginning of another.
        for url in sorted(self._urls, key=len, reverse=True):
            text = text.replace(url, self._urls[url])
        if not self._parts:
            return text
        kept, end = [], 0
        for first, last in _merged(self._found(text)):
            kept += [text[end:first], HIDDEN]
            end = last
        return "".join(kept) + text[end:] if kept else text

    def learn_words(self, words: Iterable[str]) -> None:
        """Record the words of a user that must never be repeated: what looks like a key, and URLs."""
        words = list(words)
        for before, word in zip(["", *words], words, strict=False):
            name, _, value = word.partition("=")
            if before in _URL_OPTIONS:
                self.learn_url(word)
            elif name in _URL_OPTIONS:
                self.learn_url(value)
            elif word.startswith("-u"):
                self.learn_url(word[len("-u") :])
            for url in _URL.findall(word):
                self.learn_url(url)
        # As one line: an array or a phrase without quotes arrives as many words.
        for text in secrets_in(" ".join(words)):
            self.learn_secret(text)

    def learn_misplaced(self, words: Iterable[str]) -> None:
        """Learn what may be a key among words that are no option and no argument, so that no message needs them."""
        for text in misplaced_secrets_in(" ".join(words)):
            self.learn_secret(text)

    def learn_secret(self, text: str) -> None:
        """Learn a text that is secret because of where it came from, and the forms of the key in it, if it is one."""
        text = text.strip().strip("\"'")
        self._learn(text)
        for numbers in NUMBERS.findall(text):
            self._learn_numbers(NUMBER.findall(numbers))
        key = key_bytes(text)
        if key:
            self.learn_key(key)

    def learn_key(self, secret: bytes) -> None:
        """Learn a keypair (64 bytes, of which the second half is public) or a seed (32 bytes), in all its forms."""
        seed = secret[:SEED_BYTES]
        for form in (
            base58.encode(secret),
            base58.encode(seed),
            secret.hex(),
            secret.hex().upper(),
            *base64_forms(secret),
        ):
            self._learn(form)
        self._learn_numbers([str(byte) for byte in secret])

    def learn_url(self, url: str) -> None:
        """Learn the user info, the path segments and the query values of a URL, as they are and in other encodings."""
        if not url:
            return
        before, scheme_end, after = url.strip().strip("\"'").partition("://")
        rest = after if scheme_end else before
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
        user, at, host = authority.rpartition("@")
        path = rest[len(authority) :]
        if scheme_end and (at or len(path) > 1):
            self._urls[rest] = host + (f"/{HIDDEN}" if len(path) > 1 else path)
        if at:
            self._urls[authority] = host
            self._learn(base64.b64encode(user.encode("utf-8", "replace")).decode("ascii").rstrip("="))
        if len(path.strip("/")) >= SHORTEST:
            self._urls[path.rstrip("/")] = f"/{HIDDEN}"
        segments, _, query = path.partition("?")
        values = (piece.partition("=")[2] or piece for piece in re.split("[?&;#]", query))
        for text in (user, *user.split(":"), *re.split("[/;#]", segments), *values):
            for form in _url_forms(text):
                self._learn(form)

    def _learn(self, text: str) -> None:
        for start in range(len(text) - SHORTEST + 1):
            self._parts.add(hash(text[start : start + SHORTEST]))

    def _learn_numbers(self, numbers: Sequence[str]) -> None:
        self._parts.update(hash(row) for row in _rows(numbers))

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        """Where in the text a part of a secret begins and ends."""
        parts = self._parts
        for start in range(len(text) - SHORTEST + 1):
            if hash(text[start : start + SHORTEST]) in parts:
                yield start, start + SHORTEST
        for run in NUMBERS.finditer(text):
            numbers = list(NUMBER.finditer(text, run.start(), run.end()))
            for index, row in enumerate(_rows([number[0] for number in numbers])):
                if hash(row) in parts:
                    yield numbers[index].start(), numbers[index + _NUMBERS_IN_A_ROW - 1].end()


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order, those that touch as one."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _rows(numbers: Sequence[str]) -> list[str]:
    """Every few numbers in a row, as one text."""
    return [",".join(numbers[i : i + _NUMBERS_IN_A_ROW]) for i in range(len(numbers) - _NUMBERS_IN_A_ROW + 1)]


def _url_forms(text: str) -> set[str]:
    """A part of a URL as it is, percent-decoded, and as somebody may encode it who repeats it."""
    from html import escape
    from json import dumps
    from urllib.parse import quote, unquote, unquote_plus

    plain = {text, unquote(text), unquote(text, "latin-1"), unquote_plus(text)}
    forms = set(plain)
    for form in plain:
        encoded = quote(form, safe="", errors="replace")
        forms |= {encoded, quote(form, errors="replace"), quote(encoded), dumps(form)[1:-1], repr(form)[1:-1]}
        # What is left where the header of an answer takes ASCII only, or takes bytes for characters.
        forms |= {escape(form), form.encode("ascii", "ignore").decode("ascii")}
        forms.add(form.encode("utf-8", "replace").decode("latin-1"))
    return forms | {form.upper() for form in forms} | {form.lower() for form in forms}
