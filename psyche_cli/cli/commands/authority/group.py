"""``psyche-cli authority``."""

from __future__ import annotations

from psyche_cli.cli.sessions import plain


@plain(example="psyche-cli authority check --run-id my-run")
def command() -> None:
    """Inspect who controls a run."""
