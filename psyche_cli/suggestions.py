"""Commands suggested in messages: complete and shell-quoted, ready to paste.

A suggested command is the last part of a hint and has no period after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

_SIGNING: Final = frozenset(
    (
        *("apply", "create-run", "update-config", "set-paused", "treasurer-top-up-rewards"),
        *("join-authorization-delete", "join-authorization-close"),
    )
)
"""Suggested commands that take a wallet."""

_WITHOUT_TREASURER: Final = frozenset(("tick",))
"""Suggested commands for a run that do not depend on its treasurer."""

_RPC_VARIABLE: Final = '"$RPC{}"'
"""What stands for an RPC URL that contains a secret: a variable, with a number for the second and later ones."""


def shell_word(text: str) -> str:
    """Quote text as one shell word; with unprintable characters as ``$'...'``, which bash, ksh and zsh support."""
    if text.isprintable():
        from shlex import quote  # not at the top: commands that read suggest nothing

        return quote(text)
    plain = {"'": r"\'", "\\": r"\\"}
    return "$'" + "".join(plain.get(c) or (c if c.isprintable() else _escaped(c)) for c in text) + "'"


def _escaped(character: str) -> str:
    """Octal escapes of a character's bytes, always three digits so that a following digit is not part of the escape."""
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", errors="surrogateescape"))


class GivenOptions(NamedTuple):
    """Options of the current command line that a follow-up command must repeat.

    None if not given: the follow-up then uses the same default or environment variable.
    """

    rpc: str | Sequence[str] | None = None
    wallet: str | None = None
    treasurer_index: int | None = None
    state_dir: str | None = None

    def command(self, verb: str, *words: str, run_id: str | None = None) -> str:
        """The command line of ``verb`` for the same cluster, wallet and treasurer.

        With ``--archive`` among the words, it names no cluster: a command that reads an archive refuses one.
        """
        run = () if run_id is None else _option("--run-id", run_id)
        return " ".join(
            ("psyche-cli", verb, *run, *(shell_word(word) for word in words), *self._repeated(verb, words, run_id))
        )

    def _repeated(self, verb: str, words: Sequence[str], run_id: str | None) -> Iterator[str]:
        if self.treasurer_index is not None and run_id is not None and verb not in _WITHOUT_TREASURER:
            yield from ("--treasurer-index", str(self.treasurer_index))
        if "--archive" in words:
            return
        hidden = 0
        for url in [self.rpc] if isinstance(self.rpc, str) else self.rpc or ():
            shown = _may_be_shown(url)
            hidden += not shown
            yield from ("--rpc", shell_word(url) if shown else _RPC_VARIABLE.format("" if hidden == 1 else hidden))
        if self.wallet is not None and verb in _SIGNING:
            yield from _option("-w", self.wallet)
        if self.state_dir is not None and (verb in _SIGNING or verb.startswith("tx ")):
            yield from _option("--state-dir", self.state_dir)


NOTHING_GIVEN: Final = GivenOptions()


def write_example(path: str) -> str:
    """The command line that writes an example configuration to a new file."""
    return " ".join(("psyche-cli config example", *_option("-o", path)))


def _option(name: str, value: str) -> tuple[str, ...]:
    """An option with its value, joined into one word if the value starts with a dash."""
    if not value.startswith("-"):
        return (name, shell_word(value))
    return (f"{name}={shell_word(value)}",) if name.startswith("--") else (name + shell_word(value),)


def _may_be_shown(url: str) -> bool:
    """Whether an RPC URL contains no secret: it is a cluster name, or only scheme, host and port."""
    if "://" not in url:
        return True
    try:
        parts = urlsplit(url)
        return not (parts.username or parts.password or parts.path.strip("/") or parts.query or parts.fragment)
    except ValueError:
        return False
