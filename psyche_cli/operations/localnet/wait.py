"""``localnet wait``: wait until a validator is ready."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

from psyche_cli.durations import parse_time_limit
from psyche_cli.environment import Clock, Environment
from psyche_cli.errors import NetworkError, TimedOut
from psyche_cli.operations.localnet.payloads import WaitData
from psyche_cli.operations.localnet.ready_file import read_ready_file
from psyche_cli.operations.sessions import Session, reading_session
from psyche_cli.results import OperationResult
from psyche_cli.solana.endpoints import is_loopback
from psyche_cli.solana.rpc.deadline import in_seconds

_LONGEST_WAIT: Final = 7 * 86400
_LONGEST_REQUEST: Final = 5.0
_PAUSE: Final = 0.1


def wait_for_file(environment: Environment, path: Path, timeout: str) -> OperationResult[WaitData]:
    """Wait until a validator has this ready file, and until it is ready. Raises UsageError, LocalnetError, TimedOut."""
    clock = environment.clock
    seconds = parse_time_limit(timeout, maximum=_LONGEST_WAIT)
    deadline = clock.monotonic() + seconds
    with environment.waits.showing(f"Waiting for {path}") as wait:
        while (ready := read_ready_file(path)) is None:
            left = deadline - clock.monotonic()
            if left <= 0:
                raise TimedOut(
                    f"No local validator wrote the ready file {path} within {in_seconds(seconds)}.",
                    hint=f"Start one with: psyche-cli localnet --ready-file {shlex.quote(str(path))}",
                )
            wait.now("{} s left", left)
            environment.waits.sleep(clock, min(_PAUSE, left))
    with reading_session(environment, rpc=ready.rpc_url) as session:
        return _wait(session, clock, max(deadline - clock.monotonic(), _PAUSE))


def wait_until_healthy(session: Session, clock: Clock, timeout: str) -> OperationResult[WaitData]:
    """Call ``getHealth`` until it returns ``ok``, for at most ``timeout`` (a duration such as ``60`` or ``2m``).

    Connection failures, timeouts and error responses are retried. Raises UsageError, and TimedOut with the last
    failure.
    """
    return _wait(session, clock, parse_time_limit(timeout, maximum=_LONGEST_WAIT))


def _wait(session: Session, clock: Clock, seconds: float) -> OperationResult[WaitData]:
    label = session.rpc.label
    deadline = clock.monotonic() + seconds
    failure = "it was not contacted."
    waits = session.rpc.waits
    with waits.showing(f"Waiting for {label} to become ready") as wait:
        while (left := deadline - clock.monotonic()) > 0:
            wait.now("{} s left", left)
            try:
                health = session.rpc.without_retries(min(left, _LONGEST_REQUEST)).request("getHealth")
                if health == "ok":
                    return OperationResult(summary=f"{label} is ready.", data=WaitData(endpoint=label))
                failure = "getHealth did not return ok."
            except NetworkError as error:
                failure = error.message
            waits.sleep(clock, min(_PAUSE, max(0.0, deadline - clock.monotonic())))
    raise TimedOut(
        f"{label} did not become ready within {in_seconds(clock.monotonic() - deadline + seconds)}: {failure}",
        hint="Start a local validator with: psyche-cli localnet" if is_loopback(label) else "Check --rpc.",
        endpoint=label,
    )
