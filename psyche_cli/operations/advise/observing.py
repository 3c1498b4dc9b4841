"""The facts about a run from the events of its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from psyche_cli.history.events import DONE
from psyche_cli.history.states import Happened
from psyche_cli.model.committee import CommitteeSelection, expected_witnesses
from psyche_cli.model.outcomes import Refusal
from psyche_cli.model.simulation.history import EpochEnd
from psyche_cli.model.simulation.recorder import reason_of_end
from psyche_cli.model.states import CoordinatorState
from psyche_cli.operations.advise.facts import EpochFact, Facts, RoundFact, WaitFact, WarmupFact
from psyche_cli.protocol.run_states import RunState

_NOBODY: Final = frozenset[bytes]()


class _Round(NamedTuple):
    """The round in progress. ``trained`` is the duration of RoundTrain once it is over."""

    began: int
    expected: int
    reporters: frozenset[bytes] = _NOBODY
    reports: tuple[int, ...] = ()
    in_time: int = 0
    trained: int | None = None


class _Epoch(NamedTuple):
    """The epoch in progress, or the wait before it. Times are Unix seconds, None for what has not happened yet.

    ``joins`` are the times at which members joined, at the earliest the beginning of the wait. ``late`` are wallets
    that joined after it and are not in the epoch. ``loaded`` has the seconds of warmup reports, of which ``in_time``
    came in Warmup, and ``loaders`` their wallets.
    """

    waiting: int
    joins: tuple[int, ...] = ()
    warmup: int | None = None
    training: int | None = None
    cooldown: int | None = None
    clients: frozenset[bytes] = _NOBODY
    left: int = 0
    rounds: int = 0
    late: frozenset[bytes] = _NOBODY
    loaders: frozenset[bytes] = _NOBODY
    loaded: tuple[int, ...] = ()
    in_time: int = 0
    end: EpochEnd | None = None


class _Ended(NamedTuple):
    """A round that ended, with the wallets that reported it and the witnesses that did not."""

    fact: RoundFact
    reporters: frozenset[bytes]
    missing: frozenset[bytes]


class Observer:
    """Follows the events of a run in order.

    When the configuration or the model changes, the facts begin anew; ``changes`` is the number of such changes.
    ``state`` is the run after the latest event, None while it does not exist, ``last`` its last state, and ``now`` the
    time of that event in Unix seconds of the cluster. Epochs that were paused, or whose beginning is not known, are
    left out.
    """

    def __init__(self) -> None:
        self.changes = 0
        self.state: CoordinatorState | None = None
        self.last: CoordinatorState | None = None
        self.now = 0
        self._begin()

    def _begin(self) -> None:
        self._rounds: list[RoundFact] = []
        self._of_epoch: list[_Ended] = []
        self._warmups: list[WarmupFact] = []
        self._epochs: list[EpochFact] = []
        self._overdue = 0
        self._epoch: _Epoch | None = None
        self._round: _Round | None = None
        self._cooled_at: int | None = None
        self._saved: tuple[int, ...] = ()

    def facts(self, now: int | None = None) -> Facts:
        """The facts up to a time, by default up to the latest event. There must have been a configuration."""
        state, waiting = self.last, self._epoch
        assert state is not None
        wait = None
        if waiting is not None and waiting.warmup is None and state.run_state == RunState.WAITING_FOR_MEMBERS:
            joined = sum(client.active == state.next_active for client in state.clients)
            wait = WaitFact(max((self.now if now is None else now) - waiting.waiting, 0), joined)
        rounds = [*self._rounds, *_settled(self._of_epoch)]
        return Facts(state.config, state.model, rounds, self._warmups, self._epochs, wait, self._overdue)

    def add(self, one: Happened, time: int) -> None:
        """Add the next event, whose transaction was executed at ``time``."""
        before, after = one.before.state, one.after.state
        self.state, self.now = after, time
        if after is None:
            return
        self.last = after
        if before is None or one.event.effects.get("outcome") != DONE:
            return
        is_same = before.config is after.config and before.model is after.model
        if not is_same and _settings_of(before) != _settings_of(after):
            self.changes += any(before.config.values())
            self._begin()
        if one.event.program == "coordinator":
            self._report(one.event.kind, one.event.accounts.get("user", ""), before, time)
        if before.run_state != after.run_state:
            self._enter(before, after, after.run_state_start_timestamp)

    # --- reports --------------------------------------------------------------------------------------------------

    def _report(self, kind: str, user: str, before: CoordinatorState, time: int) -> None:
        match kind:
            case "witness" if self._round is not None:
                self._add_witness(_wallet(user), before, time)
            case "warmup_witness":
                self._add_loaded(_wallet(user), before, time)
            case "join_run":
                self._add_join(_wallet(user), before, time)
            case "checkpoint" if self._cooled_at is not None:
                self._add_saved(time - self._cooled_at)

    def _add_witness(self, wallet: bytes, before: CoordinatorState, time: int) -> None:
        now = self._round
        assert now is not None
        self._round = now._replace(
            reporters=now.reporters | {wallet},
            reports=(*now.reports, max(time - now.began, 0)),
            in_time=now.in_time + (before.run_state == RunState.ROUND_TRAIN),
        )

    def _add_loaded(self, wallet: bytes, before: CoordinatorState, time: int) -> None:
        epoch = self._epoch
        if epoch is None or epoch.warmup is None or wallet not in epoch.clients - epoch.loaders or epoch.rounds > 0:
            return
        self._epoch = epoch._replace(
            loaders=epoch.loaders | {wallet},
            loaded=(*epoch.loaded, max(time - epoch.warmup, 0)),
            in_time=epoch.in_time + (before.run_state == RunState.WARMUP),
        )

    def _add_join(self, wallet: bytes, before: CoordinatorState, time: int) -> None:
        epoch = self._epoch
        if epoch is None:
            return
        if before.run_state == RunState.WAITING_FOR_MEMBERS:
            if not any(one.id.signer == wallet and one.active == before.next_active for one in before.clients):
                self._epoch = epoch._replace(joins=(*epoch.joins, time))
        elif epoch.warmup is not None and 2 * (time - epoch.warmup) <= before.config["epoch_time"]:
            self._epoch = epoch._replace(late=epoch.late | ({wallet} - epoch.clients))

    def _add_saved(self, seconds: int) -> None:
        self._saved = (*self._saved, max(seconds, 0))
        is_over = self._epoch is None or self._epoch.cooldown is None
        if is_over and self._epochs:
            self._epochs[-1] = self._epochs[-1]._replace(saved=self._saved)

    # --- states ---------------------------------------------------------------------------------------------------

    def _enter(self, before: CoordinatorState, after: CoordinatorState, at: int) -> None:
        if self._round is not None and before.run_state == RunState.ROUND_WITNESS:
            self._end_round(self._round, before, after, at)
        if before.run_state == RunState.COOLDOWN:
            self._end_epoch(after, at)
        match after.run_state:
            case RunState.WAITING_FOR_MEMBERS:
                joined = sum(client.active == after.next_active for client in after.clients)
                self._epoch = _Epoch(at, joins=(at,) * joined)
            case RunState.WARMUP:
                self._begin_warmup(after, at)
            case RunState.ROUND_TRAIN:
                self._begin_round(before, after, at)
            case RunState.ROUND_WITNESS if self._round is not None:
                trained = at - self._round.began
                self._round = self._round._replace(trained=trained)
                if self._round.in_time < self._round.expected:
                    self._overdue += max(trained - after.config["max_round_train_time"], 0)
            case RunState.COOLDOWN:
                self._cooled_at, self._saved = at, ()
                if self._epoch is not None:
                    left, end = len(after.epoch.clients), reason_of_end(before, after)
                    self._epoch = self._epoch._replace(cooldown=at, left=left, end=end)
            case _:
                self._epoch = self._round = None

    def _begin_warmup(self, after: CoordinatorState, at: int) -> None:
        self._cooled_at = None
        if self._epoch is not None:
            wanted = _wanted(self._epoch, after.config)
            due = max(self._epoch.waiting + after.config["waiting_for_members_extra_time"], wanted)
            self._overdue += max(at - due, 0)
            clients = frozenset(client.id.signer for client in after.epoch.clients)
            self._epoch = self._epoch._replace(warmup=at, clients=clients)

    def _begin_round(self, before: CoordinatorState, after: CoordinatorState, at: int) -> None:
        epoch = self._epoch
        if epoch is not None and epoch.warmup is not None and before.run_state == RunState.WARMUP:
            self._epoch = epoch._replace(training=at)
            if epoch.in_time < expected_witnesses(after.config, len(epoch.clients)):
                self._overdue += max(at - epoch.warmup - after.config["warmup_time"], 0)
        expected = expected_witnesses(after.config, len(after.epoch.clients))
        self._round = _Round(at, expected)

    def _end_round(self, now: _Round, before: CoordinatorState, after: CoordinatorState, at: int) -> None:
        trained = 0 if now.trained is None else now.trained
        lasted = at - now.began - trained
        self._overdue += max(lasted - before.config["round_witness_time"], 0)
        fact = RoundFact(
            train_seconds=trained,
            witness_seconds=lasted,
            expected=now.expected,
            reports=now.reports,
            in_time=now.in_time,
            dropped=len(before.epoch.clients) - len(after.epoch.clients),
        )
        missing = _NOBODY if fact.is_complete else _witnesses(before) - now.reporters
        self._of_epoch.append(_Ended(fact, now.reporters, missing))
        self._round = None
        epoch = self._epoch
        if epoch is not None:
            if epoch.rounds == 0 and epoch.warmup is not None and epoch.training is not None:
                expected = expected_witnesses(before.config, len(epoch.clients))
                self._warmups.append(WarmupFact(epoch.training - epoch.warmup, expected, epoch.loaded, epoch.in_time))
            self._epoch = epoch._replace(rounds=epoch.rounds + 1)

    def _end_epoch(self, after: CoordinatorState, at: int) -> None:
        self._rounds += _settled(self._of_epoch)
        self._of_epoch = []
        epoch = self._epoch
        self._epoch = None
        if epoch is None or epoch.warmup is None or epoch.training is None or epoch.cooldown is None:
            return
        self._overdue += max(at - epoch.cooldown - after.config["cooldown_time"], 0)
        extra = epoch.waiting + after.config["waiting_for_members_extra_time"]
        self._epochs.append(
            EpochFact(
                waited=epoch.warmup - epoch.waiting,
                wanted=_wanted(epoch, after.config) - epoch.waiting,
                joined=sum(time <= extra for time in epoch.joins),
                warmup=epoch.training - epoch.warmup,
                trained=epoch.cooldown - epoch.training,
                cooldown=at - epoch.cooldown,
                rounds=epoch.rounds,
                clients=len(epoch.clients),
                clients_left=epoch.left,
                joined_late=len(epoch.late),
                saved=self._saved,
                end=epoch.end,
            )
        )


def _settings_of(state: CoordinatorState) -> tuple[Mapping[str, int], Mapping[str, Any]]:
    """The configuration and the model, without the checkpoint, which members and the program change."""
    return state.config, {key: value for key, value in state.model["LLM"].items() if key != "checkpoint"}


def _settled(ended: Sequence[_Ended]) -> list[RoundFact]:
    """The rounds of an epoch, with whether their missing witnesses reported later ones."""
    later, found = _NOBODY, list[RoundFact]()
    for one in reversed(ended):
        found.append(one.fact._replace(returned=bool(one.missing & later)))
        later |= one.reporters
    return found[::-1]


def _wanted(epoch: _Epoch, config: Mapping[str, int]) -> int:
    """The time at which enough members had joined."""
    joins, needed = sorted(epoch.joins), config["init_min_clients"]
    return joins[needed - 1] if 0 < needed <= len(joins) else epoch.waiting


def _witnesses(state: CoordinatorState) -> frozenset[bytes]:
    """The wallets of the witnesses of the current round; none if the program refuses all of them."""
    try:
        selection = CommitteeSelection.of(state.current_round, state.config)
    except Refusal:
        return _NOBODY
    clients = state.epoch.clients[: state.current_round.clients_len]
    return frozenset(
        client.id.signer
        for index, client in enumerate(clients)
        if selection.is_witness(selection.witness_position(index))
    )


def _wallet(address: str) -> bytes:
    from solders.pubkey import Pubkey

    return bytes(Pubkey.from_string(address))
