"""``localnet status`` and ``localnet stop``: a local validator that runs, here found by its URL or its ready file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from psyche_cli.durations import parse_time_limit
from psyche_cli.environment import Clock, Environment
from psyche_cli.errors import ExitCode, Json, LocalnetError, TimedOut, Unreachable
from psyche_cli.members.local_validator import call_control
from psyche_cli.operations.localnet.payloads import DeployedProgram, StatusData, StopData
from psyche_cli.operations.localnet.ready_file import read_ready_file
from psyche_cli.operations.sessions import Session, reading_session
from psyche_cli.operations.times import iso_time
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.results import OperationResult
from psyche_cli.solana.endpoints import is_loopback
from psyche_cli.solana.rpc.answers import as_list, as_object, as_text, as_u64
from psyche_cli.solana.rpc.deadline import in_seconds

_Value = TypeVar("_Value")

_LONGEST_WAIT: Final = 86400
_LONGEST_REQUEST: Final = 5.0
_PAUSE: Final = 0.02
_START: Final = "Start one with: psyche-cli localnet"


def call_running(session: Session, method: str, *params: Json, read: Callable[[Json], _Value]) -> _Value:
    """``call_control``, which raises LocalnetError if no process listens at a URL on this machine."""
    label = session.rpc.label
    try:
        return call_control(session.rpc, method, *params, read=read)
    except Unreachable as error:
        if not _is_nobody_there(error, label):
            raise
        raise LocalnetError(f"No local validator is running at {label}.", hint=_START, endpoint=label) from error


def status(session: Session) -> OperationResult[StatusData]:
    """What a local validator reports about itself; the exit code is NO if it cannot execute transactions.

    Raises LocalnetError if none is running, or if the cluster is not a local validator of psyche-cli.
    """
    label = session.rpc.label
    data = call_running(session, "localnet_status", read=lambda answer: _status_data(label, answer))
    return OperationResult(
        summary=f"A local validator is running at {label}."
        if data.writable
        else f"The local validator at {label} cannot execute transactions: {data.problem}.",
        data=data,
        details=(
            ("slot", f"{data.slot:,}"),
            ("block height", f"{data.block_height:,}"),
            ("transactions", f"{data.transactions:,}"),
            ("time", iso_time(data.unix_timestamp)),
            ("ledger", data.ledger or "in memory"),
            ("programs", ", ".join(program.name or program.id for program in data.programs) or "none"),
            ("version", f"psyche-cli {data.version}"),
            ("process", str(data.pid)),
        ),
        exit_code=ExitCode.OK if data.writable else ExitCode.NO,
    )


def status_by_file(environment: Environment, path: Path) -> OperationResult[StatusData]:
    """The status of the validator with this ready file. Raises LocalnetError if none is running, and UsageError."""
    ready = read_ready_file(path)
    if ready is None:
        raise LocalnetError(f"No local validator with the ready file {path} is running.", hint=_START, path=str(path))
    with reading_session(environment, rpc=ready.rpc_url) as session:
        return status(session)


def stop(session: Session, clock: Clock, timeout: str) -> OperationResult[StopData]:
    """Stop a local validator, and wait at most ``timeout`` until its ports are free. Does nothing if none is running.

    Raises LocalnetError if the cluster is not a local validator of psyche-cli, TimedOut and UsageError.
    """
    seconds = parse_time_limit(timeout, maximum=_LONGEST_WAIT)
    label = session.rpc.label
    try:
        call_control(session.rpc, "localnet_stop", read=lambda _: None)
    except Unreachable as error:
        if _is_nobody_there(error, label):
            return OperationResult(
                summary=f"No local validator is running at {label}.", data=StopData(endpoint=label, was_running=False)
            )
        # It may have stopped before its answer was read.
        if error.request_sent is False:
            raise
    _wait_until(session, clock, seconds, lambda left: not _answers(session, left))
    return OperationResult(
        summary=f"Stopped the local validator at {label}.", data=StopData(endpoint=label, was_running=True)
    )


def stop_by_file(environment: Environment, path: Path, timeout: str) -> OperationResult[StopData]:
    """Stop the validator with this ready file, and wait until the file is gone. Does nothing if none is running.

    Raises the errors of ``stop``.
    """
    seconds = parse_time_limit(timeout, maximum=_LONGEST_WAIT)
    ready = read_ready_file(path)
    if ready is None:
        return OperationResult(
            summary=f"No local validator with the ready file {path} is running.",
            data=StopData(endpoint=None, was_running=False),
        )
    with reading_session(environment, rpc=ready.rpc_url) as session:
        stopped = stop(session, environment.clock, timeout)
        _wait_until(session, environment.clock, seconds, lambda _: read_ready_file(path) is None)
    return stopped


def _wait_until(session: Session, clock: Clock, seconds: int, is_done: Callable[[float], bool]) -> None:
    """Call ``is_done``, which gets the seconds that are left, until it returns True. Raises TimedOut."""
    label, waits = session.rpc.label, session.rpc.waits
    deadline = clock.monotonic() + seconds
    with waits.showing(f"Waiting for {label} to stop"):
        while (left := deadline - clock.monotonic()) > 0:
            if is_done(left):
                return
            waits.sleep(clock, min(_PAUSE, left))
    raise TimedOut(
        f"The local validator at {label} did not stop within {in_seconds(seconds)}.",
        hint="Its process id is shown by: psyche-cli localnet status",
        endpoint=label,
    )


def _answers(session: Session, left: float) -> bool:
    """Whether a process still listens on the port."""
    try:
        session.rpc.without_retries(min(left, _LONGEST_REQUEST)).request("getHealth")
    except Unreachable as error:
        return not _is_nobody_there(error, session.rpc.label)
    except TimedOut:
        return True
    return True


def _is_nobody_there(error: Unreachable, label: str) -> bool:
    """Whether the error says that no process on this machine listens at the endpoint."""
    return error.request_sent is False and is_loopback(label)


def _status_data(label: str, answer: Json) -> StatusData:
    """The payload of an answer. Raises ValueError."""
    fields = as_object(answer)
    ledger, problem = (None if fields.get(name) is None else as_text(fields[name]) for name in ("ledger", "problem"))
    slot_seconds, unix_timestamp = fields.get("slotSeconds"), fields.get("unixTimestamp")
    if not isinstance(slot_seconds, int | float) or not isinstance(unix_timestamp, int):
        raise ValueError("the times are not numbers")
    names = {str(address): name for name, address in PUBLISHED.by_name.items()}
    programs = [as_text(program) for program in as_list(fields.get("programs"))]
    return StatusData(
        endpoint=label,
        version=as_text(fields.get("version")),
        pid=as_u64(fields.get("pid")),
        slot=as_u64(fields.get("slot")),
        block_height=as_u64(fields.get("blockHeight")),
        transactions=as_u64(fields.get("transactionCount")),
        unix_timestamp=unix_timestamp,
        slot_seconds=float(slot_seconds),
        ledger=ledger,
        writable=problem is None,
        problem=problem,
        programs=tuple(DeployedProgram(name=names.get(program), id=program) for program in programs),
    )
