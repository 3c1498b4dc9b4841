"""``psyche-cli keygen``."""

from __future__ import annotations

from psyche_cli.cli.sessions import plain


@plain(example="psyche-cli keygen new")
def command() -> None:
    """Create a keypair, or show the public key of one.

    The files are those of the Solana CLI.
    """
