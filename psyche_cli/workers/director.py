"""The owner's side of control: directs workers, and receives their reports."""

from __future__ import annotations

import time
from collections import deque
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING, Any, Final

from psyche_cli.errors import DaemonUnavailable, PsycheError
from psyche_cli.workers.service.contract import TurnKind
from psyche_cli.workers.service.outgoing import Outgoing

if TYPE_CHECKING:
    from psyche_cli.workers.client import DaemonClient
    from psyche_cli.workers.service import worker_pb2

_RETRY_SECONDS: Final = 0.1
_CLOSE_SECONDS: Final = 2.0
RECONNECT_SECONDS: Final = 30.0
"""How long the daemon may be unreachable."""


class Director:
    """A control stream of the owner, which survives restarts of the daemon. Safe to use from any thread.

    A worker that is ``""`` stands for every worker of the run. After a restart, the turn of each worker that has not
    been reported yet is given again; a worker makes each turn only once. The numbers of a worker's turns must increase.
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
        self._stream: Any = None
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
        """Give a worker a turn. Wait for the report of its previous one first: this turn replaces one that has not
        reached the worker.
        """
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
        """End the stream. A daemon that does not respond is not waited for."""
        with self._changed:
            self._closed.set()
            self._changed.notify_all()
        self._outgoing.close()
        self._thread.join(_CLOSE_SECONDS)
        if self._stream is not None:
            self._stream.cancel()

    def _send_event(self, run_id: str, worker_id: str, event: worker_pb2.ControlEvent) -> None:
        self._send(self._messages.Direction(run_id=run_id, worker_id=worker_id, event=event))

    def _send(self, direction: worker_pb2.Direction) -> None:
        with self._changed:
            self._followed.setdefault(direction.run_id)
            self._outgoing.put(direction)

    def _follow(self) -> None:
        reached_at = time.monotonic()
        while not self._closed.is_set():
            failure = self._follow_once()
            if failure is None:
                reached_at = time.monotonic()
            elif time.monotonic() - reached_at > RECONNECT_SECONDS or not isinstance(failure, DaemonUnavailable):
                with self._changed:
                    self._failure = failure
                    self._changed.notify_all()
                return
            self._closed.wait(_RETRY_SECONDS)

    def _follow_once(self) -> PsycheError | None:
        """Follow the stream of one daemon to its end. Returns the error if it was never reached, or refused."""
        import grpc

        outgoing: Outgoing[worker_pb2.Direction] = Outgoing()
        reached = False
        try:
            self._client.open()
            with self._changed:
                again = [*map(self._direction_to_follow, self._followed), *self._unreported.values()]
                self._outgoing = outgoing = Outgoing(*again)
                if self._closed.is_set():
                    return None
            self._stream = self._client.stub().DirectWorkers(outgoing, **self._client.call_options(None))
            for news in self._stream:
                reached = True
                self._receive(news)
        except grpc.RpcError as error:
            failure = self._client.error_of(error)
            return None if reached and isinstance(failure, DaemonUnavailable) else failure
        except PsycheError as error:
            return error
        except ValueError:  # another thread has connected to the next daemon
            return None
        finally:
            outgoing.close()
        return None

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
