"""The course of a simulated run: every state that it was in, and its epochs.

Rounds and epochs that repeat exactly are stored once, with their number; any visit can still be computed.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple, TypeAlias

from psyche_cli.protocol.run_states import RunState


class EpochEnd(Enum):
    """Why an epoch ended. The values are the names of the conditions of the machine ``psyche-run``."""

    NO_WITNESSES = "no-witnesses"
    LAST_ROUND = "last-round"
    TOO_FEW_CLIENTS = "too-few-clients"
    BELOW_QUORUM = "below-quorum"
    NO_STEPS_LEFT = "no-steps-left"
    PAUSE_PENDING = "pause-pending"


class Visit(NamedTuple):
    """A state that the run entered at ``start``, in Unix seconds. ``clients`` is the number of the epoch's clients."""

    state: RunState
    start: int
    epoch: int
    step: int
    clients: int

    def shifted(self, seconds: int, epochs: int, steps: int) -> Visit:
        """The same visit later."""
        state, start, epoch, step, clients = self
        return Visit(state, start + seconds, epoch + epochs, step + steps, clients)


class Repetition(NamedTuple):
    """``visits`` repeated ``times`` times, each ``seconds``, ``epochs`` and ``steps`` after the one before."""

    visits: History
    times: int
    seconds: int
    epochs: int
    steps: int

    def at(self, index: int) -> Visit:
        """A visit by its index."""
        number, inner = divmod(index, len(self.visits))
        return self.visits[inner].shifted(number * self.seconds, number * self.epochs, number * self.steps)

    def each(self) -> Iterator[Visit]:
        """All visits in order."""
        for number in range(self.times):
            seconds, epochs, steps = number * self.seconds, number * self.epochs, number * self.steps
            for visit in self.visits:
                yield visit.shifted(seconds, epochs, steps)


Item: TypeAlias = "Visit | Repetition"


class History(Sequence[Visit]):
    """All visits in order. Indexing takes logarithmic time."""

    def __init__(self, items: Sequence[Item] = ()) -> None:
        self.items: list[Item] = []
        self._ends: list[int] = []
        for item in items:
            self.append(item)

    def append(self, item: Item) -> None:
        """Add a visit or a repetition at the end."""
        count = 1 if isinstance(item, Visit) else item.times * len(item.visits)
        self.items.append(item)
        self._ends.append(len(self) + count)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> Visit:  # type: ignore[override]  # slices are not supported
        if not 0 <= index < len(self):
            raise IndexError(index)
        at = bisect.bisect_right(self._ends, index)
        item = self.items[at]
        if isinstance(item, Visit):
            return item
        return item.at(index - (self._ends[at - 1] if at else 0))

    def __iter__(self) -> Iterator[Visit]:
        for item in self.items:
            if isinstance(item, Visit):
                yield item
            else:
                yield from item.each()


class EpochRecord(NamedTuple):
    """An epoch that ended. Times are Unix seconds; the first two are None if they were before the simulation.

    ``first_step`` is the step with which the epoch began; it trained ``rounds`` steps, from sequence ``data_index`` to
    ``data_index_end``. ``clients`` took part at first, and ``clients_left`` at the end. ``paid`` are the points that
    were credited to all members together.
    """

    epoch: int
    waiting_at: int | None
    training_at: int | None
    warmup_at: int
    cooldown_at: int
    ended_at: int
    first_step: int
    rounds: int
    data_index: int
    data_index_end: int
    clients: int
    clients_left: int
    paid: int
    end: EpochEnd | None

    def shifted(self, seconds: int, epochs: int, data_index: int, data_index_end: int) -> EpochRecord:
        """The same epoch later, with its own data."""
        return self._replace(
            epoch=self.epoch + epochs,
            waiting_at=None if self.waiting_at is None else self.waiting_at + seconds,
            training_at=None if self.training_at is None else self.training_at + seconds,
            warmup_at=self.warmup_at + seconds,
            cooldown_at=self.cooldown_at + seconds,
            ended_at=self.ended_at + seconds,
            first_step=self.first_step + epochs * self.rounds,
            data_index=data_index,
            data_index_end=data_index_end,
        )
