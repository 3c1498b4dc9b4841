"""``psyche-cli workers``."""

from __future__ import annotations

from psyche_cli.cli.sessions import plain


@plain(example="psyche-cli workers list")
def command() -> None:
    """Supervise workers, and inspect, cancel and remove their runs.

    A run of workers consists of processes that a daemon starts and supervises on this machine or on a Ray cluster, for
    example the members of a rehearsal.
    """
