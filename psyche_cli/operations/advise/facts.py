"""What happened in a run, as far as its settings depend on it: rounds, warmups, epochs and waits for members.

Durations are seconds of the cluster's clock, whose resolution is one second.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from psyche_cli.model.simulation.history import EpochEnd

NOBODY: Final = frozenset[bytes]()
FOLLOWS: Final = 3
"""A report at most this many seconds after a time limit has ended a state may be due to that end: a member that waited
for others gives up then. It says nothing about the time that the member needs."""
_NINETY_FIVE: Final = 0.95


class RoundFact(NamedTuple):
    """A round that ended.

    ``train_seconds`` and ``witness_seconds`` are the durations of its states. ``reports`` are the seconds from its
    beginning to each report of a witness, in order; ``in_time`` of them came within max_round_train_time.
    ``expected`` is the number of reports that end RoundTrain. ``late_by`` is by how many seconds a report exceeded the
    limit at most; 0 if all late ones just followed the end of RoundTrain (see ``late_by``). ``slow`` are the witnesses
    that did not report the round and may have been too slow rather than gone. ``dropped`` is the number of members that
    left the epoch; with ``awaited``, some left it then or soon after, so that the others may have waited for them.
    ``members`` train ``batch`` sequences; both are 0 if they are not known.
    """

    train_seconds: int
    witness_seconds: int
    expected: int
    reports: tuple[int, ...]
    in_time: int
    late_by: int = 0
    slow: frozenset[bytes] = NOBODY
    dropped: int = 0
    awaited: bool = False
    members: int = 0
    batch: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether all witnesses reported, in RoundTrain or RoundWitness."""
        return len(self.reports) >= self.expected

    @property
    def timed_out(self) -> bool:
        """Whether max_round_train_time was over before the last report."""
        return self.in_time < self.expected

    @property
    def is_late(self) -> bool:
        """Whether a report came after max_round_train_time."""
        return len(self.reports) > self.in_time

    @property
    def shows_slowness(self) -> bool:
        """Whether reports were late although nobody was missing, so that the limit is shorter than the work."""
        return self.late_by > 0 and self.is_complete and not self.awaited

    def needed(self, batch: int, members: int | None = None) -> int:
        """The time of the last report with another batch size, and as many members or fewer, in proportion.

        It is at least the observed time. There must have been a report.
        """
        last = max(self.reports)
        if self.batch == 0:
            return last
        then = math.ceil(batch / (self.members if members is None else max(members, 1)))
        return max(last, math.ceil(last * then / math.ceil(self.batch / self.members)))

    @property
    def waited_for_nothing(self) -> int:
        """The seconds of RoundTrain after its last report, if reports were missing to the end."""
        if self.is_complete or self.is_late:
            return 0
        return self.train_seconds - max(self.reports, default=0)


class WarmupFact(NamedTuple):
    """A Warmup that ended with the first round. ``reports`` are the seconds from its beginning to each report.

    ``in_time`` of them came within warmup_time; the others came later, up to the end of the first round. ``expected``
    end Warmup early. ``late_by`` and ``slow`` are as for a round.
    """

    seconds: int
    expected: int
    reports: tuple[int, ...]
    in_time: int
    late_by: int = 0
    slow: frozenset[bytes] = NOBODY

    @property
    def timed_out(self) -> bool:
        """Whether its time was over before enough reports had come."""
        return self.in_time < self.expected

    @property
    def shows_slowness(self) -> bool:
        """Whether it timed out and everyone reported later, so that the limit is shorter than the work."""
        return self.timed_out and self.late_by > 0 and len(self.reports) >= self.expected


class EpochFact(NamedTuple):
    """An epoch that ended with its Cooldown.

    ``waited`` is the duration of WaitingForMembers, and ``joins`` are the seconds in it until each member had joined,
    in order. ``clients`` took part, ``clients_left`` at the end. ``joined_late`` are wallets that joined in the first
    half of the epoch for the next one, and were not in this one. ``saved`` are the seconds from the beginning of
    Cooldown to the first record of a checkpoint by each member, up to the next Warmup, pause or end of the run.
    """

    waited: int
    joins: tuple[int, ...]
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

    def joined_within(self, seconds: int) -> int:
        """How many members had joined this long after the wait began."""
        return sum(one <= seconds for one in self.joins)

    def wait_for(self, members: int, extra: int) -> int:
        """The seconds beyond ``extra``, the additional time, until this many had joined, as far as they came."""
        joins = self.joins[:members]
        return max(joins[-1] - extra, 0) if joins else 0


