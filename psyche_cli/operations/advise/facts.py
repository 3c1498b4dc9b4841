"""What happened in a run, as far as its settings depend on it: rounds, warmups, epochs and waits for members.

Durations are seconds of the cluster's clock, whose resolution is one second.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from psyche_cli.model.simulation.history import EpochEnd

_NINETY_FIVE: Final = 0.95


class RoundFact(NamedTuple):
    """A round that ended.

    ``train_seconds`` and ``witness_seconds`` are the durations of its states. ``reports`` are the seconds from its
    beginning to each report of a witness, in order; ``in_time`` of them came in RoundTrain. ``expected`` is the number
    of reports that end RoundTrain. ``returned`` is whether a witness that did not report this round reported a later
    one of the epoch, so that it was slow rather than gone. ``dropped`` is the number of members that left the epoch.
    """

    train_seconds: int
    witness_seconds: int
    expected: int
    reports: tuple[int, ...]
    in_time: int
    returned: bool = False
    dropped: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether all witnesses reported, in RoundTrain or RoundWitness."""
        return len(self.reports) >= self.expected

    @property
    def timed_out(self) -> bool:
        """Whether RoundTrain ended because its time was over."""
        return self.in_time < self.expected

    @property
    def is_late(self) -> bool:
        """Whether a report came after RoundTrain had timed out."""
        return len(self.reports) > self.in_time

    @property
    def waited_for_nothing(self) -> int:
        """The seconds of RoundTrain after its last report, if reports were missing to the end."""
        if self.is_complete or self.is_late:
            return 0
        return self.train_seconds - max(self.reports, default=0)


class WarmupFact(NamedTuple):
    """A Warmup that ended with the first round. ``reports`` are the seconds from its beginning to each report.

    ``in_time`` of them came in Warmup; the others came in the first RoundTrain. ``expected`` end it early.
    """

    seconds: int
    expected: int
    reports: tuple[int, ...]
    in_time: int


class EpochFact(NamedTuple):
    """An epoch that ended with its Cooldown.

    ``waited`` is the duration of WaitingForMembers, of which ``wanted`` seconds passed until ``init_min_clients`` had
    joined; ``joined`` had done so when the additional time was over. ``clients`` took part, ``clients_left`` at the
    end. ``joined_late`` are wallets that joined in the first half of the epoch for the next one, and were not in this
    one. ``saved`` are the seconds from the beginning of Cooldown to each record of a checkpoint, up to the next Warmup.
    """

    waited: int
    wanted: int
    joined: int
    warmup: int
    trained: int
    cooldown: int
    rounds: int
    clients: int
    clients_left: int
    joined_late: int
    saved: tuple[int, ...]
    end: EpochEnd | None

    @property
    def seconds(self) -> int:
        """The duration of the epoch, with the wait before it."""
        return self.waited + self.warmup + self.trained + self.cooldown


class WaitFact(NamedTuple):
    """A wait for members that goes on: so far for ``seconds`` (None: forever), with ``joined`` members."""

    seconds: int | None
    joined: int


class Facts(NamedTuple):
    """All facts about a run under its present configuration.

    ``wait`` is the one that goes on now, if any. ``overdue`` are the seconds for which states lasted longer than their
    time, because nobody ticked. ``assumed_train`` and ``assumed_warmup`` are the seconds that the members need for a
    round and for the warmup, if they are assumed rather than observed.
    """

    config: Mapping[str, int]
    model: Mapping[str, Any]
    rounds: Sequence[RoundFact] = ()
    warmups: Sequence[WarmupFact] = ()
    epochs: Sequence[EpochFact] = ()
    wait: WaitFact | None = None
    overdue: int = 0
    assumed_train: int | None = None
    assumed_warmup: int | None = None

    @property
    def seconds(self) -> int:
        """The time of all epochs that ended."""
        return sum(one.seconds for one in self.epochs)


class Spread(NamedTuple):
    """The median, the 95th percentile and the maximum of some seconds. Percentiles are observed values (nearest
    rank)."""

    median: int
    p95: int
    longest: int

    @classmethod
    def of(cls, values: Iterable[int]) -> Spread:
        """The spread of at least one value."""
        ordered = sorted(values)
        return cls(_rank(ordered, 0.5), _rank(ordered, _NINETY_FIVE), ordered[-1])


def median(values: Iterable[int]) -> int:
    """The median of at least one value: one of them."""
    return Spread.of(values).median


def _rank(ordered: Sequence[int], share: float) -> int:
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]
