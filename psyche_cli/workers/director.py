"""The owner's side of control: directs workers, and receives their reports."""

from __future__ import annotations

from collections import deque
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING, Final

from psyche_cli.errors import PsycheError
from psyche_cli.workers.service.contract import TurnKind
from psyche_cli.workers.service.outgoing import Outgoing

if TYPE_CHECKING:
    from psyche_cli.workers.client import DaemonClient
    from psyche_cli.workers.service import worker_pb2

_RETRY_SECONDS: Final = 0.1
_MOST_FAILURES: Final = 50


class Director:
    """A control stream of the owner, which survives restarts of the daemon. Safe to use from any thread.

    A worker that is ``""`` stands for every worker of the run. After a restart, the turns that have not been reported
    yet are given again; a worker makes each turn only once. The numbers of a worker's turns must increase.
    """

    def __init__(self, client: DaemonClient) -> None:
        from psyche_cli.workers.service import worker_pb2

        self._messages = worker_pb2
        self._client = client
        self._changed = Condition()
        self._news: deque[worker_pb2.WorkerNews] = deque()
        self._followed: dict[str, None] = {}
        self._unreported: dict[tuple[str, str], worker_pb2.Direction] = {}
        self._outgoing: Outgoing[worker_pb2.Direction] = Outgoing()
        self._closed = Event()
        self._failure: PsycheError | None = None
        self._thread = Thread(target=self._follow, name="director", daemon=True)
        self._thread.start()

    def __enter__(self) -> Director:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def follow(self, run_id: str) -> None:
        """Receive the reports of a run's workers, and their changes of state, beginning with what they are now."""
        self._send(self._messages.Direction(run_id=run_id))

    def grant_turn(self, run_id: str, worker_id: str, number: int, kind: TurnKind) -> None:
        """Give a worker a turn."""
        messages = self._messages
        turn = messages.GrantTurn(turn=number, kind=messages.ACT if kind == "act" else messages.WORK)
        direction = messages.Direction(run_id=run_id, worker_id=worker_id, event=messages.ControlEvent(turn=turn))
        with self._changed:
            self._unreported[run_id, worker_id] = direction
        self._send(direction)

    def grant_steps(self, run_id: str, worker_id: str, steps: int) -> None:
        """Allow a worker to make more steps. From the first time on, it makes only steps that were granted."""
        messages = self._messages
        self._send_event(run_id, worker_id, messages.ControlEvent(steps=messages.GrantSteps(steps=steps)))

    def pause(self, run_id: str, worker_id: str = "") -> None:
        """Have a worker make no steps until ``resume``."""
        self._send_event(run_id, worker_id, self._messages.ControlEvent(pause=self._messages.Pause()))

    def resume(self, run_id: str, worker_id: str = "") -> None:
        """Have a paused worker continue."""
        self._send_event(run_id, worker_id, self._messages.ControlEvent(resume=self._messages.Resume()))

    def limit_rate(self, run_id: str, worker_id: str, steps_per_second: float) -> None:
        """Limit the rate of a worker; 0: unlimited."""
        rate = self._messages.LimitRate(steps_per_second=steps_per_second)
        self._send_event(run_id, worker_id, self._messages.ControlEvent(rate=rate))

    def news(self, seconds: float | None = None) -> worker_pb2.WorkerNews | None:
        """The next report or change. Waits for it, at most ``seconds``; None if there was none.

        Raises DaemonError once the daemon cannot be reached or started.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._news or self._failure or self._closed.is_set(), seconds)
            if self._news:
                return self._news.popleft()
            if self._failure is not None:
                raise self._failure
            return None

    def close(self) -> None:
        """End the stream."""
        with self._changed:
            self._closed.set()
            self._changed.notify_all()
        self._outgoing.close()
        self._thread.join()

    def _send_event(self, run_id: str, worker_id: str, event: worker_pb2.ControlEvent) -> None:
        self._send(self._messages.Direction(run_id=run_id, worker_id=worker_id, event=event))

    def _send(self, direction: worker_pb2.Direction) -> None:
        with self._changed:
            self._followed.setdefault(direction.run_id)
            self._outgoing.put(direction)

    def _follow(self) -> None:
        import grpc

        failures = 0
        while not self._closed.is_set():
            failure: PsycheError | None = None
            try:
                with self._changed:
                    again = [*map(self._direction_to_follow, self._followed), *self._unreported.values()]
                    self._outgoing = outgoing = Outgoing(*again)
                    if self._closed.is_set():
                        return
                for news in self._client.stub().DirectWorkers(outgoing, **self._client.call_options(None)):
                    failures = 0
                    self._receive(news)
            except grpc.RpcError as error:
                failure = self._client.error_of(error)
            except PsycheError as error:
                failure = error
            finally:
                outgoing.close()
            failures += 1
            if failure is not None and failures >= _MOST_FAILURES:
                with self._changed:
                    self._failure = failure
                    self._changed.notify_all()
                return
            if not self._closed.wait(_RETRY_SECONDS):
                self._reconnect()

    def _reconnect(self) -> None:
        try:
            self._client.open()
        except PsycheError as error:
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _direction_to_follow(self, run_id: str) -> worker_pb2.Direction:
        return self._messages.Direction(run_id=run_id)

    def _receive(self, news: worker_pb2.WorkerNews) -> None:
        key = (news.run_id, news.worker_id)
        with self._changed:
            if news.WhichOneof("news") == "report":
                given = self._unreported.get(key)
                if given is not None and given.event.turn.turn == news.report.turn:
                    del self._unreported[key]
            self._news.append(news)
            self._changed.notify_all()
