"""Every state that a run passes through, as a stream of observations, with notices about the connection."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from psyche_cli.errors import AccountNotFound, NetworkError, RunNotFound
from psyche_cli.operations.status.observation import Observation, observe, observe_again
from psyche_cli.solana.rpc.deadline import Deadline

if TYPE_CHECKING:
    from typing_extensions import Self

    from psyche_cli.operations.sessions import Session

POLL_SECONDS: Final = 2.0
"""The pause between two reads of a run without a WebSocket."""

NoticeKind: TypeAlias = Literal["connected", "polling", "lost", "gap", "rolled_back", "closed"]


class StreamNotice(NamedTuple):
    """A change of the connection or of the stream itself. ``message`` is a sentence for the user.

    - ``connected``: changes are now reported by the endpoint over a WebSocket.
    - ``polling``: there is no WebSocket, so the run is read every few seconds.
    - ``lost``: the endpoint cannot be reached. The stream continues once it can; what happened meanwhile follows.
    - ``gap``: the next observation is more than one transaction after the one before, because the endpoint's ledger
      does not show the transactions between them. ``nonces`` are those of the two observations.
    - ``rolled_back``: the next observation is older than the one before, because the chain was rolled back.
    - ``closed``: the run was closed. The stream has ended.
    """

    kind: NoticeKind
    message: str
    nonces: tuple[int, int] | None = None


StreamItem: TypeAlias = "Observation | StreamNotice"


class RunStream:
    """The states of a run from now on, in order, each once. A context manager.

    The first observation is that of ``start``. ``latest`` is the newest observation.
    """

    def __init__(self, session: Session, run_id: str, treasurer_index: int | None = None) -> None:
        self.ended = False
        self.latest = observe(session, run_id, treasurer_index)
        self._session = session
        self._clock = session.feed.clock
        self._items: deque[StreamItem] = deque([self.latest])
        self._next_poll = self._clock.monotonic() + POLL_SECONDS
        self._is_lost = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""

    def next(self, seconds: float) -> StreamItem | None:
        """The next item, or None if there is none within ``seconds`` or the stream has ended (``ended``).

        A read that is in progress may take longer, but not longer than the deadline of the session's RPC client.
        """
        deadline = Deadline(self._clock, seconds)
        while not self._items and not self.ended and not deadline.passed:
            self._advance(deadline.remaining)
        return self._items.popleft() if self._items else None

    def _advance(self, seconds: float) -> None:
        pause = self._next_poll - self._clock.monotonic()
        if pause > 0:
            self._clock.sleep(min(pause, seconds))
            return
        try:
            self._absorb(observe_again(self._session, self.latest))
        except (RunNotFound, AccountNotFound):
            self._end("was closed")
        except NetworkError as error:
            if not self._is_lost:
                self._items.append(StreamNotice("lost", str(error)))
            self._is_lost = True
        else:
            self._is_lost = False
        self._next_poll = self._clock.monotonic() + POLL_SECONDS

    def _absorb(self, now: Observation) -> None:
        before = self.latest
        if now.run.instance.coordinator_account != before.run.instance.coordinator_account:
            self._end("was closed, and another run was created with its id")
            return
        if now.clock.slot < before.clock.slot or _same(now, before):
            return
        self.latest = now
        self._items.append(now)

    def _end(self, what: str) -> None:
        self._items.append(StreamNotice("closed", f"Run {self.latest.run.run_id!r} {what}."))
        self.ended = True


def _same(one: Observation, other: Observation) -> bool:
    return one.run.treasury == other.run.treasury and one.state == other.state
