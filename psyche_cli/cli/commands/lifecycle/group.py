"""``psyche-cli lifecycle``."""

from __future__ import annotations

from psyche_cli.cli.sessions import plain


@plain(example="psyche-cli lifecycle explain psyche-run Warmup")
def command() -> None:
    """Explain the states of runs, of Crynux tasks and of workers.

    The answers come from the rules of the programs, not from a cluster.
    """
