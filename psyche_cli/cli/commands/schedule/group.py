"""``psyche-cli schedule``."""

from __future__ import annotations

from psyche_cli.cli.sessions import plain


@plain(example="psyche-cli schedule tick --run-id my-run --while-overdue")
def command() -> None:
    """Operations on a run that wait for their moment, for cron and systemd.

    Each checks whether its moment has come, acts if so, and may be run as often as you like. With --follow, it keeps
    checking until nothing is left to do.
    """
