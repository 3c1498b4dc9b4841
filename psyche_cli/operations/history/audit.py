"""The audit log of a run: who did what, when, and with what effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from psyche_cli.errors import UsageError
from psyche_cli.history.comparison import Difference
from psyche_cli.history.events import DONE
from psyche_cli.history.records import Place
from psyche_cli.history.store import BEGINNING
from psyche_cli.operations.history.checking import check
from psyche_cli.operations.history.entries import AuditLog, Entry, Filter, Latest
from psyche_cli.operations.history.facts import facts_of, lives, warnings_about
from psyche_cli.operations.history.payloads import HistoryData, HistoryEntry, HistoryFacts
from psyche_cli.operations.history.places import Where, place_after, place_before
from psyche_cli.operations.history.sync import RunHistory, no_history, open_history, sync_history
from psyche_cli.operations.history.table import table
from psyche_cli.results import OperationResult

if TYPE_CHECKING:
    from psyche_cli.operations.sessions import Session

DEFAULT_LIMIT: Final = 1000
_POLL_SECONDS: Final = 2.0


class Wanted(NamedTuple):
    """What is wanted of a history: the places between which the events are, and what ``Filter`` has.

    ``limit`` is the number of events, the latest ones; None for all.
    """

    since: Where | None = None
    until: Where | None = None
    kinds: Sequence[str] = ()
    signers: Sequence[str] = ()
    failed: bool = False
    limit: int | None = DEFAULT_LIMIT


class OpenLog:
    """An open audit log, and the ``facts`` about its history."""

    def __init__(self, session: Session, run: RunHistory, facts: HistoryFacts, wanted: Wanted, now: int) -> None:
        self.facts = facts
        self._session = session
        self._run = run
        self._log = AuditLog(run.history, session.programs)
        self._limit = wanted.limit
        since, until = wanted.since, wanted.until
        after = BEGINNING if since is None else place_before(since, run.history, now)
        last = None if until is None else place_after(until, run.history, now)
        if since is not None and until is not None and last is not None and last < after:
            raise UsageError(f"--since {since.text} is later than --until {until.text}.", hint="Swap them.")
        self._filter = Filter(
            after=after,
            until=last,
            kinds=wanted.kinds,
            signers=wanted.signers,
            failed=wanted.failed,
        )

    def latest(self) -> tuple[int, list[HistoryEntry]]:
        """The number of all events that are wanted, and the latest ones up to the limit, by default 1,000."""
        found = self._log.latest(self._filter, DEFAULT_LIMIT if self._limit is None else self._limit)
        return found.total, [*self._read(found)]

    def entries(self) -> Iterator[HistoryEntry]:
        """The events that are wanted, one at a time: the latest ones up to the limit, or all if there is none."""
        if self._limit is not None:
            return self._read(self._log.latest(self._filter, self._limit))
        return map(entry_data, self._log.entries(self._filter))

    def followed(self) -> Iterator[HistoryEntry | None]:
        """New events as they come; None before each wait.

        They are in order, but a sync may find transactions that are earlier than those before: of an authorization, for
        example, when a member first joins with it. Ends at the deadline of the session. Raises the errors of
        ``sync_history``.
        """
        rpc, clock, history = self._session.rpc, self._session.feed.clock, self._run.history
        known = history.newest()
        while True:
            yield None
            deadline = rpc.deadline
            rpc.waits.sleep(clock, _POLL_SECONDS if deadline is None else min(deadline.remaining, _POLL_SECONDS))
            if deadline is not None and deadline.passed:
                return
            synced = sync_history(self._session, self._run)
            if synced.synced.dropped > 0:
                self._session.notify(synced.notes[-1])
            added = history.added_after(known - synced.synced.dropped)
            known = history.newest()
            if added:
                first, last = min(added.values()), max(added.values())
                after = max(self._filter.after, Place(first.slot, first.position - 1))
                found = self._log.entries(self._filter._replace(after=after, until=last))
                yield from (entry_data(one) for one in found if one.found.event.signature in added)

    def _read(self, latest: Latest) -> Iterator[HistoryEntry]:
        return map(entry_data, islice(self._log.entries(latest.wanted), latest.skipped, None))


@contextmanager
def open_log(
    session: Session,
    wanted: Wanted,
    *,
    run_id: str,
    state_folder: Path,
    syncs: bool = True,
    treasurer_index: int | None = None,
) -> Iterator[OpenLog]:
    """Bring the history of a run up to date, compare it with the run as it is now, and open its audit log.

    Unless it ``syncs``, only what was read before is used, and nothing is compared. Raises RunNotFound for a run
    without a history, AccountError, UsageError, the errors of a history and of an archive, and NetworkError.
    """
    with open_history(session, run_id, state_folder) as run:
        notes, differences, now = list[str](), list[Difference](), None
        if syncs:
            for note in sync_history(session, run).notes:
                session.notify(note)
            checked = check(session, run, treasurer_index)
            differences, now = checked.differences, checked.time
            notes += [] if checked.note is None else [checked.note]
        if run.history.totals().fetched == 0:
            raise no_history(run_id, read=syncs)
        facts = facts_of(run, differences, notes)
        yield OpenLog(session, run, facts, wanted, now if now is not None else int(session.feed.clock.unix_time()))


def audit(log: OpenLog) -> OperationResult[HistoryData]:
    """The latest events as a table, and as one JSON document. Raises the errors of a history."""
    count, events = log.latest()
    facts = log.facts
    unreliable = next((one for one in events if not one.is_reliable), None)
    return OperationResult(
        summary=summary_of(log, count, len(events)),
        data=HistoryData(history=facts, matching=count, events=events),
        details=(*lives(facts),),
        warnings=(*warnings_about(facts), *([] if unreliable is None else [unreliable_from(unreliable)])),
        body=partial(table, events),
    )


def summary_of(log: OpenLog, count: int, shown: int) -> str:
    """What is listed, in one line."""
    what = f"{count:,} event{'' if count == 1 else 's'}"
    rest = "" if shown == count else f", of which the latest {shown:,} are listed"
    until = "" if log.facts.synced_slot is None else f" up to slot {log.facts.synced_slot:,}"
    return f"Run {log.facts.run_id}{until}: {what}{rest}."


def unreliable_from(entry: HistoryEntry) -> str:
    """From where on the states are not reliable."""
    problem = f": {entry.problems[0]}" if entry.problems else "."
    return f"From transaction {entry.signature} on or earlier, the replayed states are not reliable{problem}"


def entry_data(entry: Entry) -> HistoryEntry:
    """An entry as a payload."""
    found, event = entry.found, entry.found.event
    return HistoryEntry(
        slot=found.place.slot,
        position=found.place.position,
        instruction=event.outer,
        inner_call=event.inner,
        time=found.block_time,
        signature=event.signature,
        commitment=found.commitment,
        incarnation=entry.incarnation,
        by=entry.who.address,
        role=entry.who.role,
        program=event.program,
        kind=event.kind,
        sentence=entry.sentence,
        outcome=str(event.effects.get("outcome", DONE)),
        error=event.error,
        fee_lamports=found.fee,
        signers=[*event.signers],
        accounts=dict(event.accounts),
        arguments=dict(event.arguments),
        is_reliable=entry.is_reliable,
        problems=[*entry.problems],
    )
