"""``psyche-cli history``."""

from __future__ import annotations

from psyche_cli.cli.sessions import plain


@plain(example="psyche-cli history export --run-id my-run -o my-run.zip")
def command() -> None:
    """Read the history of a run from the ledger."""