class WaitFact(NamedTuple):
    """A wait for members that goes on: so far for ``seconds`` (None: forever), with ``joined`` members."""

    seconds: int | None
    joined: int


class Former(NamedTuple):
    """The longest times that were observed under earlier configurations, with the same model. 0 means none.

    ``rounds`` has, for each batch size and number of members, the round with the latest report. ``in_witness`` are the
    seconds from the beginning of RoundWitness to a report at most, ``warmup`` those to a report that the model was
    loaded, and ``saved`` those from the beginning of Cooldown to a member's first record of a checkpoint.
    """

    rounds: tuple[RoundFact, ...] = ()
    in_witness: int = 0
    warmup: int = 0
    saved: int = 0

    def also(self, rounds: Iterable[RoundFact], warmups: Iterable[WarmupFact], epochs: Iterable[EpochFact]) -> Former:
        """With what was observed under another configuration."""
        longest, in_witness = dict[tuple[int, int], RoundFact](), self.in_witness
        for one in (*self.rounds, *rounds):
            known = longest.get((one.batch, one.members))
            if one.reports and (known is None or max(one.reports) > max(known.reports)):
                longest[one.batch, one.members] = one
            in_witness = max(in_witness, *(seconds - one.train_seconds for seconds in one.reports[one.in_time :]), 0)
        return Former(
            tuple(longest.values()),
            in_witness,
            max([self.warmup, *(seconds for one in warmups for seconds in one.reports)]),
            max([self.saved, *(seconds for one in epochs for seconds in one.saved)]),
        )

    def round_needed(self, batch: int, members: int) -> int:
        """The longest time that a round would need with another batch size, and as many members or fewer."""
        return max((one.needed(batch, members) for one in self.rounds), default=0)

    @property
    def round_longest(self) -> int:
        """The time of the latest report of a round."""
        return max((max(one.reports) for one in self.rounds), default=0)


class Facts(NamedTuple):
    """All facts about a run under its present configuration.

    ``wait`` is the one that goes on now, if any. ``came`` is the number of members with which each of the last three
    epochs began, also under former configurations; 0 if none is known. ``overdue`` are the seconds for which states
    lasted longer than their time, because nobody ticked. ``assumed_train`` and ``assumed_warmup`` are the seconds that
    the members need for a round and for the warmup, if they are assumed rather than observed. ``former`` was observed
    under earlier configurations, and only counts against shorter limits.
    """

    config: Mapping[str, int]
    model: Mapping[str, Any]
    rounds: Sequence[RoundFact] = ()
    warmups: Sequence[WarmupFact] = ()
    epochs: Sequence[EpochFact] = ()
    wait: WaitFact | None = None
    came: int = 0
    overdue: int = 0
    assumed_train: int | None = None
    assumed_warmup: int | None = None
    former: Former = Former()

    @property
    def seconds(self) -> int:
        """The time of all epochs that ended."""
        return sum(one.seconds for one in self.epochs)

    def too_long_with(self, members: int) -> int | None:
        """The time that most rounds would need with this few members; None if it is within their time limit."""
        times = [one.needed(self.config["global_batch_size_end"], members) for one in self.rounds if one.reports]
        longest = Spread.of(times).p95 if times else 0
        return longest if longest > self.config["max_round_train_time"] else None


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


def late_by(reports: Sequence[int], limit: int, ended: int, in_state: int) -> int:
    """By how many seconds a report exceeded a time limit at most; 0 if all late ones followed the end of the state.

    The state ended after ``ended`` seconds, and the first ``in_state`` reports came in it.
    """
    late = [one for one in reports[:in_state] if one > limit]
    late += [one for one in reports[in_state:] if one > max(ended, limit) + FOLLOWS]
    return max(late, default=limit) - limit


def _rank(ordered: Sequence[int], share: float) -> int:
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]
