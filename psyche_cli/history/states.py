"""The states of a run in its history: what it was after any transaction, and each event with its effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from psyche_cli.environment import Waits
from psyche_cli.history.events import DECODER, decode
from psyche_cli.history.execution import RunAddresses, Step
from psyche_cli.history.kept_replay import continued, keep
from psyche_cli.history.layouts import layout_of
from psyche_cli.history.moments import Moment
from psyche_cli.history.records import Event, Incarnation, Place, RawTransaction
from psyche_cli.history.replay import Replay
from psyche_cli.history.store import BEGINNING, History
from psyche_cli.protocol.instructions.layout_forms import LIKE_V1
from psyche_cli.protocol.programs import ProgramIds

_KEPT_EVERY: Final = 500
"""Transactions between two replays that are kept in the file."""
_SHOWN_EVERY: Final = 100
"""Transactions between two updates of a wait."""


class Happened(NamedTuple):
    """An event with the run before and after it, and in what the ledger and the model disagree about it."""

    transaction: RawTransaction
    event: Event
    before: Moment
    after: Moment
    problems: tuple[str, ...]


class RunStates:
    """The states of one incarnation of a run.

    They begin with its creation. If that is in a gap, nothing is known of them, and the replay reports a problem at the
    first transaction. Now and then, the replay is kept in the file, so that later states are found quickly. ``waits``
    shows the progress. Methods raise the errors of the history.
    """

    def __init__(
        self, history: History, incarnation: Incarnation, programs: ProgramIds, waits: Waits | None = None
    ) -> None:
        self._history = history
        self._programs = programs
        self._waits = waits or Waits()
        self._created, self._closed = incarnation.created_slot, incarnation.closed_slot
        layout = layout_of(history, incarnation, programs)
        self.addresses = RunAddresses(
            incarnation.coordinator_account, incarnation.treasurer_run, incarnation.vault, layout
        )

    @property
    def can_be_replayed(self) -> bool:
        """Whether the run may proceed by the rules of v1: False if it was created with another layout."""
        return self.addresses.layout is None or self.addresses.layout in LIKE_V1

    def at(self, place: Place) -> Replay:
        """The replay after the transaction at a place, or after the last one before it."""
        replay = self._latest(place)
        for _ in self._replayed(replay, place):
            pass
        return replay

    def beginning(self) -> Replay:
        """A replay without any transaction, for ``continued``."""
        return Replay(self.addresses, programs=self._programs)

    def happened(self, after: Place = BEGINNING, until: Place | None = None) -> Iterator[Happened]:
        """The events after a place, and up to and including another one, in the order of execution."""
        for events in self.continued(self.at(after), until):
            yield from events

    def continued(self, replay: Replay, until: Place | None = None) -> Iterator[list[Happened]]:
        """The events of each transaction after the last one of a replay, which is continued with them.

        Up to and including a place; by default, to the end.
        """
        for transaction, steps in self._replayed(replay, until):
            events = zip(decode(transaction, self._programs, replay.calls), steps, strict=True)
            yield [Happened(transaction, event, step.before, step.after, step.problems) for event, step in events]

    def steps(self, after: Place, until: Place | None = None) -> Iterator[tuple[RawTransaction, Step]]:
        """The instructions after a place, and up to and including another one, without decoding them to events."""
        for transaction, steps in self._replayed(self.at(after), until):
            yield from ((transaction, step) for step in steps)

    def count_until(self, place: Place) -> int:
        """The number of transactions of the incarnation up to and including a place."""
        return self._history.count(after=self._first, until=place)

    @property
    def _first(self) -> Place:
        """The place before the first transaction."""
        return BEGINNING if self._created is None else Place(self._created, -1)

    def _latest(self, place: Place) -> Replay:
        """The latest replay that was kept up to a place; a new one if there is none."""
        kept = self._history.image(self.addresses.account, place, DECODER)
        if kept is not None and kept[1] is not None:
            with suppress(ValueError):
                return continued(kept[1], self.addresses, self._programs)
        return self.beginning()

    def _replayed(self, replay: Replay, until: Place | None) -> Iterator[tuple[RawTransaction, Sequence[Step]]]:
        """Continue a replay."""
        start = self._first if replay.place is None else replay.place
        if self._closed is not None:
            last = Place(self._closed + 1, -1)
            until = last if until is None else min(until, last)
        with self._waits.showing("Replaying the run") as wait:
            for transaction in self._history.transactions(after=start, until=until):
                executed = replay.add(transaction)
                if replay.count % _KEPT_EVERY == 0:
                    self._history.write_image(self.addresses.account, transaction.place, keep(replay), DECODER)
                if replay.count % _SHOWN_EVERY == 0:
                    wait.now(f"{replay.count:,} transactions, up to slot {transaction.slot:,}")
                yield transaction, executed.steps
