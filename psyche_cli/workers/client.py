"""The client of the worker daemon, for commands and for programs that conduct workers.

::

    with connect(state_folder) as daemon:
        run = daemon.submit(configuration).run
        for change in daemon.watch_runs(run.run_id):
            ...
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import RLock, Thread
from typing import TYPE_CHECKING, Any, Final, TypeVar

from psyche_cli.errors import (
    DaemonError,
    DaemonUnavailable,
    InvalidSubmission,
    PsycheError,
    RegistryError,
    TelemetryError,
    WorkerRunNotFound,
    WorkersNotEnded,
)
from psyche_cli.workers.daemon_file import DaemonFile, folder_unusable, read_daemon_file, read_token
from psyche_cli.workers.service import contract
from psyche_cli.workers.storage.layout import WorkersFolder

if TYPE_CHECKING:
    import grpc

    from psyche_cli.workers.director import Director
    from psyche_cli.workers.service import worker_pb2
    from psyche_cli.workers.service.worker_pb2_grpc import WorkerServiceStub
    from psyche_cli.workers.telemetry.events import Delivery

_Answer = TypeVar("_Answer")

START_SECONDS: Final = 30.0
"""How long a daemon may take to start."""
STOP_SECONDS: Final = 60.0
"""How long workers may take to end when the daemon is stopped."""
_CALL_SECONDS: Final = 30.0
_CONNECT_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.02
_MOST_REPORT: Final = 65_536
_UNREACHED: Final = frozenset(("UNAVAILABLE", "CANCELLED"))


def connect(state_folder: Path, *, start: bool = True) -> DaemonClient:
    """A client of the daemon of a state folder. Starts the daemon if none runs, unless ``start`` is False.

    Raises DaemonUnavailable.
    """
    client = DaemonClient(WorkersFolder.of_state(state_folder), start=start)
    try:
        client.open()
    except BaseException:
        client.close()
        raise
    return client


class DaemonClient:
    """A connection to the daemon. Safe to use from any thread. Created by ``connect``.

    Calls raise DaemonError, and the errors of the registry. If the daemon ends between two calls, the next one finds or
    starts another one.
    """

    def __init__(self, folder: WorkersFolder, *, start: bool) -> None:
        self._folder = folder
        self._start = start
        self._lock = RLock()
        self._channel: grpc.Channel | None = None
        self._stub: WorkerServiceStub | None = None
        self._known: DaemonFile | None = None

    def __enter__(self) -> DaemonClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Connect to the daemon, and start it if that is wanted. Raises DaemonUnavailable."""
        with self._lock:
            self._open()

    def _open(self) -> None:
        found = read_daemon_file(self._folder.daemon_pid)
        if found is None or not found.is_alive:
            found = self._started()
        if found.protocol != contract.PROTOCOL_VERSION:
            raise DaemonUnavailable(
                f"The worker daemon that runs has protocol version {found.protocol}, and this psyche-cli "
                f"{contract.PROTOCOL_VERSION}.",
                hint=f"Use the psyche-cli that started it, or end it (process {found.pid}) once its runs have ended.",
                address=found.address,
                log=str(self._folder.daemon_log),
            )
        if found != self._known:
            self.close()
            contract.require_grpc()
            import grpc

            from psyche_cli.workers.service.worker_pb2_grpc import WorkerServiceStub

            self._channel = grpc.insecure_channel(found.address, options=contract.CHANNEL_OPTIONS)
            self._stub = WorkerServiceStub(self._channel)
            self._known = found
            with contextlib.suppress(grpc.FutureTimeoutError):
                grpc.channel_ready_future(self._channel).result(_CONNECT_SECONDS)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._channel is not None:
                self._channel.close()
            self._channel = self._stub = self._known = None

    @property
    def daemon(self) -> DaemonFile | None:
        """The process and address of the daemon that this client is connected to."""
        return self._known

    # --- calls --------------------------------------------------------------------------------------------------

    def submit(self, configuration: Mapping[str, Any] | str) -> worker_pb2.SubmitRunResponse:
        """Submit a run. The same configuration again returns the same run. Raises InvalidSubmission."""
        from psyche_cli.workers.registry.submission import check_size
        from psyche_cli.workers.service import worker_pb2

        text = configuration if isinstance(configuration, str) else json.dumps(configuration)
        check_size(text)
        request = worker_pb2.SubmitRunRequest(config_json=text)
        return self._call(lambda stub, options: stub.SubmitRun(request, **options))

    def cancel(self, run_id: str) -> worker_pb2.CancelRunResponse:
        """Request that a run end. It is CANCELLED once none of its processes is left. Raises WorkerRunNotFound."""
        from psyche_cli.workers.service import worker_pb2

        request = worker_pb2.CancelRunRequest(run_id=run_id)
        return self._call(lambda stub, options: stub.CancelRun(request, **options))

    def list_runs(self, *run_ids: str, open_only: bool = False, limit: int | None = None) -> list[worker_pb2.Run]:
        """The runs with these ids; all runs without ids. With ``limit``, only that many, the latest ones."""
        from psyche_cli.workers.service import worker_pb2

        found: list[worker_pb2.Run] = []
        request = worker_pb2.ListRunsRequest(run_ids=run_ids, open_only=open_only)
        while limit is None or len(found) < limit:
            request.limit = 0 if limit is None else limit - len(found)
            page = self._call(lambda stub, options: stub.ListRuns(request, **options))
            found = [*page.runs, *found]
            if page.left_out == 0:
                break
            request.before = page.runs[0].run_id
        return found

    def health(self) -> worker_pb2.GetHealthResponse:
        """What the daemon says about itself."""
        from psyche_cli.workers.service import worker_pb2

        return self._call(lambda stub, options: stub.GetHealth(worker_pb2.GetHealthRequest(), **options))

    def stop(self, *, cancel_runs: bool = False, leave_workers: bool = False, seconds: float = STOP_SECONDS) -> None:
        """Stop the daemon, and wait until its process has ended.

        It refuses while a run is open, unless ``cancel_runs`` or ``leave_workers`` is set: the runs are cancelled
        first, or their workers continue and the next daemon adopts them. Workers that are to end may take ``seconds``.
        Raises WorkersNotEnded if some have not ended by then, but the daemon has, and DaemonUnavailable if it has not.
        """
        from psyche_cli.workers.service import worker_pb2

        known = self._known
        request = worker_pb2.StopDaemonRequest(cancel_runs=cancel_runs, leave_workers=leave_workers, seconds=seconds)
        limit = seconds + _CALL_SECONDS
        answer = self._call(lambda stub, options: stub.StopDaemon(request, **options), again=False, seconds=limit)
        until = time.monotonic() + START_SECONDS
        while known is not None and known.is_alive:
            if time.monotonic() > until:
                raise DaemonUnavailable(
                    f"The worker daemon does not end: its process {known.pid} still runs.",
                    address=known.address,
                    log=str(self._folder.daemon_log),
                )
            time.sleep(_PAUSE_SECONDS)
        self.close()
        if answer.not_ended:
            raise WorkersNotEnded.of(answer.not_ended)

    def watch_runs(self, *run_ids: str) -> Iterator[worker_pb2.RunChange]:
        """The runs as they are, and then each run that has changed. Ends with the daemon, by DaemonUnavailable."""
        from psyche_cli.workers.service import worker_pb2

        request = worker_pb2.WatchRunsRequest(run_ids=run_ids)
        return self._stream(lambda stub, options: stub.WatchRuns(request, **options))

    def wait_for_end(self, run_id: str, seconds: float | None = None) -> worker_pb2.Run:
        """Wait until a run has ended, and return it. Raises DaemonError if it has not within ``seconds``."""
        from psyche_cli.workers.service import worker_pb2

        until = None if seconds is None else time.monotonic() + seconds
        request = worker_pb2.WatchRunsRequest(run_ids=[run_id])
        while True:
            left = None if until is None else max(until - time.monotonic(), 0)
            try:
                for change in self._stream(lambda stub, options: stub.WatchRuns(request, **options), left):
                    if change.run.run_id == run_id and change.run.finished_at:
                        return change.run
            except DaemonUnavailable:
                if not self._start:
                    raise
                self.open()
            except DaemonError as error:
                if error.reason != _DEADLINE:
                    raise
                raise DaemonError(f"The run {run_id} has not ended in time.", reason=_DEADLINE) from None

    def steps(self, run_id: str, since_seq: int = 0, *, follow: bool = False) -> Iterator[Delivery]:
        """The steps of a run after ``since_seq``; with ``follow``, until the run has ended."""
        request = self._listen_request(run_id, since_seq, follow)
        return self._deliveries(lambda stub, options: stub.StreamRunSteps(iter((request,)), **options))

    def episodes(self, run_id: str, since_seq: int = 0, *, follow: bool = False) -> Iterator[Delivery]:
        """The episodes of a run after ``since_seq``; with ``follow``, until the run has ended."""
        request = self._listen_request(run_id, since_seq, follow)
        return self._deliveries(lambda stub, options: stub.StreamRunEpisodes(iter((request,)), **options))

    def direct(self) -> Director:
        """Control workers, and receive their reports."""
        from psyche_cli.workers.director import Director

        return Director(self)

    # --- inside -------------------------------------------------------------------------------------------------

    def call_options(self, seconds: float | None) -> dict[str, Any]:
        """The metadata and the time limit of a call."""
        return {"metadata": contract.call_metadata(read_token(self._folder.daemon_token)), "timeout": seconds}

    def stub(self) -> WorkerServiceStub:
        """The stub of the daemon, which is connected first if necessary."""
        with self._lock:
            if self._stub is None:
                self._open()
            assert self._stub is not None
            return self._stub

    def _call(
        self,
        call: Callable[[WorkerServiceStub, dict[str, Any]], _Answer],
        *,
        again: bool = True,
        seconds: float = _CALL_SECONDS,
    ) -> _Answer:
        import grpc

        until = time.monotonic() + (_CONNECT_SECONDS if again else 0)
        while True:
            try:
                return call(self.stub(), self.call_options(seconds))
            except (grpc.RpcError, ValueError) as error:
                self._prepare_again(error, until)

    def _stream(
        self, call: Callable[[WorkerServiceStub, dict[str, Any]], Iterator[_Answer]], seconds: float | None = None
    ) -> Iterator[_Answer]:
        import grpc

        until = time.monotonic() + _CONNECT_SECONDS
        while True:
            answers: Any = None
            try:
                answers = call(self.stub(), self.call_options(seconds))
                for answer in answers:
                    until = 0.0  # what was received is not received again
                    yield answer
                return
            except (grpc.RpcError, ValueError) as error:
                self._prepare_again(error, until)
            finally:
                if answers is not None:
                    answers.cancel()

    def _deliveries(
        self, call: Callable[[WorkerServiceStub, dict[str, Any]], Iterator[worker_pb2.EventDelivery]]
    ) -> Iterator[Delivery]:
        from psyche_cli.workers.telemetry.wire import delivery_of

        return map(delivery_of, self._stream(call))

    def _prepare_again(self, error: grpc.RpcError | ValueError, until: float) -> None:
        """Connect to the next daemon after a call that failed. Raises the error if that is of no use."""
        if isinstance(error, ValueError):  # another thread has closed the channel, to connect to the next daemon
            if time.monotonic() > until:
                raise DaemonUnavailable("The worker daemon does not respond.") from None
        elif error.code().name not in _UNREACHED or time.monotonic() > until:
            raise self.error_of(error) from None
        time.sleep(_PAUSE_SECONDS)
        self.open()

    def error_of(self, error: grpc.RpcError) -> PsycheError:
        """The error of this package for a failed call."""
        found: Any = error.trailing_metadata() or ()
        trailing = dict(found)
        code, hint = trailing.get(contract.ERROR, ""), trailing.get(contract.HINT, b"")
        message = error.details() or ""
        kind = _KINDS.get(code)
        hint_text = hint.decode(errors="replace") if isinstance(hint, bytes) else hint
        if kind is not None:
            return kind(message, hint=hint_text)
        address = None if self._known is None else self._known.address
        if error.code().name in _UNREACHED:
            return DaemonUnavailable(
                "The worker daemon does not respond.", address=address, log=str(self._folder.daemon_log)
            )
        if error.code().name == "UNAUTHENTICATED":
            message = "The worker daemon does not accept the token in daemon.token."
        return DaemonError(message, hint=hint_text, reason=code or error.code().name.lower(), address=address)

    def _listen_request(self, run_id: str, since_seq: int, follow: bool) -> worker_pb2.ListenRequest:
        from psyche_cli.workers.service import worker_pb2

        return worker_pb2.ListenRequest(run_id=run_id, since_seq=since_seq, follow=follow)

    def _started(self) -> DaemonFile:
        """Start the daemon, and return once it accepts calls."""
        log = self._folder.daemon_log
        if not self._start:
            raise DaemonUnavailable("No worker daemon runs.", hint="Start it with: psyche-cli workers daemon")
        contract.require_grpc()
        try:
            for folder in (self._folder.path, log.parent):  # with parents=True, the mode is only that of the last one
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Clients that need a daemon at the same time start only one.
            with open(self._folder.path / "start.lock", "a", opener=_private) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                found = read_daemon_file(self._folder.daemon_pid)
                return found if found is not None and found.is_alive else self._start_process(log)
        except OSError as error:
            raise folder_unusable(self._folder.path, error) from error

    def _start_process(self, log: Path) -> DaemonFile:
        command = [sys.executable, "-m", "psyche_cli.workers.daemon", str(self._folder.path.parent), "--on-demand"]
        with open(log, "ab", opener=_private) as errors, tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, start_new_session=True, cwd="/"
            )
            # The daemon outlives this process, or is reaped when it ends.
            Thread(target=process.wait, name="daemon process", daemon=True).start()
            until = time.monotonic() + START_SECONDS
            while time.monotonic() < until:
                found = read_daemon_file(self._folder.daemon_pid)
                if found is not None and found.is_alive:
                    return found
                # It also ends, with 0, if another client has just started a daemon, which is then about to be ready.
                if process.returncode not in (None, 0):
                    output.seek(0)
                    raise self._not_started(output.read(_MOST_REPORT))
                time.sleep(_PAUSE_SECONDS)
        raise self._not_started(b"")

    def _not_started(self, report: bytes) -> DaemonUnavailable:
        """The error for a daemon that has ended, with what it has reported."""
        log, reason, hint = str(self._folder.daemon_log), "", ""
        with contextlib.suppress(ValueError, KeyError, TypeError):
            found = json.loads(report)
            reason, hint = str(found["message"]), str(found["hint"])
        return DaemonUnavailable(
            f"The worker daemon cannot be started{f': {reason}' if reason else '.'}",
            hint=hint or f"Its log is {log}.",
            log=log,
        )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


_DEADLINE: Final = "deadline_exceeded"
_KINDS: Final[dict[str, type[PsycheError]]] = {
    kind.code_of_class(): kind for kind in (InvalidSubmission, WorkerRunNotFound, RegistryError, TelemetryError)
}
