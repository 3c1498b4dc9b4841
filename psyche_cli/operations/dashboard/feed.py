"""What all feeds of the dashboard share: threads that read again and again while a page is interested."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from psyche_cli.errors import AccountError, NetworkError, NotFound, PsycheError
from psyche_cli.operations.dashboard.documents import ClusterNow
from psyche_cli.operations.dashboard.hub import Hub
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.status.wakeups import Pace
from psyche_cli.solana.cluster_clock import ClusterClock
from psyche_cli.solana.rpc.deadline import Deadline

WANTED_SECONDS: Final = 30.0
"""How long a feed is read after the last request, if no page listens."""
LONGEST_READ: Final = 10.0
"""Seconds after which a reading is given up."""
_SLICE: Final = 0.5
"""Seconds after which a waiting thread looks whether it is to end."""

PACE: Final = Pace()


class Sources(NamedTuple):
    """What feeds read from and report to.

    ``redacted`` removes secrets from text. ``treasurer_index`` is the custom index of the only run.
    """

    session: Session
    state_folder: Path
    hub: Hub
    redacted: Callable[[str], str]
    treasurer_index: int | None = None

    def new_session(self, notify: Callable[[str], None] = lambda _: None) -> Session:
        """A session with connections of its own, for another thread."""
        base = self.session
        rpc = base.rpc if base.another_client is None else base.another_client()
        return Session(rpc, base.programs, notify, base.given, base.feed, base.another_client)


def limited(session: Session) -> Session:
    """The session for one reading, which is given up after LONGEST_READ."""
    rpc = session.rpc.within(Deadline(session.feed.clock, LONGEST_READ))
    return Session(rpc, session.programs, session.notify, session.given, session.feed)


class Feed:
    """A source of documents that is read while it is wanted. ``topic`` is that of its listeners."""

    def __init__(self, sources: Sources, topic: str) -> None:
        self.sources = sources
        self.topic = topic
        self.clock = sources.session.feed.clock
        self.ended = threading.Event()
        self.used_at = self.clock.monotonic()
        self._lock = threading.Lock()
        self._cluster = ClusterNow(sources.session.rpc.label, None, None, None, None, None)
        self._failures = 0

    def touch(self) -> None:
        """Record that a page is interested."""
        self.used_at = self.clock.monotonic()

    @property
    def is_wanted(self) -> bool:
        """Whether a page listens, or was interested recently."""
        return self.clock.monotonic() - self.used_at < WANTED_SECONDS or self.sources.hub.has_listeners(self.topic)

    def end(self) -> None:
        """Let the threads end."""
        self.ended.set()

    def start(self, *loops: Callable[[], None]) -> None:
        """Run loops in threads that do not keep the process from ending."""
        for loop in loops:
            threading.Thread(target=self._guarded, args=(loop,), daemon=True).start()

    def _guarded(self, loop: Callable[[], None]) -> None:
        while not self.ended.is_set():
            try:
                loop()
            except Exception as error:  # a bug must not end a thread of which pages wait for documents
                where = traceback.extract_tb(error.__traceback__)[-1]
                self.sources.session.notify(
                    f"Internal error: {type(error).__name__} in {Path(where.filename).name}, line {where.lineno}."
                )
                self.failed(f"The dashboard has an internal error ({type(error).__name__}).")
                self.rest(PACE.longest_retry)

    def rest(self, seconds: float, *, until: threading.Event | None = None) -> None:
        """Wait, but not longer than the feed runs. ``until`` ends it earlier."""
        end = self.clock.monotonic() + seconds
        while not self.ended.is_set() and (left := end - self.clock.monotonic()) > 0:
            if (until or self.ended).wait(min(left, _SLICE)):
                return

    def rest_until_wanted(self) -> None:
        """Wait while no page is interested."""
        while not self.ended.is_set() and not self.is_wanted:
            self.ended.wait(_SLICE)

    # --- the cluster ------------------------------------------------------------------------------------------------

    @property
    def cluster(self) -> ClusterNow:
        """The cluster as it was last read."""
        with self._lock:
            return self._cluster

    def saw(self, clock: ClusterClock, genesis_hash: str | None) -> None:
        """Record a successful reading."""
        with self._lock:
            self._failures = 0
            known = genesis_hash or self._cluster.genesis_hash
            self._cluster = ClusterNow(
                self._cluster.label, known, clock.unix_timestamp, clock.slot, self.clock.unix_time(), None
            )

    def failed(self, sentence: str) -> float:
        """Record a failed reading. Returns the pause before the next one, in seconds."""
        with self._lock:
            self._failures += 1
            one = self._cluster
            self._cluster = ClusterNow(one.label, one.genesis_hash, one.now, one.slot, one.read_at, sentence)
            return PACE.retry(self._failures)


def is_about_run(error: PsycheError) -> bool:
    """Whether an error says something about the run, and not about the endpoint."""
    return isinstance(error, NotFound | AccountError) and not isinstance(error, NetworkError)
