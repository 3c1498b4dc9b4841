"""``psyche-cli join-authorization``."""

from __future__ import annotations

from psyche_cli.cli.sessions import plain


@plain(example="psyche-cli join-authorization list --grantor PUBKEY")
def command() -> None:
    """List join authorizations.

    The commands that change one are join-authorization-create, -delegate, -delete and -close.
    """
