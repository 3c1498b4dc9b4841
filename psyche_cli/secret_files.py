"""Detects secret files given by mistake: keypairs, recovery phrases, environment files."""

from __future__ import annotations

import re
from typing import Final

from psyche_cli.private_keys import holds_key

# Also matches a truncated array, which still contains part of a key.
_NUMBERS: Final = re.compile(r"\[?\s*\d{1,3}(?:[\s,]+\d{1,3}){7,}[\s,]*\]?", re.ASCII)
_PEM: Final = re.compile(r"^-----BEGIN ", re.MULTILINE)
_PHRASE: Final = re.compile(r"[A-Za-z]{3,8}(?:\s+[A-Za-z]{3,8}){11,23}", re.ASCII)
_ASSIGNMENT: Final = re.compile(r"(?:export\s+[A-Za-z_]\w*|[A-Z_][A-Z0-9_]*)\s*=.*", re.ASCII)
_HEADER: Final = re.compile(r"\[[\w.\s\"'-]*\]|\[\[", re.ASCII)


def kind_of_secret_file(text: str) -> str:
    """The kind of secret file that a text looks like, such as "a keypair file"; empty if it is not a secret file."""
    text = text.strip("\ufeff \t\r\n")
    if _PEM.search(text):
        return "a private key in PEM form"
    if _NUMBERS.fullmatch(text):
        return "a keypair file"
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assignments = sum(_ASSIGNMENT.fullmatch(line) is not None for line in lines)
    if assignments * 2 > len(lines) and not any(_HEADER.match(line) for line in lines):
        return "an environment file"
    if _PHRASE.fullmatch(text):
        return "a recovery phrase"
    return "a keypair file" if holds_key(text) else ""
