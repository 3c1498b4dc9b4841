"""The entries of an audit log: each event of a history with its effect on the run, in words."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from psyche_cli.history.execution import Step
from psyche_cli.history.moments import Moment
from psyche_cli.history.records import Incarnation, Place, RawTransaction
from psyche_cli.history.states import RunStates
from psyche_cli.history.store import BEGINNING, History, PlacedEvent
from psyche_cli.history.words import Who, who, words
from psyche_cli.protocol.programs import ProgramIds

_UNIMPORTANT: Final = "compute-budget"
"""A program whose instructions only concern the transaction. They are left out unless their
kinds are asked for, or one has failed."""


class Filter(NamedTuple):
    """Which events are wanted: after one place and up to another one, of these kinds and signers, failed ones only."""

    after: Place = BEGINNING
    until: Place | None = None
    kinds: Sequence[str] = ()
    signers: Sequence[str] = ()
    failed: bool = False

    def passes(self, found: PlacedEvent) -> bool:
        """Whether an event is wanted. Its kind is already."""
        event = found.event
        if self.failed and not event.failed:
            return False
        if self.signers and not {*self.signers}.intersection((*event.signers, str(event.effects.get("signer")))):
            return False
        return bool(self.kinds) or event.program != _UNIMPORTANT or event.error is not None


class Entry(NamedTuple):
    """An event in words.

    ``incarnation`` is None for an event outside of them. ``before`` and ``after`` are the run before and after it, None
    if they are not known. ``problems`` say in what the ledger and the replay disagree; ``is_reliable`` is whether they
    have agreed so far.
    """

    found: PlacedEvent
    incarnation: int | None
    who: Who
    sentence: str
    before: Moment | None
    after: Moment | None
    problems: tuple[str, ...]
    is_reliable: bool


class Latest(NamedTuple):
    """The number ``total`` of events that pass a filter, and one that the latest pass, after ``skipped`` others."""

    total: int
    wanted: Filter
    skipped: int


class AuditLog:
    """The entries of a history that pass a filter, in the order of execution.

    Methods raise the errors of the history.
    """

    def __init__(self, history: History, programs: ProgramIds) -> None:
        self._history = history
        self._programs = programs

    def entries(self, wanted: Filter) -> Iterator[Entry]:
        """The entries, one at a time. The states before the first one are replayed from the latest that is kept."""
        lives = deque(_Life(self._history, one, self._programs) for one in self._history.incarnations())
        for found in self._events(wanted):
            while len(lives) > 1 and lives[0].is_over(found.place):
                lives.popleft()
            yield self._entry(found, lives[0] if lives else None, wanted)

    def latest(self, wanted: Filter, most: int) -> Latest:
        """Where the latest ``most`` events begin that pass a filter, without replaying them."""
        count, index, places = 0, 0, deque[tuple[Place, int]](maxlen=most)
        for found in self._events(wanted):
            index = index + 1 if places and places[-1][0] == found.place else 0
            count += 1
            places.append((found.place, index))
        if not places or count == len(places):
            return Latest(count, wanted, count - len(places))
        (slot, position), skipped = places[0]
        return Latest(count, wanted._replace(after=Place(slot, position - 1)), skipped)

    def _events(self, wanted: Filter) -> Iterator[PlacedEvent]:
        events = self._history.events(after=wanted.after, until=wanted.until, kinds=wanted.kinds)
        return (found for found in events if wanted.passes(found))

    def _entry(self, found: PlacedEvent, life: _Life | None, wanted: Filter) -> Entry:
        event = found.event
        step = None if life is None else life.step(found, wanted)
        before, after, problems = (None, None, ()) if step is None else (step.before, step.after, step.problems)
        return Entry(
            found=found,
            incarnation=None if step is None or life is None else life.number,
            who=who(event, before, after),
            sentence=words(event, before, after),
            before=before,
            after=after,
            problems=problems,
            is_reliable=life is None or step is None or life.is_reliable,
        )


class _Life:
    """The events of an incarnation, which are replayed as far as they are asked for."""

    def __init__(self, history: History, incarnation: Incarnation, programs: ProgramIds) -> None:
        self.number = incarnation.number
        self._states = RunStates(history, incarnation, programs)
        self._begins = _place(history, incarnation.created_by)
        self._ends = _place(history, incarnation.closed_by)
        self._steps: Iterator[tuple[RawTransaction, Step]] | None = None
        self._problems = False

    def is_over(self, place: Place) -> bool:
        """Whether the incarnation ended before a place."""
        return self._ends is not None and place > self._ends

    @property
    def is_reliable(self) -> bool:
        """Whether the ledger and the replay have agreed so far."""
        return not self._problems

    def step(self, found: PlacedEvent, wanted: Filter) -> Step | None:
        """What the replay says about an event; None before the incarnation and after it.

        It is called with events in order.
        """
        if self.is_over(found.place) or (self._begins is not None and found.place < self._begins):
            return None
        if self._steps is None:
            before = Place(found.place.slot, found.place.position - 1)
            self._problems = bool(self._states.at(before).problems)
            self._steps = self._states.steps(before, wanted.until)
        key = (*found.place, found.event.outer, found.event.inner)
        for transaction, step in self._steps:
            self._problems = self._problems or bool(step.problems)
            reached = (*transaction.place, step.outer, step.inner)
            if reached >= key:
                return step if reached == key else None
        return None


def _place(history: History, signature: str | None) -> Place | None:
    transaction = None if signature is None else history.transaction(signature)
    return None if transaction is None else transaction.place
