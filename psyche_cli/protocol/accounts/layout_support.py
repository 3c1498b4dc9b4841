"""Errors for what psyche-cli cannot do with a run because of the layout of its coordinator account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psyche_cli.errors import UnsupportedLayout
from psyche_cli.protocol.layouts.known import WRITTEN, layout_named

if TYPE_CHECKING:
    from solders.pubkey import Pubkey

    from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount


def unwritten_layout(layout: str, address: Pubkey, run_id: str) -> UnsupportedLayout:
    """The error for a run that psyche-cli cannot change. ``address`` is the account of the run with this layout."""
    return _unsupported(
        layout,
        address,
        f"psyche-cli cannot change run {run_id!r}, which has layout {_described(layout)}: it writes only layout "
        f"{WRITTEN}.",
    )


def different_rules(account: CoordinatorAccount) -> UnsupportedLayout:
    """The error for a run that does not have the configuration and the rules of layout v1."""
    return _unsupported(
        account.layout,
        account.address,
        f"Run {account.run_id!r} has layout {_described(account.layout)}, whose configuration and rules differ from "
        f"those of layout {WRITTEN}.",
    )


def _unsupported(name: str, address: Pubkey, message: str) -> UnsupportedLayout:
    hint = f"{layout_named(name).advice} json-dump-run prints its state."
    return UnsupportedLayout(message, hint=hint, address=str(address), layout=name, supported=WRITTEN)


def _described(name: str) -> str:
    return f"{name} ({layout_named(name).about})"
