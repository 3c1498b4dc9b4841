"""The options that all scheduled operations share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from psyche_cli.cli.options import option
from psyche_cli.cli.sessions import Call, ForRun
from psyche_cli.errors import UsageError

if TYPE_CHECKING:
    from psyche_cli.operations.schedule.looks import Request
    from psyche_cli.operations.signing import SigningSession
    from psyche_cli.results import Result

Follow = Annotated[bool, option("--follow", help="Keep checking until nothing is left to do.")]
Interval = Annotated[
    str | None,
    option("--interval", metavar="DURATION", help="Time between checks with --follow, such as 30s. Defaults to 1m."),
]


def scheduled(
    call: Call,
    verb: str,
    run_id: str,
    follow: bool,
    interval: str | None,
    write: Callable[[SigningSession, Request], Result],
    moment: str = "",
) -> ForRun:
    """What a scheduled operation does with its session. Raises UsageError."""
    from psyche_cli.operations.monitoring.intervals import parse_interval
    from psyche_cli.operations.schedule.looks import Request
    from psyche_cli.solana.sending.recording import intent_text

    if interval is not None and not follow:
        raise UsageError("--interval requires --follow.")
    every = parse_interval(interval or "1m") if follow else None
    request = Request(verb, run_id, call.values["state_dir"] or call.environment.state_folder, every, moment)
    # The intent does not depend on the limits, so that a command with others settles what this one leaves unsettled.
    intent = intent_text(f"schedule {verb}", {"run_id": run_id})
    return ForRun(run_id, intent, lambda session: write(session, request))
