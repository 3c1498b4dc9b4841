"""Asking before something that cannot be undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from psyche_cli.errors import NotConfirmed

if TYPE_CHECKING:
    from psyche_cli.environment import Environment

Confirm: TypeAlias = Callable[[str], None]
"""Takes what is about to happen, as whole sentences, and returns if it may happen. Raises NotConfirmed."""

_AGREEMENT = ("y", "yes")


def without_asking(consequence: str) -> None:
    """Agree. For callers that are programs: what they call is what they want."""


def asking(environment: Environment, *, agreed: bool) -> Confirm:
    """Show the consequence on stderr and read the answer from stdin.

    With ``agreed`` (``--yes``) it is shown and not asked. Without it, both streams must be terminals.
    """

    def confirm(consequence: str) -> None:
        if agreed:
            environment.progress(consequence)
            return
        if not environment.is_interactive:
            raise NotConfirmed(
                f"{consequence} There is no terminal to confirm this at; confirm it with --yes.",
                hint="Nothing was sent.",
            )
        environment.diagnostics.prompt(f"{consequence} Continue? [y/N] ")
        if environment.stdin.readline().strip().lower() not in _AGREEMENT:
            raise NotConfirmed("Not confirmed.", hint="Nothing was sent.")

    return confirm
