"""The events between two observations account for everything that differs, and for nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from hypothesis import example, given, settings
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from psyche_cli.model.coordinator_model import apply
from psyche_cli.model.instructions import UpdateClientVersion
from psyche_cli.model.states import CoordinatorState
from psyche_cli.operations.runs.find import Run, Treasury
from psyche_cli.operations.status import event_payloads as events
from psyche_cli.operations.status.event_payloads import RunEvent
from psyche_cli.operations.status.observation import Observation
from psyche_cli.operations.status.run_events import events_between
from psyche_cli.protocol.accounts.small_accounts import CoordinatorInstance, TreasurerRun
from psyche_cli.protocol.accounts.token_accounts import TokenMint
from psyche_cli.solana.cluster_clock import ClusterClock
from tests.model import stages
from tests.model.random_play import RandomPlay
from tests.model.recording import OWNER, client
from tests.support.counts import repetitions

KEY = Pubkey.from_string("11111111111111111111111111111112")
SEEDS = st.integers(0, 2**32 - 1)


def instance(address: Pubkey = KEY) -> CoordinatorInstance:
    return CoordinatorInstance(KEY, 0, 255, KEY, KEY, address, "run")


def observation(
    state: CoordinatorState, now: int = 0, slot: int = 0, vault: tuple[int, int, int] | None = None
) -> Observation:
    """An observation of a state. ``vault`` is its balance, the collateral paid and the points claimed."""
    treasury = None
    if vault is not None:
        balance, paid, points = vault
        run = TreasurerRun(KEY, 0, 255, 1, KEY, KEY, KEY, KEY, KEY, paid, points)
        treasury = Treasury(run, TokenMint(KEY, 10**12, 6, None), KEY, balance)
    unread: Any = None  # the account is not read: its content is given
    seen = Observation(Run("run", instance(), unread, treasury), ClusterClock(slot, now))
    seen.__dict__["state"] = state
    return seen


def names(found: Iterable[RunEvent]) -> list[str]:
    return [one.event for one in found]


@dataclass
class Facts:
    """What a reader of events knows about a run."""

    state: str = ""
    since: int = 0
    epoch: int = 0
    step: int = 0
    last_step: int = 0
    pending_pause: bool = False
    members: dict[str, str] = field(default_factory=dict)
    exited: dict[str, tuple[str, int]] = field(default_factory=dict)
    joined: set[str] = field(default_factory=set)
    earned: dict[str, int] = field(default_factory=dict)
    round: tuple[Any, ...] = ()
    reports: int = 0
    rates: dict[str, tuple[int, ...]] = field(default_factory=dict)
    version: str = ""
    checkpoint: Any = None
    vault: tuple[int, int, int] | None = None
    is_progress_set: bool = field(default=False, compare=False)
    """Whether the owner changed the progress meanwhile, so that the numbers of epochs in between are unknown."""

    @classmethod
    def of(cls, seen: Observation) -> Facts:
        state = seen.state
        has_rounds = state.run_state.is_active or not state.epoch.first_round
        current = state.current_round
        treasury = seen.run.treasury
        vault = None
        if treasury is not None:
            paid, points = treasury.run.total_claimed_collateral_amount, treasury.run.total_claimed_earned_points
            vault = (treasury.vault_amount, paid, points)
        return cls(
            state=state.run_state.text,
            since=state.run_state_start_timestamp,
            epoch=state.progress["epoch"],
            step=state.step,
            last_step=state.epoch.last_step,
            pending_pause=state.pending_pause,
            members={str(one.id.wallet): one.state.text for one in state.epoch.clients},
            exited={str(one.id.wallet): (one.state.text, one.exited_height) for one in state.epoch.exited_clients},
            joined={str(one.id.wallet) for one in state.clients},
            earned={str(one.id.wallet): one.earned for one in state.clients if one.earned},
            round=(current.height, current.data_index, current.clients_len) if has_rounds else (),
            reports=len(current.witnesses),
            rates={"current": (*state.current_epoch_rates,), "future": (*state.future_epoch_rates,)},
            version=state.client_version,
            checkpoint=state.model["LLM"]["checkpoint"],
            vault=vault,
        )

    def without_reports(self) -> Facts:
        """The reports of a round are discarded when the epoch ends, which is not an event of its own."""
        ended = self.state in ("Cooldown", "Waiting for members", "Finished", "Paused", "Uninitialized")
        return replace(self, reports=0) if ended else self

    def apply(self, found: Iterable[RunEvent]) -> Facts:
        now = replace(self, members=dict(self.members), exited=dict(self.exited), joined=set(self.joined))
        now.earned, now.rates = dict(self.earned), dict(self.rates)
        found = [*found]
        now.is_progress_set = any(isinstance(event, events.ProgressSet) for event in found)
        for event in found:
            now._apply(event)
        return now

    def _apply(self, event: RunEvent) -> None:
        match event:
            case events.Transition():
                assert event.before == self.state
                self.state, self.since = event.after, event.since
            case events.Step():
                assert event.step == self.step + 1
                self.step = event.step
            case events.RoundBegan():
                self.round, self.reports = (event.round, event.data_index, event.clients), 0
            case events.Witnesses():
                assert event.round <= self.round[0]
                assert event.witnesses > self.reports
                self.reports = event.witnesses
            case events.WarmupReports():
                assert event.reported > self.reports
                self.reports = event.reported
            case events.EpochBegan():
                assert self.is_progress_set or event.epoch == self.epoch
                self.exited, self.round, self.reports, self.last_step = {}, (), 0, 0
                self.members = dict.fromkeys(event.members or [], "Healthy")
            case events.EpochLastStep():
                self.last_step = event.last_step
            case events.EpochEnded():
                assert self.is_progress_set or event.epoch == self.epoch
                self.epoch = event.epoch + event.completed
                if event.finished is not None:
                    assert event.finished == [wallet for wallet, kind in self.members.items() if kind == "Healthy"]
                    left = [wallet for wallet, kind in self.members.items() if kind != "Healthy"]
                    assert event.left == [*self.exited, *left]
            case events.ProgressSet():
                self.epoch, self.step = event.after.epoch, event.after.step
            case events.Joined():
                assert event.first == (event.wallet not in self.joined)
                self.joined.add(event.wallet)
            case events.Dropped():
                assert self.members[event.wallet] == "Healthy"
                self.members[event.wallet] = event.kind
            case events.Exited():
                assert self.members.pop(event.wallet) == event.kind
                self.exited[event.wallet] = (event.kind, event.round)
            case events.Rewarded():
                self.earned[event.wallet] = self.earned.get(event.wallet, 0) + event.amount.base_units
                assert self.earned[event.wallet] == event.total.base_units
            case events.RatesChanged():
                assert self.rates[event.epochs] == (event.earning_before.base_units, event.slashing_before.base_units)
                self.rates[event.epochs] = (event.earning.base_units, event.slashing.base_units)
            case events.ClientVersionChanged():
                self.version = event.after
            case events.CheckpointChanged():
                self.checkpoint = event.after
            case events.PauseRequested() | events.PauseBegan():
                assert self.pending_pause != isinstance(event, events.PauseRequested)
                self.pending_pause = not self.pending_pause
            case events.Funded() | events.Withdrawn() | events.Claimed():
                self._apply_to_vault(event)
            case events.ConfigurationChanged() | events.MetadataChanged():
                pass
            case _:
                raise AssertionError(event)

    def _apply_to_vault(self, event: events.Funded | events.Withdrawn | events.Claimed) -> None:
        assert self.vault is not None
        balance, paid, points = self.vault
        amount = event.amount.base_units
        if isinstance(event, events.Claimed):
            self.vault = (balance - amount, paid + amount, points + event.points)
            assert event.total.base_units == self.vault[1]
            assert event.total_points == self.vault[2]
        else:
            assert amount > 0
            self.vault = (balance + (amount if isinstance(event, events.Funded) else -amount), paid, points)
        assert event.vault_balance.base_units == self.vault[0]


def without_bookkeeping(state: CoordinatorState) -> CoordinatorState:
    """What may change without an event of its own: what follows from events, and internal flags."""
    epoch = state.epoch
    return replace(
        state,
        nonce=0,
        next_active=0,
        is_warmup_first_tick=False,
        is_training_first_tick=False,
        epoch=replace(epoch, first_round=False, cold_start_epoch=False),
    )


def check(before: Observation, after: Observation) -> list[RunEvent]:
    """The events, after a comparison with the differences."""
    found = events_between(before, after)
    old, new = before.state, after.state
    expected = Facts.of(after).without_reports()
    assert Facts.of(before).without_reports().apply(found).without_reports() == expected, names(found)
    reported = defaultdict(list)
    for event in found:
        reported[event.event].append(event)
        assert (event.run_id, event.slot, event.time) == ("run", after.clock.slot, after.now)
        assert event.nonce == after.state.nonce
    same_model = {**old.model["LLM"], "checkpoint": 0} == {**new.model["LLM"], "checkpoint": 0}
    assert bool(reported["configuration"]) == (old.config != new.config or not same_model)
    assert bool(reported["metadata"]) == (old.metadata != new.metadata)
    known = {one.id.signer: (one.id, one.active) for one in old.clients}
    joined = [str(one.id.wallet) for one in new.clients if known.get(one.id.signer) != (one.id, one.active)]
    assert numbers(found, events.Joined, "wallet") == joined
    treasuries = (before.run.treasury, after.run.treasury)
    changed = without_bookkeeping(old) != without_bookkeeping(new) or treasuries[0] != treasuries[1]
    assert bool(found) == changed
    return found


class Played:
    """Random observations of a random run with a treasurer."""

    def __init__(self, seed: int) -> None:
        self.play = RandomPlay(seed)
        self.vault = (0, 0, 0)

    def next(self) -> Observation:
        random = self.play.random
        if random.random() < 0.05 and self.play.state.run_state.is_halted:
            version = UpdateClientVersion(str(random.randrange(3)))
            self.play.state = apply(self.play.state, version, OWNER, self.play.clock).state
        else:
            self.play.step()
        balance, paid, points = self.vault
        if random.random() < 0.1:
            balance += random.randrange(1000)
        if random.random() < 0.1:
            claimed = random.randrange(balance + 1)
            balance, paid, points = balance - claimed, paid + claimed, points + claimed
        if random.random() < 0.02:
            balance = random.randrange(balance + 1)
        self.vault = (balance, paid, points)
        clock = self.play.clock
        return observation(self.play.state, clock.unix_timestamp, clock.slot, self.vault)


@settings(max_examples=repetitions(40))
@given(SEEDS)
def test_events_account_for_every_difference(seed: int) -> None:
    played = Played(seed)
    last = played.next()
    for _ in range(80):
        seen = played.next()
        found = check(last, seen)
        assert all(event.direct for event in found if isinstance(event, events.Transition))
        last = seen


def numbers(found: Iterable[RunEvent], kind: type[RunEvent], name: str) -> list[Any]:
    return [getattr(event, name) for event in found if isinstance(event, kind)]


@settings(max_examples=repetitions(40))
@example(seed=56001, stride=29)  # a pause in the warmup, after which the epoch begins again
@given(SEEDS, st.integers(2, 40))
def test_merged_events_agree_with_single_ones(seed: int, stride: int) -> None:
    """With observations that are further apart, no step, reward or payment is lost, and nothing is added."""
    played = Played(seed)
    last = first = played.next()
    for _ in range(6):
        single: list[RunEvent] = []
        for _ in range(stride):
            seen = played.next()
            single += events_between(last, seen)
            last = seen
        merged = check(first, last)
        for kind in (events.Rewarded, events.Claimed):
            amounts = [sum(event.amount.base_units for event in found if isinstance(event, kind))
                       for found in (merged, single)]  # fmt: skip
            assert amounts[0] == amounts[1]
        if not any(isinstance(event, events.ProgressSet) for event in [*merged, *single]):
            assert numbers(merged, events.Step, "step") == numbers(single, events.Step, "step")
            completed = [
                [event.epoch for event in found if isinstance(event, events.EpochEnded) and event.completed]
                for found in (merged, single)
            ]
            assert completed[0] == completed[1]
            assert set(names(merged)) <= set(names(single))
        first = last


def seen(run: stages.Run, vault: tuple[int, int, int] | None = None) -> Observation:
    return observation(run.state, run.now, run.now * 2, vault)


def fields(event: RunEvent) -> dict[str, Any]:
    """The fields of an event, without those that all events have."""
    return {name: value for name, value in vars(event).items() if name not in vars(RunEvent)["__dataclass_fields__"]}


def wallets(*numbers: int) -> list[str]:
    return [str(client(number).wallet) for number in numbers]


def test_a_round_and_the_end_of_an_epoch_in_one_look() -> None:
    run = stages.training(0, 1, 2)
    first = seen(run)
    run.play_round().play_round().witness(0).witness(1).wait(20).tick().wait(3)
    run.state = replace(run.state, pending_pause=True)
    second = seen(run.tick())
    found = check(first, second)
    transition = next(event for event in found if isinstance(event, events.Transition))
    assert (transition.before, transition.after, transition.direct) == ("Training", "Cooldown", False)
    assert numbers(found, events.Step, "step") == [2, 3, 4]
    assert numbers(found, events.RoundBegan, "round") == [1, 2]
    assert "pause_requested" in names(found)
    found = check(second, seen(run.wait(7).tick()))
    assert names(found) == ["checkpoint", "dropped", "dropped", "dropped", "epoch_ended", "pause_began", "transition"]
    assert fields(found[4]) == {"epoch": 0, "completed": True, "finished": [], "left": wallets(0, 1, 2)}
    assert [fields(event)["kind"] for event in found[1:4]] == ["Withdrawn"] * 3
    assert fields(found[-1]) == {"before": "Cooldown", "after": "Paused", "since": run.now, "direct": True}


def test_rounds_that_are_no_longer_stored() -> None:
    run = stages.training(0, 1, 2)
    first = seen(run)
    for _ in range(6):
        run.play_round()
    began = [event for event in check(first, seen(run)) if isinstance(event, events.RoundBegan)]
    assert [event.round for event in began] == [1, 2, 3, 4, 5, 6]
    assert [event.clients for event in began] == [None, None, 3, 3, 3, 3]


def test_another_run_with_the_same_id() -> None:
    run = stages.training(0, 1, 2)
    later, other = seen(run), observation(stages.uninitialized().state)
    other.run = other.run._replace(instance=instance(Pubkey.from_bytes(bytes([7] * 32))))
    [closed, again] = events_between(later, other)
    assert (closed.event, again.event) == ("closed", "created_again")
    assert fields(again) == {"coordinator_account": str(other.run.instance.coordinator_account)}
    assert names(events_between(later, observation(stages.uninitialized().state))) == ["closed", "created_again"]


def test_progress_that_the_owner_set_is_no_training() -> None:
    run = stages.uninitialized()
    state = run.state
    jumped = replace(state, nonce=state.nonce + 1, progress={"epoch": 7, "step": 40, "epoch_start_data_index": 9})
    [event] = check(observation(state), observation(jumped))
    assert isinstance(event, events.ProgressSet)
    assert (event.before.step, event.after.step, event.after.epoch_start_data_index) == (0, 40, 9)


def test_names_of_events() -> None:
    found = [str(kind.__dataclass_fields__["event"].default) for kind in get_args(events.AnyEvent)]
    assert " ".join(found) == (
        "transition step round epoch_began epoch_last_step epoch_ended joined dropped exited rewarded slashed funded "
        "withdrawn claimed configuration metadata client_version checkpoint rates progress_set pause_requested "
        "pause_began warmup_reports witnesses closed created_again "
        "observed"
    )
