"""``psyche-cli tx``."""

from __future__ import annotations

from psyche_cli.cli.sessions import plain


@plain(example="psyche-cli tx list")
def command() -> None:
    """Inspect and settle transactions that were sent.

    Commands that send transactions record each one in a journal before sending it, so that none is lost if the process
    is killed.
    """
