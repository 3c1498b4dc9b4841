"""``psyche-cli nonce``."""

from __future__ import annotations

from psyche_cli.cli.sessions import plain


@plain(example="psyche-cli nonce create")
def command() -> None:
    """Create, show and close nonce accounts.

    The value of a nonce account replaces the blockhash of a transaction, which then does not expire: --nonce.
    """
