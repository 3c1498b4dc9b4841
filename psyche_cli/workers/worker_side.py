"""What a worker program uses: it registers, sends heartbeats, receives control events and reports.

::

    session = register(kind="my-trainer")
    for turn in session.turns():
        ...
        session.report(turn.number, wake_at=1_800_000_000)

A session survives restarts of the daemon. It ends when the run is cancelled, when the daemon no longer accepts its
token, or when no daemon was reached for UNREACHABLE_SECONDS; the program then ends as well.
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psyche_cli.errors import DaemonError, DaemonUnavailable
from psyche_cli.workers.pace import Pace
from psyche_cli.workers.service import contract
from psyche_cli.workers.service.outgoing import Outgoing

if TYPE_CHECKING:
    import grpc

    from psyche_cli.workers.service import worker_pb2, worker_pb2_grpc

UNREACHABLE_SECONDS: Final = 300.0
"""How long a worker goes on without a daemon."""
_CALL_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 2.0
_RETRY_SECONDS: Final = 0.1
_FINAL_CODES: Final = frozenset(("UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION"))


class Turn(NamedTuple):
    """A turn that the owner has given. ``kind`` says whether to act on the run or to compute."""

    number: int
    kind: contract.TurnKind


class Assignment(NamedTuple):
    """What the daemon tells a worker in its environment. ``config`` is the content of the file WORKER_CONFIG."""

    run_id: str
    worker_id: str
    config: Mapping[str, Any]
    target: str
    launch_token: str

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> Assignment:
        """The assignment of this process. Raises DaemonError if it was not started by a daemon."""
        try:
            config = json.loads(Path(variables[contract.CONFIG_VARIABLE]).read_text(encoding="utf-8"))
            names = (contract.TARGET_VARIABLE, contract.LAUNCH_TOKEN_VARIABLE)
            return cls(
                variables[contract.RUN_VARIABLE],
                variables[contract.WORKER_VARIABLE],
                config,
                *(variables[name] for name in names),
            )
        except (KeyError, OSError, ValueError) as error:
            raise DaemonError(
                "This program was not started by the worker daemon: RUN_ID, WORKER_ID, WORKER_CONFIG, DAEMON_TARGET or "
                "LAUNCH_TOKEN is missing or invalid.",
                hint="Submit it as the worker of a run; see docs/workers.md.",
            ) from error


def register(
    *,
    kind: str,
    schema_id: str = "",
    schema_version: int = 0,
    can_pause: bool = False,
    can_checkpoint: bool = False,
    assignment: Assignment | None = None,
) -> WorkerSession:
    """Register this process as a worker, and start its session. Waits for a daemon that is being restarted.

    ``kind`` says what program it is, and ``schema_id`` and ``schema_version`` name the format of its telemetry. Raises
    DaemonError if the daemon refuses, and DaemonUnavailable if none is reached.
    """
    contract.require_grpc()
    import grpc

    from psyche_cli.workers.service import worker_pb2, worker_pb2_grpc

    given = assignment or Assignment.from_environment()
    channel = grpc.insecure_channel(given.target, options=contract.CHANNEL_OPTIONS)
    stub = worker_pb2_grpc.WorkerServiceStub(channel)
    request = worker_pb2.RegisterWorkerRequest(
        run_id=given.run_id,
        worker_id=given.worker_id,
        kind=kind,
        protocol_version=contract.PROTOCOL_VERSION,
        schema_id=schema_id,
        schema_version=schema_version,
        can_pause=can_pause,
        can_checkpoint=can_checkpoint,
    )
    metadata = contract.call_metadata(given.launch_token, given.run_id, given.worker_id)
    until = time.monotonic() + UNREACHABLE_SECONDS
    while True:
        try:
            answer = stub.RegisterWorker(request, metadata=metadata, timeout=_CALL_SECONDS)
            return WorkerSession(given, channel, stub, answer)
        except grpc.RpcError as error:
            if error.code().name in _FINAL_CODES:
                raise DaemonError(f"The daemon refused the worker: {error.details()}") from None
            if time.monotonic() > until:
                raise DaemonUnavailable("The worker daemon does not respond.", address=given.target) from None
            time.sleep(_RETRY_SECONDS)


class WorkerSession:
    """The session of a registered worker. Safe to use from any thread. Created by ``register``."""

    def __init__(
        self,
        assignment: Assignment,
        channel: grpc.Channel,
        stub: worker_pb2_grpc.WorkerServiceStub,
        answer: worker_pb2.RegisterWorkerResponse,
    ) -> None:
        self.run_id = assignment.run_id
        self.worker_id = assignment.worker_id
        self.config = assignment.config
        self.pace = Pace()
        """How fast the owner lets the worker go."""
        self.end_reason = ""
        """Why the session has ended; empty while it has not."""
        self._channel = channel
        self._stub = stub
        self._metadata = contract.call_metadata(answer.session_token, self.run_id, self.worker_id)
        self._heartbeat_seconds = answer.heartbeat_seconds
        self._ended = Event()
        self._reached_at = time.monotonic()
        self._changed = Condition()
        self._turns: deque[Turn] = deque()
        self._newest_turn = 0
        self._last_report: worker_pb2.WorkerMessage | None = None
        self._outgoing: Outgoing[worker_pb2.WorkerMessage] = Outgoing()
        self._control = Thread(target=self._receive_control, name="control", daemon=True)
        self._control.start()
        Thread(target=self._send_heartbeats, name="heartbeats", daemon=True).start()

    @property
    def has_ended(self) -> bool:
        """Whether the worker must end."""
        return self._ended.is_set()

    def wait_for_end(self, seconds: float | None = None) -> bool:
        """Wait until the session ends, at most ``seconds``. Returns whether it has."""
        return self._ended.wait(seconds)

    def turns(self) -> Iterator[Turn]:
        """The turns that the owner gives, until the session ends. Waits for each."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._turns or self._ended.is_set())
                if self._ended.is_set():
                    return
                turn = self._turns.popleft()
            yield turn

    def report(
        self,
        turn: int,
        *,
        wake_at: int = 0,
        has_work: bool = False,
        doing: str = "",
        details: Mapping[str, str] | None = None,
    ) -> None:
        """Report the end of a turn.

        ``wake_at`` is when the worker will act next, in Unix seconds of the cluster; 0: as soon as something changes.
        ``has_work`` is whether it needs a turn to work. Without a daemon, the report is sent to the next one.
        """
        from psyche_cli.workers.service import worker_pb2

        report = worker_pb2.Report(turn=turn, wake_at=wake_at, has_work=has_work, doing=doing, details=details or {})
        message = worker_pb2.WorkerMessage(report=report)
        with self._changed:
            self._last_report = message
            self._outgoing.put(message)

    def close(self, reason: str = "The worker has closed its session.") -> None:
        """End the session. What was reported is sent first, if the daemon can be reached."""
        self._end(reason)
        self._outgoing.close()
        self._control.join(_CLOSE_SECONDS)
        self._channel.close()

    # --- threads ------------------------------------------------------------------------------------------------

    def _send_heartbeats(self) -> None:
        from psyche_cli.workers.service import worker_pb2

        request = worker_pb2.HeartbeatRequest(run_id=self.run_id, worker_id=self.worker_id)
        while not self._ended.wait(self._heartbeat_seconds):
            self._attempt(lambda: self._stub.Heartbeat(request, metadata=self._metadata, timeout=_CALL_SECONDS))

    def _receive_control(self) -> None:
        while not self._ended.is_set():
            self._attempt(self._follow_control)
            self._ended.wait(_RETRY_SECONDS)

    def _follow_control(self) -> None:
        from psyche_cli.workers.service import worker_pb2

        with self._changed:
            # The daemon may have ended before it passed the last report on.
            self._outgoing = Outgoing(*([] if self._last_report is None else [self._last_report]))
            outgoing = self._outgoing
        try:
            taken = 0
            for event in self._stub.ControlStream(outgoing, metadata=self._metadata):
                self._reached_at = time.monotonic()
                self._take(event)
                taken += 1
                if taken == contract.FIRST_CONTROL_CREDITS // 2:
                    outgoing.put(worker_pb2.WorkerMessage(credits=taken))
                    taken = 0
        finally:
            outgoing.close()

    def _attempt(self, call: Any) -> None:
        """Make a call. Ends the session if the daemon refuses it for good, or was not reached for too long."""
        import grpc

        try:
            call()
            self._reached_at = time.monotonic()
        except grpc.RpcError as error:
            if error.code().name in _FINAL_CODES:
                self._end(f"The daemon refused a call: {error.details()}")
            elif time.monotonic() - self._reached_at > UNREACHABLE_SECONDS:
                self._end(f"No daemon was reached for {UNREACHABLE_SECONDS:.0f} seconds.")
        except ValueError:  # the channel was closed
            self._end("The channel was closed.")

    def _take(self, event: worker_pb2.ControlEvent) -> None:
        what = event.WhichOneof("event")
        if what == "turn":
            self._take_turn(event.turn)
        elif what == "steps":
            self.pace.grant(event.steps.steps)
        elif what in ("pause", "resume"):
            self.pace.pause(what == "pause")
        elif what == "rate":
            self.pace.limit(event.rate.steps_per_second)
        elif what == "cancel":
            self._end("The run was cancelled.")

    def _take_turn(self, turn: worker_pb2.GrantTurn) -> None:
        from psyche_cli.workers.service import worker_pb2

        with self._changed:
            if turn.turn > self._newest_turn:
                self._newest_turn = turn.turn
                self._turns.append(Turn(turn.turn, "work" if turn.kind == worker_pb2.WORK else "act"))
                self._changed.notify_all()
            elif self._last_report is not None and self._last_report.report.turn == turn.turn:
                # The owner has not received the report, and gives the turn again.
                self._outgoing.put(self._last_report)

    def _end(self, reason: str) -> None:
        with self._changed:
            self.end_reason = self.end_reason or reason
            self._ended.set()
            self._changed.notify_all()
        self.pace.end()
