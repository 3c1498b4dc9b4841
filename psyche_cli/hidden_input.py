"""Questions whose answer is secret: it is read from the terminal without echo."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from psyche_cli.errors import WalletError

if TYPE_CHECKING:
    from psyche_cli.environment import Environment


def ask_hidden(environment: Environment, question: str) -> str:
    """Write ``question`` to stderr and return the line that the user types, which the terminal does not echo.

    The caller must register the answer with the redactor if it is a secret. Raises WalletError if stdin or stderr is
    not a terminal, or if the input ends before a line is complete.
    """
    if not environment.is_interactive:
        raise WalletError(
            "The wallet option asks for a secret, and there is no terminal to ask on.",
            hint="Use a keypair file, or pass a keypair through a pipe with --keypair stdin:",
        )
    with _without_echo(environment.stdin):
        try:
            environment.diagnostics.prompt(question)
            answer = environment.stdin.readline()
        finally:  # the line break that the user typed was not echoed
            environment.diagnostics.line("")
    if not answer.endswith("\n"):
        raise WalletError("The input ended before the secret was complete.")
    return answer.rstrip("\r\n")


@contextlib.contextmanager
def _without_echo(terminal: TextIO) -> Iterator[None]:
    import termios  # not at the top: few commands ask, and Windows does not have it

    try:
        descriptor = terminal.fileno()
        before = termios.tcgetattr(descriptor)
    except (OSError, termios.error) as error:
        raise WalletError("The echo of the terminal cannot be turned off.") from error
    hidden = [*before]
    hidden[3] &= ~termios.ECHO
    # TCSAFLUSH discards what was typed before the question, which the terminal may have echoed.
    termios.tcsetattr(descriptor, termios.TCSAFLUSH, hidden)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
