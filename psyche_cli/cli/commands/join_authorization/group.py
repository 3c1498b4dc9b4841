"""``psyche-cli join-authorization``."""

from __future__ import annotations

from psyche_cli.cli.sessions import plain


@plain(example="psyche-cli join-authorization list --grantor PUBKEY")
def command() -> None:
    """List join authorizations.

    To change an authorization, use join-authorization-create, -delegate, -delete or -close.
    """
