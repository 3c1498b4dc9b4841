"""Every state that a run passes through, as a stream of observations, with notices about the connection.

Each read is compared with the latest observation. If one instruction may have led from one to the other, the read is
the next observation. Otherwise those in between are obtained from the ledger: the transactions since the latest
observation are executed in the model, and must result in the state that was read.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from psyche_cli.errors import AccountNotFound, NetworkError, RunNotFound
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.status.history import transactions_since
from psyche_cli.operations.status.observation import Observation, observe, observe_again
from psyche_cli.operations.status.replay import is_same, money_of, steps_between
from psyche_cli.operations.status.wakeups import Pace, Wakeups
from psyche_cli.solana.rpc.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from solders.signature import Signature
    from typing_extensions import Self

    from psyche_cli.operations.status.history import LedgerPart
    from psyche_cli.operations.status.replay import Step

NoticeKind: TypeAlias = Literal["connected", "polling", "lost", "restored", "gap", "rolled_back", "closed"]

_LEDGER_SECONDS: Final = 15.0
"""How long the ledger may lag behind before a gap is reported: a node adds a transaction to its ledger after it has
executed it. It is a time and not a number of reads, because a busy run is read with every change."""
_FIRST_LEDGER_PAUSE: Final = 0.5
_STALE_PAUSE: Final = 1.0
_STALE_SECONDS: Final = 30.0
"""How long older reads are ignored, as those of a node that lags behind."""


class StreamNotice(NamedTuple):
    """A change of the connection or of the stream itself. ``message`` is a sentence for the user.

    - ``connected``: changes are reported by the endpoint over a WebSocket.
    - ``polling``: there is no WebSocket, so the run is read every few seconds.
    - ``lost``: the WebSocket or the endpoint was lost. The stream continues with what happens meanwhile.
    - ``restored``: the endpoint responds again.
    - ``gap``: more than one transaction lies between the latest observation and the next one, and the endpoint's ledger
      does not show them. ``nonces`` are those of the two observations.
    - ``rolled_back``: the next observation is older than the latest one, because the chain was rolled back.
    - ``closed``: the run was closed. The stream has ended.
    """

    kind: NoticeKind
    message: str
    nonces: tuple[int, int] | None = None


StreamItem: TypeAlias = "Observation | StreamNotice"


class RunStream:
    """The states of a run from now on, in order, each once. A context manager.

    The first item is the observation at the start, which takes two round trips, and may raise the errors of
    ``observe``. ``latest`` is the newest observation. No request and no connection attempt lasts beyond ``deadline``.
    """

    def __init__(
        self,
        session: Session,
        run_id: str,
        treasurer_index: int | None = None,
        *,
        pace: Pace | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        self.ended = False
        self._deadline = deadline or Deadline(session.feed.clock, math.inf)
        if deadline is not None and math.isfinite(deadline.seconds):
            rpc = session.rpc.within(deadline)
            session = Session(rpc, session.programs, session.notify, session.given, session.feed)
        self.latest = observe(session, run_id, treasurer_index)
        # The stream has its own pauses, which do not keep its caller waiting.
        rpc = session.rpc.without_retries()
        self._session = Session(rpc, session.programs, session.notify, session.given, session.feed)
        self._clock = session.feed.clock
        self._items: deque[StreamItem] = deque([self.latest])
        self._pace = pace or Pace()
        self._wakeups = Wakeups(session.feed, session.rpc.commitment, self._pace, self._notice, self._deadline)
        self._base = self.latest  # newer if the run was read since, and had not changed
        self._known: dict[Signature, int] = {}
        self._target: Observation | None = None  # read, but not yet explained by the ledger
        self._ledger_since: float | None = None
        self._ledger_tries = 0
        self._failures = 0
        self._stale_since: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the WebSocket."""
        self._wakeups.close()

    def next(self, seconds: float) -> StreamItem | None:
        """The next item, or None if there is none within ``seconds`` or the stream has ended (``ended``).

        A request that is in progress then may take longer, but not longer than the deadline of the session's RPC
        client. Raises AccountError for a run with another layout.
        """
        deadline = Deadline(self._clock, seconds)
        while not self._items and not self.ended and not deadline.passed:
            if self._wakeups.wait(deadline.remaining, self.latest):
                self._read()
        return self._items.popleft() if self._items else None

    def _read(self) -> None:
        try:
            self._absorb()
        except NetworkError as error:
            if self._failures == 0 and not self._deadline.passed:
                self._notice("lost", str(error))
            self._failures += 1
            self._wakeups.read_after(self._pace.retry(self._failures))

    def _absorb(self) -> None:
        """Read the run, and add what has happened to the items. Raises NetworkError."""
        base, now, is_recreated = self._base, None, False
        with suppress(RunNotFound, AccountNotFound):
            now = observe_again(self._session, base)
        if self._failures > 0:
            self._failures = 0
            self._notice("restored", "The endpoint responds again.")
        if now is not None and now.run.instance != base.run.instance:
            now, is_recreated = None, True
        if now is None:
            self._absorb_end(base, is_recreated)
        elif not self._is_stale(now):
            self._absorb_state(base, now)

    def _absorb_end(self, base: Observation, is_recreated: bool) -> None:
        steps = self._steps(base, None)
        if steps is None and self._tries_again(None):
            return
        self._add([step.observation for step in steps or ()])
        what = "was closed, and another run was created with its id" if is_recreated else "was closed"
        self._notice("closed", f"Run {base.run.run_id!r} {what}.")
        self.ended = True

    def _absorb_state(self, base: Observation, now: Observation) -> None:
        before, after = base.run.account, now.run.account
        is_halted = before.run_state.is_halted or after.run_state.is_halted
        if is_same(base, now) and not is_halted:
            found = []
        elif after.nonce < before.nonce:
            self._notice("rolled_back", "The chain was rolled back: the run has an earlier state again.")
            found = [now]
        elif after.nonce == before.nonce + 1 and not is_halted and _treasury(base) == _treasury(now):
            found = [now]
        else:
            steps = self._steps(base, now)
            if steps is None and self._tries_again(now):
                return
            found = [now] if steps is None else [*(step.observation for step in steps[:-1]), now] if steps else []
            if steps is None and after.nonce > before.nonce + 1:
                between = after.nonce - before.nonce - 1
                self._notice(
                    "gap",
                    f"The endpoint's ledger does not show {between} changes before the next one.",
                    (before.nonce, after.nonce),
                )
        self._move_on(now, found)

    def _steps(self, base: Observation, now: Observation | None) -> list[Step] | None:
        """The steps from ``base`` to ``now``, or to the end of the run, if the ledger shows them.

        Otherwise it may already show those up to an earlier read, which are then added to the items: a run that changes
        all the time would always be ahead of its ledger.
        """
        target = self._target
        with_vault = now is None or any(_treasury(base) != _treasury(one) for one in (now, target) if one is not None)
        part = transactions_since(self._session, base, self._known, with_vault=with_vault)
        if part is None:
            return None
        steps = None
        if part.missing_slot is None:
            steps = steps_between(base, now, part.transactions, self._session.programs)
        elif target is not None and part.missing_slot >= target.clock.slot:
            found = steps_between(base, target, part.transactions, self._session.programs)
            if found:
                self._remember(base, found, part)
                self._move_on(target, [*(step.observation for step in found[:-1]), target])
        if steps:
            self._remember(base, steps, part)
        return steps

    def _remember(self, base: Observation, steps: Sequence[Step], part: LedgerPart) -> None:
        """Do not replay again what led to these steps."""
        self._known = {one: slot for one, slot in self._known.items() if slot >= base.clock.slot}
        for signature, transaction in part.transactions.items():
            self._known[signature] = transaction.slot
            if signature == steps[-1].signature:
                break

    def _move_on(self, base: Observation, found: Sequence[Observation]) -> None:
        self._target, self._ledger_since, self._ledger_tries = None, None, 0
        self._base = base
        self._add(found)

    def _tries_again(self, now: Observation | None) -> bool:
        """Whether to read once more, since the ledger may not yet contain the latest transactions."""
        time = self._clock.monotonic()
        if self._target is None and now is not None and _age(now) >= _age(self._base):
            self._target = now
        if self._ledger_since is None:
            self._ledger_since = time
        if time - self._ledger_since < _LEDGER_SECONDS:
            self._wakeups.read_within(_FIRST_LEDGER_PAUSE * 2.0**self._ledger_tries)
            self._ledger_tries = min(self._ledger_tries + 1, 4)
            return True
        return False

    def _is_stale(self, now: Observation) -> bool:
        """Whether to ignore a read because it is older than the latest observation.

        After ``_STALE_SECONDS``, older reads are accepted: the chain was rolled back.
        """
        if _age(now) >= _age(self._base):
            self._stale_since = None
            return False
        if self._stale_since is None:
            self._stale_since = self._clock.monotonic()
        self._wakeups.read_within(_STALE_PAUSE)
        return self._clock.monotonic() - self._stale_since < _STALE_SECONDS

    def _add(self, found: Sequence[Observation]) -> None:
        self._items += found
        if found:
            self.latest = found[-1]
            self._wakeups.found_change()

    def _notice(self, kind: NoticeKind, message: str, nonces: tuple[int, int] | None = None) -> None:
        self._items.append(StreamNotice(kind, message, nonces))


def _age(observation: Observation) -> tuple[int, int]:
    """What grows with every block and every change."""
    return observation.clock.slot, observation.run.account.nonce


def _treasury(observation: Observation) -> tuple[object, ...]:
    return money_of(observation.run.treasury)
