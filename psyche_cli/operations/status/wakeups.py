"""When to read a run again: after a notification of the endpoint, after a reconnection, or after a pause.

Notifications only say that an account was written. What it contains is always read, so that lost, late, repeated and
reordered notifications do no harm.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from psyche_cli.errors import NetworkError, UsageError
from psyche_cli.limits import DISCRIMINATOR_BYTES
from psyche_cli.solana.rpc.pubsub import AccountSubscriptions, DataSlice

if TYPE_CHECKING:
    from solders.pubkey import Pubkey

    from psyche_cli.operations.sessions import Feed
    from psyche_cli.operations.status.observation import Observation
    from psyche_cli.solana.rpc.deadline import Deadline
    from psyche_cli.solana.rpc.pubsub import AccountChange

_NONCE_BYTES: Final = 8
_NOTHING: Final = DataSlice(0, 0)
_OPEN_SECONDS: Final = 10.0
"""For connecting, and then for subscribing."""


Report: TypeAlias = "Callable[[Literal['connected', 'polling', 'lost'], str], None]"


class Pace(NamedTuple):
    """Times in seconds.

    ``poll`` is the pause between reads without a WebSocket. With one, the run is read after ``idle`` seconds without a
    message, and the endpoint must answer a ping within ``pong`` seconds. ``late`` is how much later than a read a
    notification of the same change may arrive. ``first_retry`` is the pause before the first attempt to reconnect,
    which doubles with every failure up to ``longest_retry``.
    """

    poll: float = 2.0
    idle: float = 30.0
    pong: float = 10.0
    late: float = 10.0
    first_retry: float = 0.5
    longest_retry: float = 30.0

    def retry(self, failures: int) -> float:
        """The pause after this many failures in a row, of which up to half is random."""
        pause = min(self.first_retry * 2.0 ** min(failures - 1, 30), self.longest_retry)
        return pause * random.uniform(0.5, 1.0)


class Wakeups:
    """Waits for reasons to read a run. ``report`` is called with the kind of a stream notice and its message.

    No attempt to connect and no ping lasts beyond ``deadline``.
    """

    def __init__(self, feed: Feed, commitment: str, pace: Pace, report: Report, deadline: Deadline) -> None:
        self._feed = feed
        self._clock = feed.clock
        self._commitment = commitment
        self._pace = pace
        self._report = report
        self._deadline = deadline
        self._subscriptions: AccountSubscriptions | None = None
        self._failures = 0
        self._polls = False
        self._connect_at = self._clock.monotonic()
        self._read_at = self._connect_at + pace.poll
        self._idle_at = math.inf
        self._suspect_at = math.inf
        self._is_check = False

    def close(self) -> None:
        """Close the WebSocket."""
        if self._subscriptions is not None:
            self._subscriptions.close()
            self._subscriptions = None

    def read_within(self, seconds: float) -> None:
        """Let the next read happen within this time, even without a notification."""
        self._read_at = min(self._read_at, self._clock.monotonic() + seconds)

    def read_after(self, seconds: float) -> None:
        """Let the next read happen after this time, or after a notification."""
        self._read_at = self._clock.monotonic() + seconds

    def found_change(self) -> None:
        """The read has found a change.

        If it was made because there were no messages for a while, and no notification follows, the endpoint no longer
        reports changes, although it answers pings.
        """
        if self._is_check:
            self._suspect_at = self._clock.monotonic() + self._pace.late

    def wait(self, seconds: float, latest: Observation) -> bool:
        """Wait for at most ``seconds``; whether the run should be read. It may return False earlier."""
        now = self._clock.monotonic()
        self._is_check = False
        if self._subscriptions is None:
            if now >= self._connect_at and self._connect(latest):
                self._read_at = math.inf
                return True
        elif now >= self._suspect_at:
            self._disconnect("The endpoint has not reported a change of the run. Connecting again.")
        elif now >= self._idle_at:
            self._check(self._subscriptions)
            self._is_check = True
            return True
        if now >= self._read_at:
            self._read_at = now + self._pace.poll if self._subscriptions is None else math.inf
            return True
        return self._received(self._pause(now, seconds), latest)

    def _pause(self, now: float, seconds: float) -> float:
        if self._subscriptions is None:
            due = min(self._read_at, self._connect_at)
        else:
            due = min(self._read_at, self._idle_at, self._suspect_at)
        return min(seconds, due - now)

    def _received(self, seconds: float, latest: Observation) -> bool:
        """Whether a notification that arrives within this time, or one that is already there, requires a read."""
        if self._subscriptions is None:
            self._clock.sleep(seconds)
            return False
        wakes = False
        try:
            change = self._subscriptions.next(seconds)
            while change is not None:
                self._idle_at, self._suspect_at = self._clock.monotonic() + self._pace.idle, math.inf
                wakes = wakes or _may_be_new(change, latest)
                change = self._subscriptions.next(0.0)
        except NetworkError as error:
            self._disconnect(str(error))
        return wakes

    def _connect(self, latest: Observation) -> bool:
        """Try to subscribe; whether that succeeded."""
        if self._feed.open_websocket is None:  # as the caller knows
            self._connect_at = math.inf
            return False
        subscriptions = None
        try:
            websocket = self._feed.open_websocket(self._at_most(_OPEN_SECONDS))
            subscriptions = AccountSubscriptions(websocket, self._clock)
            subscriptions.subscribe(_slices(latest), self._commitment, self._at_most(_OPEN_SECONDS))
        except (NetworkError, UsageError) as error:
            if subscriptions is not None:
                subscriptions.close()
            self._retry_later()
            self._fall_back(str(error).rstrip("."))
            return False
        self._subscriptions = subscriptions
        self._failures = 0
        self._polls = False
        self._idle_at, self._suspect_at = self._clock.monotonic() + self._pace.idle, math.inf
        self._report("connected", "Changes are reported by the endpoint over a WebSocket.")
        return True

    def _at_most(self, seconds: float) -> float:
        return min(seconds, self._deadline.remaining)

    def _retry_later(self) -> None:
        self._failures += 1
        self._connect_at = self._clock.monotonic() + self._pace.retry(self._failures)

    def _fall_back(self, why: str) -> None:
        if not self._polls and not self._deadline.passed:
            self._polls = True
            self._report("polling", f"{why}. The run is read every {self._pace.poll:g} seconds.")

    def _disconnect(self, why: str) -> None:
        self.close()
        self._retry_later()
        self.read_within(self._pace.poll)
        if not self._deadline.passed:
            self._report("lost", why)

    def _check(self, subscriptions: AccountSubscriptions) -> None:
        """After a time without messages, reconnect if the endpoint does not answer a ping."""
        self._idle_at = self._clock.monotonic() + self._pace.idle
        try:
            if not subscriptions.is_alive(self._at_most(self._pace.pong)):
                self._disconnect("The WebSocket does not respond. Connecting again.")
        except NetworkError as error:
            self._disconnect(str(error))


def _slices(latest: Observation) -> Sequence[tuple[Pubkey, DataSlice]]:
    run = latest.run
    nonce = DataSlice(DISCRIMINATOR_BYTES + type(run.account.image).nonce.offset, _NONCE_BYTES)
    treasury = () if run.treasury is None else ((run.treasury.run.address, _NOTHING), (run.treasury.vault, _NOTHING))
    return ((run.account.address, nonce), *treasury)


def _may_be_new(change: AccountChange, latest: Observation) -> bool:
    """Whether the account may differ from the latest observation: not if its nonce is lower.

    Nor if it is the same, unless the run is halted: then the client version may have changed, which is not counted.
    """
    account = latest.run.account
    if change.address != account.address or len(change.data) != _NONCE_BYTES:
        return True
    nonce = int.from_bytes(change.data, "little")
    if nonce == account.nonce:
        return account.run_state.is_halted
    return nonce > account.nonce or change.slot > latest.clock.slot
