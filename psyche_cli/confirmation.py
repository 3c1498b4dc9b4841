"""Confirmation of irreversible actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from psyche_cli.errors import NotConfirmed

if TYPE_CHECKING:
    from psyche_cli.environment import Environment

Confirm: TypeAlias = Callable[[str], bool]
"""Callback that receives the consequences as complete sentences. Returns whether a person was asked, or raises
NotConfirmed."""

_AGREEMENT = ("y", "yes")


def without_asking(consequence: str) -> bool:  # noqa: ARG001 -- nobody is there to read it
    """Confirm without asking, for callers of the library API."""
    return False


def asking(environment: Environment, *, agreed: bool, otherwise: str = "Nothing was sent.") -> Confirm:
    """A callback that shows the consequences on stderr and reads the answer from stdin.

    With ``agreed`` (``--yes``), it shows them without asking. Otherwise, both streams must be terminals. ``otherwise``
    is the hint of the error if the answer is no.
    """

    def confirm(consequence: str) -> bool:
        if agreed:
            environment.progress(consequence)
            return False
        if not environment.is_interactive:
            raise NotConfirmed(
                f"{consequence} This requires confirmation, and there is no terminal to ask on; use --yes to confirm.",
                hint=otherwise,
            )
        environment.diagnostics.prompt(f"{consequence} Continue? [y/N] ")
        if _answer(environment).strip().lower() not in _AGREEMENT:
            raise NotConfirmed("Not confirmed.", hint=otherwise)
        return True

    return confirm


def _answer(environment: Environment) -> str:
    """The line that the user typed; ends the line of the question if the user did not (Ctrl-C, Ctrl-D)."""
    answer = ""
    try:
        answer = environment.stdin.readline()
    finally:
        if not answer.endswith("\n"):
            environment.diagnostics.line("")
    return answer
