"""The facts about a run from the events of its history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from psyche_cli.history.events import DONE
from psyche_cli.history.states import Happened
from psyche_cli.model.committee import expected_witnesses
from psyche_cli.model.simulation.recorder import reason_of_end
from psyche_cli.model.states import CoordinatorState
from psyche_cli.operations.advise.facts import NOBODY, EpochFact, Facts, Former, WaitFact
from psyche_cli.operations.advise.in_progress import (
    EndedRound,
    EndedWarmup,
    OpenEpoch,
    OpenRound,
    Reported,
    rounds_explained,
    warmups_explained,
    witnesses_of,
)
from psyche_cli.protocol.run_states import RunState

_RECENT: Final = 3
"""How many epochs show with how many members epochs usually begin."""


class Observer:
    """Follows the events of a run in order.

    When the configuration or the model changes, the facts begin anew, except for the longest times with the same model;
    ``changes`` is the number of such changes, and ``since`` the step of the latest one.
    ``state`` is the run after the latest event, None while it does not exist, ``last`` its last state, and ``now`` the
    time of that event in Unix seconds of the cluster. Epochs that were paused, or whose beginning is not known, are
    left out.
    """

    def __init__(self) -> None:
        self.changes = 0
        self.state: CoordinatorState | None = None
        self.last: CoordinatorState | None = None
        self.now = 0
        self.since = 0
        self._came: tuple[int, ...] = ()
        self._former = Former()
        self._begin()

    def _begin(self) -> None:
        self._rounds: list[EndedRound] = []
        self._warmups: list[EndedWarmup] = []
        self._epochs: list[EpochFact] = []
        self._overdue = 0
        self._moment = 0
        self._signs: dict[bytes, int] = {}
        self._reported: dict[bytes, Reported] = {}
        self._gone: dict[tuple[int, bytes], int] = {}
        self._epoch: OpenEpoch | None = None
        self._round: OpenRound | None = None
        self._cooled_at: int | None = None
        self._saved: dict[bytes, int] = {}

    def facts(self) -> Facts:
        """The facts up to the latest event. There must have been a configuration."""
        state = self.last
        assert state is not None
        return Facts(
            state.config,
            state.model,
            rounds_explained(self._rounds, self._signs, self._gone),
            warmups_explained(self._warmups, self._signs),
            self._epochs,
            wait_of(state, self.now),
            min(self._came, default=0),
            self._overdue,
            former=self._former,
        )

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
            self.since = after.step
            self._keep_longest(before, after)
            self._begin()
        if one.event.program == "coordinator":
            self._report(one.event.kind, one.event.accounts.get("user", ""), before, time)
        if before.run_state != after.run_state:
            self._enter(before, after, after.run_state_start_timestamp)

    def _keep_longest(self, before: CoordinatorState, after: CoordinatorState) -> None:
        """Keep the longest times when the configuration changes, and forget them when the model does."""
        if _model_of(before) != _model_of(after):
            self._former = Former()
            return
        rounds, warmups = (one.fact for one in self._rounds), (one.fact for one in self._warmups)
        self._former = self._former.also(rounds, warmups, self._epochs)

    # --- reports --------------------------------------------------------------------------------------------------

    def _report(self, kind: str, user: str, before: CoordinatorState, time: int) -> None:
        match kind:
            case "witness" if self._round is not None:
                self._add_witness(self._sign(user), before, time)
            case "warmup_witness":
                self._add_loaded(self._sign(user), before, time)
            case "join_run":
                self._add_join(self._sign(user), before, time)
            case "checkpoint" if self._cooled_at is not None:
                self._add_saved(_wallet(user), time - self._cooled_at)

    def _sign(self, user: str) -> bytes:
        """The wallet of a member, which is alive."""
        wallet = _wallet(user)
        self._signs[wallet] = self._moment
        return wallet

    def _add_witness(self, wallet: bytes, before: CoordinatorState, time: int) -> None:
        assert self._round is not None
        seconds = max(time - self._round.began, 0)
        known = self._reported.get(wallet, Reported(0, 0))
        self._reported[wallet] = Reported(max(known.longest, seconds), self._moment)
        self._round = self._round.reported(
            wallet,
            seconds,
            limit=before.config["max_round_train_time"],
            in_state=before.run_state == RunState.ROUND_TRAIN,
        )
        if self._epoch is not None:
            self._epoch = self._epoch._replace(reporters=self._epoch.reporters | {wallet})

    def _add_loaded(self, wallet: bytes, before: CoordinatorState, time: int) -> None:
        epoch = self._epoch
        if epoch is None or epoch.warmup is None or wallet not in epoch.clients - epoch.loaders or epoch.rounds > 0:
            return
        seconds, in_state = max(time - epoch.warmup, 0), before.run_state == RunState.WARMUP
        self._epoch = epoch._replace(
            loaders=epoch.loaders | {wallet},
            loaded=(*epoch.loaded, seconds),
            in_time=epoch.in_time + (in_state and seconds <= before.config["warmup_time"]),
            in_state=epoch.in_state + in_state,
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

    def _add_saved(self, wallet: bytes, seconds: int) -> None:
        self._saved.setdefault(wallet, max(seconds, 0))
        is_over = self._epoch is None or self._epoch.cooldown is None
        if is_over and self._epochs:
            self._epochs[-1] = self._epochs[-1]._replace(saved=tuple(self._saved.values()))

    # --- states ---------------------------------------------------------------------------------------------------

    def _enter(self, before: CoordinatorState, after: CoordinatorState, at: int) -> None:
        self._moment += 1
        if self._round is not None and before.run_state == RunState.ROUND_WITNESS:
            self._end_round(self._round, before, after, at)
        if before.run_state == RunState.COOLDOWN:
            self._end_epoch(after, at)
        match after.run_state:
            case RunState.WAITING_FOR_MEMBERS:
                self._epoch = OpenEpoch(at, joins=(at,) * _joined(after))
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
                self._cooled_at, self._saved = at, {}
                if self._epoch is not None:
                    left, end = len(after.epoch.clients), reason_of_end(before, after)
                    self._epoch = self._epoch._replace(cooldown=at, left=left, end=end)
            case _:
                self._epoch = self._round = self._cooled_at = None

    def _begin_warmup(self, after: CoordinatorState, at: int) -> None:
        self._cooled_at, self._reported = None, {}
        self._came = (*self._came, len(after.epoch.clients))[-_RECENT:]
        if self._epoch is not None:
            wanted = self._epoch.wanted(after.config)
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
        self._round = OpenRound.of(after, at)

    def _end_round(self, now: OpenRound, before: CoordinatorState, after: CoordinatorState, at: int) -> None:
        fact = now.ended(before, len(before.epoch.clients) - len(after.epoch.clients), at)
        self._overdue += max(fact.witness_seconds - before.config["round_witness_time"], 0)
        missing = NOBODY if fact.is_complete else witnesses_of(before) - now.reporters
        epoch, self._round = self._epoch, None
        stay = {client.id.signer for client in after.epoch.clients}
        for client in before.epoch.clients:
            own = self._reported.get(client.id.signer)
            if own is not None and client.id.signer not in stay and own.is_quick(before.config["max_round_train_time"]):
                self._gone[before.progress["epoch"], client.id.signer] = own.moment
        silent = missing if epoch is None else missing - epoch.reporters
        self._rounds.append(EndedRound(fact, before.progress["epoch"], self._moment, missing, silent))
        if epoch is not None:
            warmup = epoch.warmed_up(before.config) if epoch.rounds == 0 else None
            if warmup is not None:
                absent = epoch.clients - epoch.loaders if warmup.timed_out else NOBODY
                # A member that reports the first round is alive, but has loaded the model too late for Warmup.
                self._warmups.append(EndedWarmup(warmup, self._moment - 2, absent))
            self._epoch = epoch._replace(rounds=epoch.rounds + 1)

    def _end_epoch(self, after: CoordinatorState, at: int) -> None:
        epoch, self._epoch = self._epoch, None
        ended = None if epoch is None else epoch.ended(tuple(self._saved.values()), at)
        if ended is not None:
            self._overdue += max(ended.cooldown - after.config["cooldown_time"], 0)
            self._epochs.append(ended)


def wait_of(state: CoordinatorState, now: int) -> WaitFact | None:
    """The wait for members in which a run is, if it is."""
    if state.run_state != RunState.WAITING_FOR_MEMBERS:
        return None
    return WaitFact(max(now - state.run_state_start_timestamp, 0), _joined(state))


def _joined(state: CoordinatorState) -> int:
    return sum(client.active == state.next_active for client in state.clients)


def _settings_of(state: CoordinatorState) -> tuple[Mapping[str, int], Mapping[str, Any]]:
    return state.config, _model_of(state)


def _model_of(state: CoordinatorState) -> Mapping[str, Any]:
    """The model without the checkpoint, which members and the program change."""
    return {key: value for key, value in state.model["LLM"].items() if key != "checkpoint"}


def _wallet(address: str) -> bytes:
    from solders.pubkey import Pubkey

    return bytes(Pubkey.from_string(address))
