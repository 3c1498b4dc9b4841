"""``psyche-cli schedule``."""

from __future__ import annotations

from psyche_cli.cli.sessions import plain


@plain(example="psyche-cli schedule tick --run-id my-run --while-overdue")
def command() -> None:
    """Scheduled operations on a run, for cron and systemd.

    Each checks whether its time has come, acts if so, and may be run as often as you like. With --follow, it keeps
    checking until nothing is left to do.
    """
