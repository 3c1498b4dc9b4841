"""Operations on a run that wait for their moment. Each call is one check, which acts if the moment has come.

They need a session with a ``state_folder``, in which they record what they do, so that nothing is done twice; the
commands of ``psyche-cli schedule`` may share it. Every function may raise the errors of functions that write,
JournalError, and UsageError for a session without a state folder.
"""

from __future__ import annotations

from psyche_cli.api.sessions import SigningSession
from psyche_cli.errors import UsageError
from psyche_cli.operations.schedule import pause as pausing
from psyche_cli.operations.schedule import tick as ticking
from psyche_cli.operations.schedule import top_up as funding
from psyche_cli.operations.schedule.looks import Request
from psyche_cli.operations.schedule.moments import parse_moment
from psyche_cli.operations.schedule.payloads import ScheduledData
from psyche_cli.results import OperationResult


def schedule_pause(
    session: SigningSession, *, run_id: str, at: str, treasurer_index: int | None = None
) -> OperationResult[ScheduledData]:
    """Pause a run once it has reached a moment: ``step:N``, ``epoch:N``, or a time by the cluster's clock (ISO 8601).

    Does nothing afterwards, even if the run is resumed. Raises RunNotFound, NotAuthority.
    """
    moment = parse_moment(at)
    request = _request(session, "pause", run_id, moment.key)
    with session.writing("schedule pause", run_id=run_id) as operation:
        return pausing.schedule_pause(operation, request, moment, treasurer_index)


def schedule_top_up(
    session: SigningSession,
    *,
    run_id: str,
    keep_epochs: int,
    max: str,
    per_day: str,
    max_in_all: str | None = None,
    treasurer_index: int | None = None,
) -> OperationResult[ScheduledData]:
    """Transfer what a run's vault lacks for ``keep_epochs`` future epochs, within limits in whole tokens.

    ``max`` limits one transfer; ``per_day`` and ``max_in_all`` limit what the vault receives from anyone, in any 24
    hours of the cluster's clock and ever. Raises InvalidAmount, RunNotFound, and Refused for a run without a treasurer.
    """
    wanted = funding.TopUpLimits(keep_epochs, max, per_day, max_in_all)
    with session.writing("schedule top-up", run_id=run_id) as operation:
        return funding.schedule_top_up(operation, _request(session, "top-up", run_id), wanted, treasurer_index)


def schedule_tick(
    session: SigningSession, *, run_id: str, while_overdue: bool = False
) -> OperationResult[ScheduledData]:
    """Send a tick if one is due; with ``while_overdue``, further ones until none is, at most 16. Raises RunNotFound."""
    with session.writing("schedule tick", run_id=run_id) as operation:
        return ticking.schedule_tick(operation, _request(session, "tick", run_id), while_overdue=while_overdue)


def _request(session: SigningSession, verb: str, run_id: str, moment: str = "") -> Request:
    if session.state_folder is None:
        raise UsageError(
            "Scheduled operations need a session with a state folder.",
            hint="Pass state_folder to open_signing_session.",
        )
    return Request(verb, run_id, session.state_folder, None, moment)
