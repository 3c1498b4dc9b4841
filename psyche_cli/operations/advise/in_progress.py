"""The round and the epoch in progress, and ended ones whose missing reports may still be explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from psyche_cli.model.committee import CommitteeSelection, expected_witnesses
from psyche_cli.model.outcomes import Refusal
from psyche_cli.model.simulation.history import EpochEnd
from psyche_cli.model.states import CoordinatorState
from psyche_cli.operations.advise.facts import NOBODY, EpochFact, RoundFact, WarmupFact, late_by
from psyche_cli.run_config.batch_size import batch_size

_DROPPED_WITHIN: Final = 3
"""After how many further rounds a member that is gone is dropped, at the latest."""


class OpenRound(NamedTuple):
    """The round in progress. ``trained`` is the duration of RoundTrain once it is over, ``in_state`` its reports."""

    began: int
    expected: int
    members: int
    batch: int
    reporters: frozenset[bytes] = NOBODY
    reports: tuple[int, ...] = ()
    in_time: int = 0
    in_state: int = 0
    trained: int | None = None

    @classmethod
    def of(cls, state: CoordinatorState, at: int) -> OpenRound:
        """The round that begins with a state."""
        clients = len(state.epoch.clients)
        tokens = state.current_round.data_index * state.model["LLM"]["max_seq_len"]
        return cls(at, expected_witnesses(state.config, clients), clients, batch_size(tokens, state.config))

    def reported(self, wallet: bytes, seconds: int, *, limit: int, in_state: bool) -> OpenRound:
        """With a report of a witness."""
        return self._replace(
            reporters=self.reporters | {wallet},
            reports=(*self.reports, seconds),
            in_time=self.in_time + (in_state and seconds <= limit),
            in_state=self.in_state + in_state,
        )

    def ended(self, before: CoordinatorState, dropped: int, at: int) -> RoundFact:
        """The round that ends after a state."""
        trained = 0 if self.trained is None else self.trained
        return RoundFact(
            train_seconds=trained,
            witness_seconds=at - self.began - trained,
            expected=self.expected,
            reports=self.reports,
            in_time=self.in_time,
            late_by=late_by(self.reports, before.config["max_round_train_time"], trained, self.in_state),
            dropped=dropped,
            members=self.members,
            batch=self.batch if self.members > 0 else 0,
        )


class OpenEpoch(NamedTuple):
    """The epoch in progress, or the wait before it. Times are Unix seconds, None for what has not happened yet.

    ``joins`` are the times at which members joined, at the earliest the beginning of the wait. ``late`` are wallets
    that joined after it and are not in the epoch. ``loaded`` has the seconds of warmup reports, of which ``in_time``
    came within warmup_time and ``in_state`` in Warmup, and ``loaders`` their wallets. ``reporters`` have reported a
    round.
    """

    waiting: int
    joins: tuple[int, ...] = ()
    warmup: int | None = None
    training: int | None = None
    cooldown: int | None = None
    clients: frozenset[bytes] = NOBODY
    left: int = 0
    rounds: int = 0
    late: frozenset[bytes] = NOBODY
    loaders: frozenset[bytes] = NOBODY
    loaded: tuple[int, ...] = ()
    in_time: int = 0
    in_state: int = 0
    reporters: frozenset[bytes] = NOBODY
    end: EpochEnd | None = None

    def wanted(self, config: Mapping[str, int]) -> int:
        """The time at which ``init_min_clients`` had joined."""
        joins, needed = sorted(self.joins), config["init_min_clients"]
        return joins[needed - 1] if 0 < needed <= len(joins) else self.waiting

    def warmed_up(self, config: Mapping[str, int]) -> WarmupFact | None:
        """The Warmup after the first round; None if its beginning is not known."""
        if self.warmup is None or self.training is None:
            return None
        lasted = self.training - self.warmup
        late = late_by(self.loaded, config["warmup_time"], lasted, self.in_state)
        return WarmupFact(lasted, expected_witnesses(config, len(self.clients)), self.loaded, self.in_time, late)

    def ended(self, saved: tuple[int, ...], at: int) -> EpochFact | None:
        """The epoch that ends with its Cooldown; None if its beginning is not known."""
        if self.warmup is None or self.training is None or self.cooldown is None:
            return None
        return EpochFact(
            waited=self.warmup - self.waiting,
            joins=tuple(sorted(max(time - self.waiting, 0) for time in self.joins)),
            warmup=self.training - self.warmup,
            trained=self.cooldown - self.training,
            cooldown=at - self.cooldown,
            rounds=self.rounds,
            clients=len(self.clients),
            clients_left=self.left,
            joined_late=len(self.late),
            saved=saved,
            end=self.end,
        )


class Reported(NamedTuple):
    """A member's reports of rounds in the epoch: the seconds of the longest, and the ``moment`` of the latest."""

    longest: int
    moment: int

    def is_quick(self, limit: int) -> bool:
        """Whether all came well within a time limit."""
        return 2 * self.longest <= limit


class EndedRound(NamedTuple):
    """A round that ended, in the epoch with this number, at the ``moment`` that counts the states of the run.

    ``missing`` witnesses did not report it; ``silent`` ones of them reported no round of the epoch before either.
    """

    fact: RoundFact
    epoch: int
    moment: int
    missing: frozenset[bytes]
    silent: frozenset[bytes]


class EndedWarmup(NamedTuple):
    """A Warmup that ended, and the members that did not report it up to the end of the first round."""

    fact: WarmupFact
    moment: int
    missing: frozenset[bytes]


def rounds_explained(
    ended: Sequence[EndedRound], signs: Mapping[bytes, int], gone: Mapping[tuple[int, bytes], int]
) -> list[RoundFact]:
    """The rounds, with what became of their missing witnesses. ``signs`` are the latest moments of life of wallets.

    ``gone`` has the moments of the last reports of members that reported well within the limit, and were dropped later
    in the epoch with this number. They did not report the rounds between because they were gone, even if they join
    again.
    """
    found, last_drop, epoch = list[RoundFact](), len(ended) + _DROPPED_WITHIN + 1, -1
    for index in range(len(ended) - 1, -1, -1):
        one = ended[index]
        if one.epoch != epoch:
            epoch, last_drop = one.epoch, len(ended) + _DROPPED_WITHIN + 1
        if one.fact.dropped > 0:
            last_drop = index
        left = {wallet for wallet in one.missing if gone.get((one.epoch, wallet), one.moment) < one.moment}
        slow = one.silent | _alive_after(one.moment, one.missing - left, signs)
        found.append(one.fact._replace(slow=slow, awaited=last_drop - index <= _DROPPED_WITHIN))
    return found[::-1]


def warmups_explained(ended: Sequence[EndedWarmup], signs: Mapping[bytes, int]) -> list[WarmupFact]:
    """The warmups, with the members that did not report them and were alive later."""
    return [one.fact._replace(slow=_alive_after(one.moment, one.missing, signs)) for one in ended]


def _alive_after(moment: int, wallets: frozenset[bytes], signs: Mapping[bytes, int]) -> frozenset[bytes]:
    return frozenset(wallet for wallet in wallets if signs.get(wallet, -1) >= moment)


def witnesses_of(state: CoordinatorState) -> frozenset[bytes]:
    """The wallets of the witnesses of the current round; none if the program refuses all of them."""
    try:
        selection = CommitteeSelection.of(state.current_round, state.config)
    except Refusal:
        return NOBODY
    clients = state.epoch.clients[: state.current_round.clients_len]
    return frozenset(
        client.id.signer
        for index, client in enumerate(clients)
        if selection.is_witness(selection.witness_position(index))
    )
