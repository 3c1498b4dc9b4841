"""What the history of a run tells the dashboard. It is continued with new transactions, and begins anew only if earlier
ones have changed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from psyche_cli.curves.reading import CurveReader
from psyche_cli.history.comparison import account_differences
from psyche_cli.history.records import Incarnation, Place
from psyche_cli.history.replay import Replay
from psyche_cli.history.states import Happened, RunStates
from psyche_cli.history.store import History, Totals
from psyche_cli.operations.dashboard.course import Course
from psyche_cli.operations.dashboard.documents import GapRow, HistoryState, TransactionRow
from psyche_cli.operations.dashboard.rows import transaction_row
from psyche_cli.operations.dashboard.transaction_log import TransactionLog
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
from psyche_cli.protocol.programs import ProgramIds

_AT_ONCE: Final = 200
"""Transactions between two calls of ``report``."""
_CHECKED: Final = 256
"""The latest transactions, whose order is checked before they are continued."""
_MOST_GAPS: Final = 20
_MOST_DIFFERENCES: Final = 3


class RunStory:
    """The latest incarnation of a run, as its history shows it. For one thread, except for ``log``."""

    def __init__(self, history: History, programs: ProgramIds) -> None:
        self._history = history
        self._programs = programs
        self.log = TransactionLog()
        self._differences: tuple[str, ...] = ()
        self._compared: int | None = None
        self._begin(None)

    def close(self) -> None:
        """Remove what was kept."""
        self.log.close()

    def _begin(self, incarnation: Incarnation | None) -> None:
        self.incarnation = incarnation
        self.course = Course()
        self.kinds: set[str] = set()
        self.curves: CurveReader | None = None
        self._states: RunStates | None = None
        self._replay: Replay | None = None
        self._latest: deque[tuple[Place, str]] = deque(maxlen=_CHECKED)
        self.log.close()
        if incarnation is not None:
            self._states = RunStates(self._history, incarnation, self._programs)
            self.curves = CurveReader(self._history, incarnation, self._programs)
            self._replay = self._states.beginning()

    def update(self, report: Callable[[int], bool]) -> bool:
        """Continue with new transactions; whether anything has changed.

        ``report`` is called with the number of transactions so far, and returns whether to go on; if it does not, the
        story is continued at the next call. Raises the errors of the history.
        """
        incarnations = self._history.incarnations()
        latest = incarnations[-1] if incarnations else None
        changed = False
        if not self._continues(latest):
            self._begin(latest)
            changed = True
        elif latest is not None and latest != self.incarnation:  # it was closed
            self.incarnation = latest
            changed = True
        if self._states is None or self._replay is None:
            return changed
        rows: list[TransactionRow] = []
        for events in self._states.continued(self._replay):
            if events:
                rows.append(self._add(events, self._replay))
            if len(rows) == _AT_ONCE:
                changed = True
                self._keep(rows)
                if not report(self._replay.count):
                    return changed
        changed = changed or bool(rows)
        self._keep(rows)
        return changed

    def compare(self, account: CoordinatorAccount | None) -> None:
        """Compare the replayed account with one that was read, if both have executed the same instructions."""
        replay = self._replay
        if account is None or replay is None or replay.now.state is None or not account.has_rules_of_v1:
            return
        if account.nonce != replay.now.state.nonce or replay.count == self._compared:
            return
        self._compared = replay.count
        found = () if replay.settle(account) else account_differences(replay.account, account)
        self._differences = tuple(one.sentence for one in found)

    @property
    def totals(self) -> Totals:
        """How much the history contains."""
        return self._history.totals()

    def state(self) -> HistoryState:
        """How complete and reliable the history is."""
        totals = self.totals
        gaps = [gap for _, gap in zip(range(_MOST_GAPS), self._history.gaps(), strict=False)]
        problems = [] if self._replay is None else [problem.text for problem in self._replay.problems]
        return HistoryState(
            synced_slot=totals.synced_slot,
            gaps=[GapRow(gap.address, gap.signature, gap.reason) for gap in gaps],
            gaps_total=totals.gaps,
            notes=[*self._notes(problems)],
            reliable=not problems and not self._differences,
        )

    def _notes(self, problems: list[str]) -> Iterator[str]:
        incarnation = self.incarnation
        if incarnation is not None and incarnation.number > 1:
            yield f"The run id was used before: this is incarnation {incarnation.number}."
        if incarnation is not None and incarnation.created_by is None:
            yield "The creation of the run is in a gap, so nothing is known of its states."
        if problems:
            more = f" There are {len(problems)} such problems." if len(problems) > 1 else ""
            yield f"The history and the model disagree, so later states are not reliable: {problems[0]}.{more}"
        for sentence in self._differences[:_MOST_DIFFERENCES]:
            yield f"The account is not as replayed: {sentence}"
        found = 0 if self._replay is None else len(self._replay.times)
        if found > 0:
            yield f"{found} times of transactions are not recorded exactly, and were found by calculation."

    def _continues(self, latest: Incarnation | None) -> bool:
        """Whether the transactions so far are still the first ones of the latest incarnation."""
        now, replay = self.incarnation, self._replay
        if now is None or latest is None or replay is None or self._states is None:
            return now is latest
        begin = (now.coordinator_account, now.created_slot, now.treasurer_run, now.vault)
        if begin != (latest.coordinator_account, latest.created_slot, latest.treasurer_run, latest.vault):
            return False
        if replay.place is None:
            return True
        first = self._latest[0][0]
        signatures = self._history.signatures(after=first._replace(position=first.position - 1), until=replay.place)
        is_same = signatures == [signature for _, signature in self._latest]
        return is_same and self._states.count_until(replay.place) == replay.count

    def _add(self, events: list[Happened], replay: Replay) -> TransactionRow:
        transaction = events[0].transaction
        time = replay.time_of(transaction).unix
        for one in events:
            self.course.add(one, time)
            if self.curves is not None:
                self.curves.follow(one)
        row = transaction_row(replay.count, events, time)
        self.kinds.add(row.kind)
        self._latest.append((transaction.place, transaction.signature))
        return row

    def _keep(self, rows: list[TransactionRow]) -> None:
        self.log.add(rows)
        rows.clear()
