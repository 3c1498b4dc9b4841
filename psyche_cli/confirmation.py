"""Confirmation of irreversible actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from psyche_cli.errors import NotConfirmed

if TYPE_CHECKING:
    from psyche_cli.environment import Environment

Confirm: TypeAlias = Callable[[str], None]
"""Callback that receives the consequences as complete sentences and returns if they are confirmed, or raises
NotConfirmed."""

_AGREEMENT = ("y", "yes")


def without_asking(consequence: str) -> None:
    """Confirm without asking, for callers of the library API."""


def asking(environment: Environment, *, agreed: bool) -> Confirm:
    """A callback that shows the consequences on stderr and reads the answer from stdin.

    With ``agreed`` (``--yes``), it shows them without asking. Otherwise, both streams must be terminals.
    """

    def confirm(consequence: str) -> None:
        if agreed:
            environment.progress(consequence)
            return
        if not environment.is_interactive:
            raise NotConfirmed(
                f"{consequence} This requires confirmation, and there is no terminal to ask on; use --yes to confirm.",
                hint="Nothing was sent.",
            )
        environment.diagnostics.prompt(f"{consequence} Continue? [y/N] ")
        if environment.stdin.readline().strip().lower() not in _AGREEMENT:
            raise NotConfirmed("Not confirmed.", hint="Nothing was sent.")

    return confirm
