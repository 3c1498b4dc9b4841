"""A run, followed while a page shows it: its accounts in one thread, and its history in another one."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from psyche_cli.environment import Wait, Waits
from psyche_cli.errors import HistoryBusy, NetworkError, PsycheError
from psyche_cli.operations.curves.data import curves_data
from psyche_cli.operations.dashboard.documents import Reading, RunView, Status
from psyche_cli.operations.dashboard.feed import PACE, Feed, Sources, is_about_run, limited
from psyche_cli.operations.dashboard.hub import Update
from psyche_cli.operations.dashboard.reading import RunNow, read_run
from psyche_cli.operations.dashboard.story import RunStory
from psyche_cli.operations.dashboard.texts import document_text
from psyche_cli.operations.dashboard.view import Told, run_view, told
from psyche_cli.operations.history.sync import open_history, sync_history, sync_lanes
from psyche_cli.operations.status.wakeups import Wakeups
from psyche_cli.solana.rpc.deadline import Deadline

if TYPE_CHECKING:
    from psyche_cli.history.store import Totals
    from psyche_cli.operations.curves.payloads import CurvesData
    from psyche_cli.operations.dashboard.documents import TransactionPage
    from psyche_cli.operations.dashboard.transaction_log import RowFilter
    from psyche_cli.operations.sessions import Session

MOST_POINTS: Final = 600
"""Points of a curve in a document; the lowest and highest values of each part are kept."""

_SHORTEST_PAUSE: Final = 1.0
"""Seconds between two readings of a busy run."""
_LONGEST_PAUSE: Final = 15.0
_SYNC_EVERY: Final = 10.0
_REPORTED: Final = 4
"""Every which report of a sync is passed on."""
_HISTORY_PARTS: Final = ("spans", "epochs", "transactions", "history", "curves")
_READ_PARTS: Final = ("show", "members", "explain", "configuration")


class RunFeed(Feed):
    """A run of the cluster. ``address`` is that of its instance."""

    def __init__(self, sources: Sources, run_id: str, address: str) -> None:
        super().__init__(sources, address)
        self.run_id = run_id
        self.read_once, self.told_once = threading.Event(), threading.Event()
        self._changed = threading.Event()
        self._now: RunNow | None = None
        self._told: Told | None = None
        self._curves: CurvesData | None = None
        self._story: RunStory | None = None
        self._reading: Reading | None = None
        self._problems: dict[str, str] = {}
        self._history_problem: str | None = None
        self._sent: dict[str, str] = {}
        self._sent_at = -_LONGEST_PAUSE
        self.start(self._follow, self._tell)

    # --- documents --------------------------------------------------------------------------------------------------

    @property
    def document(self) -> RunView:
        """The run as it was last read."""
        with self._lock:
            problems = dict(self._problems)
            if self._history_problem is not None:
                problems |= dict.fromkeys(_HISTORY_PARTS if self._told is None else ("history",), self._history_problem)
            now, history, reading = self._now, self._told, self._reading
        return run_view(self.topic, self.run_id, self.cluster, now, history, reading=reading, problems=problems)

    @property
    def curves(self) -> CurvesData | None:
        """The curves; None until the history was read."""
        with self._lock:
            return self._curves

    def page(self, limit: int, before: int | None, only: RowFilter) -> TransactionPage | None:
        """A page of transactions; None until the history was read."""
        story = self._story
        return None if story is None else story.log.page(limit, before=before, only=only)

    @property
    def status(self) -> Status:
        """Whether the run and its history could be read."""
        now = self.cluster
        with self._lock:
            problem = now.stale or self._history_problem
            slot = None if self._told is None else self._told.history.synced_slot
            return Status(problem is None, problem, now.now, now.slot, now.stale, slot, self._reading)

    def _publish(self) -> None:
        """Send the documents that have changed. What changes only with time is sent now and then."""
        view = self.document
        self._send("run", view, _without_time(view))
        if view.transactions is not None:
            page = {"total": view.transactions.total, "transactions": view.transactions.latest}
            self._send("transactions", page, page)
        curves = self.curves
        if curves is not None:
            self._send("curves", curves, replace(curves, slot=None))
        status = self.status
        self._send("status", status, (status.connected, status.problem, status.reading))

    def _send(self, event: str, document: object, essence: object) -> None:
        key = document_text(essence, str)
        now = self.clock.monotonic()
        with self._lock:
            is_due = event == "run" and now - self._sent_at >= _LONGEST_PAUSE
            if self._sent.get(event) == key and not is_due:
                return
            self._sent[event] = key
            self._sent_at = now if event == "run" else self._sent_at
        self.sources.hub.publish(Update(self.topic, event, document_text(document, self.sources.redacted)))

    # --- accounts ---------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        session = self.sources.new_session()
        wakeups, account = None, None
        try:
            while not self.ended.is_set():
                self.rest_until_wanted()
                pause = self._read(session)
                now = self._now
                if now is None or pause is not None:
                    self.rest(_LONGEST_PAUSE if pause is None else pause)
                    continue
                if wakeups is None or account != now.observation.run.account.address:
                    if wakeups is not None:
                        wakeups.close()
                    account = now.observation.run.account.address
                    wakeups = _wakeups(session)
                self.rest(_SHORTEST_PAUSE)
                wakeups.read_within(_LONGEST_PAUSE)
                while not self.ended.is_set() and self.is_wanted and not wakeups.wait(_SHORTEST_PAUSE, now.observation):
                    pass
        finally:
            if wakeups is not None:
                wakeups.close()

    def _read(self, session: Session) -> float | None:
        """Read the run. Returns the pause before the next attempt if the endpoint has failed."""
        pause = None
        try:
            now = read_run(limited(session), self.run_id, self.sources.treasurer_index)
        except NetworkError as error:
            pause = self.failed(error.message)
        except PsycheError as error:
            with self._lock:
                self._now = None
                self._problems = dict.fromkeys(_READ_PARTS, error.message)
            if not is_about_run(error):
                pause = self.failed(error.message)
            self._changed.set()
        else:
            before = self._now
            with self._lock:
                self._now, self._problems = now, {}
            self.saw(now.observation.clock, None)
            if before is None or before.show is None or now.show is None or _newest(before) != _newest(now):
                self._changed.set()
        self.read_once.set()
        self._publish()
        return pause

    # --- history ----------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        session = self.sources.new_session()
        failures = 0
        while not self.ended.is_set():
            self.rest_until_wanted()
            try:
                self._read_history(session)
                return
            except PsycheError as error:
                failures += 1
                self._history_failed(error)
                self.rest(PACE.retry(failures))

    def _read_history(self, session: Session) -> None:
        """Follow the history until the feed ends. Raises the errors of the history."""
        lanes = sync_lanes(session)
        with (
            open_history(limited(session), self.run_id, self.sources.state_folder) as run,
            closing(RunStory(run.history, session.programs)) as story,
        ):
            with self._lock:
                self._cluster = replace(self._cluster, genesis_hash=run.genesis_hash)
            self._story = story
            failures = 0
            while not self.ended.is_set():
                self._changed.clear()
                try:
                    sync_history(session, run, lanes, _Progress(lambda: self._report_synced(run.history.totals())))
                    failures, problem = 0, None
                except HistoryBusy:  # the other process reads it for this one, too
                    problem = None
                except NetworkError as error:
                    failures, problem = failures + 1, error
                self._continue(story)
                if problem is not None:
                    self._history_failed(problem)
                self._publish()
                self.rest(PACE.retry(failures) if failures > 0 else _SHORTEST_PAUSE)
                if failures == 0:
                    self.rest(_SYNC_EVERY, until=self._changed)
                self.rest_until_wanted()

    def _continue(self, story: RunStory) -> None:
        """Continue the story with what is new in the history."""
        total = story.totals.fetched
        changed = story.update(lambda count: self._report(count, total))
        now = self._now
        story.compare(None if now is None else now.observation.run.account)
        found = told(story)
        curves = None
        if (changed or self._curves is None) and story.curves is not None and story.incarnation is not None:
            totals = story.totals
            curves = curves_data(self.run_id, story.incarnation, story.curves, totals, most=MOST_POINTS)
        with self._lock:
            self._told, self._history_problem, self._reading = found, None, None
            self._curves = curves or self._curves
        self.told_once.set()

    def _report_synced(self, totals: Totals) -> None:
        self._report(totals.fetched, totals.transactions)

    def _report(self, done: int, total: int) -> bool:
        """Report the progress of the first reading; whether to go on."""
        if self._told is None:
            with self._lock:
                self._reading = Reading(done, max(done, total))
            self._publish()
        return not self.ended.is_set()

    def _history_failed(self, error: PsycheError) -> None:
        with self._lock:
            self._history_problem = error.message
        self.told_once.set()
        self._publish()


class _Progress(Waits):
    """Calls a function about once per second while a sync waits."""

    def __init__(self, report: Callable[[], None]) -> None:
        self._report = report

    def showing(self, what: str) -> Wait:  # noqa: ARG002 -- the interface
        return _Wait(self._report)


class _Wait(Wait):
    def __init__(self, report: Callable[[], None]) -> None:
        self._report = report
        self._calls = 0

    def now(self, detail: str, seconds: float = 0.0) -> None:  # noqa: ARG002 -- the interface
        self._calls += 1
        if self._calls % _REPORTED == 0:
            self._report()


def _wakeups(session: Session) -> Wakeups:
    deadline = Deadline(session.feed.clock, math.inf)
    return Wakeups(session.feed, session.rpc.commitment, PACE, lambda *_: None, deadline)


def _newest(now: RunNow) -> tuple[Any, ...]:
    """What changes with every transaction."""
    shown = now.show
    listed = () if shown is None else tuple(one.signature for one in shown.transactions)
    return now.observation.run.account.nonce, listed


def _without_time(view: RunView) -> dict[str, object]:
    """A document as far as it does not change with time alone."""
    parts: dict[str, Any] = {name: getattr(view, name) for name in view.__dataclass_fields__}
    parts["cluster"] = (view.cluster.genesis_hash, view.cluster.stale)
    if view.show is not None:
        parts["show"] = replace(view.show, now=0, slot=0, ends=None, epoch_progress=None, attention=[])
    if view.explain is not None:
        parts["explain"] = [(one.rule, one.severity) for one in view.explain.findings]
    if view.history is not None:
        parts["history"] = replace(view.history, synced_slot=None)
    return parts
