"""Commands that messages suggest: complete, quoted for a shell, ready to paste.

In a hint a suggested command comes last, without a full stop after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote
from typing import Final
from urllib.parse import urlsplit

_SIGNING: Final = frozenset({"create-run", "update-config", "set-paused", "treasurer-top-up-rewards"})
"""The suggested verbs that take a wallet."""

_RPC_FROM_VARIABLE: Final = '"$RPC"'


def shell_word(text: str) -> str:
    """The text as one word for a shell; one with unprintable characters as ``$'...'``, which bash, ksh and zsh read."""
    if text.isprintable():
        return quote(text)
    plain = {"'": r"\'", "\\": r"\\"}
    return "$'" + "".join(plain.get(c) or (c if c.isprintable() else _escaped(c)) for c in text) + "'"


def _escaped(character: str) -> str:
    """The bytes of a character as a shell writes them: three octal digits each, so that no digit after them counts."""
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", errors="surrogateescape"))


@dataclass(frozen=True)
class GivenOptions:
    """Options of the present command line without which a follow-up command would not do the same.

    None: not typed, so the follow-up finds its default, or its environment variable, as the present command did.
    """

    rpc: str | None = None
    wallet: str | None = None
    treasurer_index: int | None = None

    def command(self, verb: str, *words: str, run_id: str | None = None) -> str:
        """The command line for ``verb``, on the same cluster, by the same wallet, for the same treasurer."""
        run = () if run_id is None else _option("--run-id", run_id)
        return " ".join(
            ("psyche-cli", verb, *run, *(shell_word(word) for word in words), *self._repeated(verb, run_id))
        )

    def _repeated(self, verb: str, run_id: str | None) -> Iterator[str]:
        if self.treasurer_index is not None and run_id is not None:
            yield from ("--treasurer-index", str(self.treasurer_index))
        if self.rpc is not None:
            yield from ("--rpc", shell_word(self.rpc) if _may_be_shown(self.rpc) else _RPC_FROM_VARIABLE)
        if self.wallet is not None and verb in _SIGNING:
            yield from _option("-w", self.wallet)


NOTHING_GIVEN: Final = GivenOptions()


def _option(name: str, value: str) -> tuple[str, ...]:
    """An option with its value; joined where the value would look like another option."""
    if not value.startswith("-"):
        return (name, shell_word(value))
    return (f"{name}={shell_word(value)}",) if name.startswith("--") else (name + shell_word(value),)


def _may_be_shown(url: str) -> bool:
    """Whether an RPC URL holds no secret: it is a cluster's name, or scheme, host and port alone."""
    if "://" not in url:
        return True
    try:
        parts = urlsplit(url)
        return not (parts.username or parts.password or parts.path.strip("/") or parts.query or parts.fragment)
    except ValueError:
        return False
