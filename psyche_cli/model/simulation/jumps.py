"""Skipping rounds and epochs that are known to repeat.

A round repeats if all clients of the epoch are present and nothing ends the epoch: each takes the same time, and the
random choice of witnesses has no effect. An epoch repeats if it ended in the state in which it began, apart from times
and counters. Enough rounds, or one epoch, are left to be executed that everything the account stores is computed by
the model itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from psyche_cli.limits import STORED_ROUNDS, U16_MAX, U32_MAX, U64_MAX
from psyche_cli.model.committee import expected_witnesses
from psyche_cli.model.execution import Clock
from psyche_cli.model.simulation.history import EpochRecord, History, Repetition, Visit
from psyche_cli.model.simulation.recorder import Recorder
from psyche_cli.model.simulation.world import World
from psyche_cli.model.states import CoordinatorState, OlderState
from psyche_cli.protocol.accounts.coordinator_rounds import Round
from psyche_cli.protocol.run_states import ClientState, RunState
from psyche_cli.run_config.batch_size import data_index_after

LONGEST: Final = 2**40
"""The longest time that is simulated, in seconds: about 35,000 years."""

_TIMES: Final = (
    "warmup_time",
    "cooldown_time",
    "max_round_train_time",
    "round_witness_time",
    "epoch_time",
    "waiting_for_members_extra_time",
)
_FIRST_COMPARABLE_STEP: Final = 4
"""Before this step the program does not store the last step of an epoch."""


def skip_rounds(world: World, recorder: Recorder) -> None:
    """Skip the rounds that repeat; the run must just have entered RoundTrain."""
    state, now = world.state, world.now
    if not _rounds_repeat(world):
        return
    train, config = max(world.train_seconds, 1), state.config
    seconds = train + config["round_witness_time"]
    limits = [config["total_steps"] - state.step - 1, U32_MAX - state.current_round.height]
    limits += [change.step - state.step - 1 for change in world.plan[:1]]
    limits.append((world.start.unix_timestamp + LONGEST - now) // seconds)
    if isinstance(state, OlderState):
        limits.append(state.rounds_per_epoch - 1 - state.current_round.height)
    else:
        limits.append((state.epoch.start_timestamp + config["epoch_time"] - now - 1) // seconds)
    index = state.current_round.data_index
    count, data_index = _countable(min(limits) - STORED_ROUNDS, lambda steps: _data_index(state, index, steps))
    if count < 1:
        return
    clients = len(state.epoch.clients)
    witnesses = expected_witnesses(config, clients)
    first = Visit(RunState.ROUND_TRAIN, now, state.progress["epoch"], state.step, clients)
    second = first._replace(state=RunState.ROUND_WITNESS, start=now + train)
    # The visit of the present round is recorded already, and that of the round after the skipped ones is not.
    recorder.history.append(second)
    if count > 1:
        later = History([first.shifted(seconds, 0, 1), second.shifted(seconds, 0, 1)])
        recorder.history.append(Repetition(later, count - 1, seconds, 0, 1))
    recorder.history.append(first.shifted(count * seconds, 0, count))
    world.now = now + count * seconds
    height = state.current_round.height + count
    head = (state.epoch.rounds_head + count) % STORED_ROUNDS
    rounds = list(state.epoch.rounds)
    clock = Clock(world.now, world.start.slot_at(world.now))
    rounds[head] = Round(data_index, clock.random_seed, height, clients)
    state = replace(
        state,
        run_state_start_timestamp=world.now,
        epoch=replace(state.epoch, rounds=tuple(rounds), rounds_head=head),
        nonce=state.nonce + count * (seconds + witnesses),
    )
    world.state = state.with_progress(step=state.step + count)


def _rounds_repeat(world: World) -> bool:
    state, config, clients = world.state, world.state.config, world.state.epoch.clients
    return (
        state.run_state == RunState.ROUND_TRAIN
        and state.run_state_start_timestamp == world.now
        and not (state.epoch.first_round or state.epoch.last_step or state.pending_pause)
        and not state.current_round.witnesses
        and state.current_round.clients_len == len(clients)
        and max(config["min_clients"], config["witness_nodes"]) <= len(clients)
        and config["verification_percent"] <= 100
        and all(client.state == ClientState.HEALTHY and world.is_present(client.id.signer) for client in clients)
        and world.train_seconds <= config["max_round_train_time"]
        and _times_are_small(config)
    )


def _times_are_small(config: Mapping[str, int]) -> bool:
    return all(config[name] <= LONGEST for name in _TIMES)


def _data_index(state: CoordinatorState, index: int, steps: int) -> int | None:
    """The data index after ``steps`` steps; None if the program can no longer count its tokens."""
    found = data_index_after(index, steps, state.config, state.max_seq_len)
    return found if found * state.max_seq_len <= U64_MAX else None


def _countable(most: int, data_index: Callable[[int], int | None]) -> tuple[int, int]:
    """The number of repetitions, at most ``most``, after which tokens can be counted, and the data index then."""
    count = most
    while count > 0:
        found = data_index(count)
        if found is not None:
            return count, found
        count //= 2
    return 0, 0


class _Boundary(NamedTuple):
    """The run when it began to wait for members, and what had been recorded until then."""

    signature: tuple[Any, ...]
    state: CoordinatorState
    now: int
    items: int
    epochs: int


class EpochSkipper:
    """Skips epochs that repeat. ``most`` is the number of the epoch at which the simulation ends, if there is one."""

    def __init__(self, world: World, recorder: Recorder, most: int | None) -> None:
        self._world, self._recorder, self._most = world, recorder, most
        self._before: _Boundary | None = None

    def at_waiting(self) -> None:
        """Skip the epochs that repeat; the run must just have begun to wait, and its members must have joined."""
        before, now = self._before, self._boundary()
        self._before = now
        drawn, self._world.drawn = self._world.drawn, False
        if before is not None and not drawn and before.signature == now.signature:
            self._skip(before, now)

    def _boundary(self) -> _Boundary:
        state, world, recorder = self._world.state, self._world, self._recorder
        signature = (
            tuple(world.members),
            state.epoch.clients,
            state.epoch.exited_clients,
            tuple((client.id, client.slashed, client.active == state.next_active) for client in state.clients),
            (state.epoch.cold_start_epoch, state.pending_pause, state.is_warmup_first_tick, len(world.plan)),
            (state.current_epoch_rates, state.future_epoch_rates, state.is_training_first_tick),
            state.model,
        )
        return _Boundary(signature, state, world.now, len(recorder.history.items), len(recorder.epochs))

    def _skip(self, before: _Boundary, here: _Boundary) -> None:
        world, recorder, state = self._world, self._recorder, here.state
        steps, seconds = state.step - before.state.step, here.now - before.now
        if here.epochs - before.epochs != 1 or before.state.step < _FIRST_COMPARABLE_STEP:
            return
        earned = [now.earned - then.earned for now, then in zip(state.clients, before.state.clients, strict=True)]
        epoch = state.progress["epoch"]
        ends = [state.config["total_steps"], *(change.step for change in world.plan[:1])]
        limits = [(end - 1 - state.step) // steps for end in ends]
        limits += [
            (U64_MAX - one.earned) // share for one, share in zip(state.clients, earned, strict=True) if share > 0
        ]
        limits += [U16_MAX - epoch, (world.start.unix_timestamp + LONGEST - here.now) // seconds]
        limits += [] if self._most is None else [self._most - epoch]
        index = state.progress["epoch_start_data_index"]
        count, data_index = _countable(min(limits) - 1, lambda epochs: _data_index(state, index, epochs * steps))
        if count < 1 or not _times_are_small(state.config):
            return
        self._record(before, count, seconds, steps)
        world.now = here.now + count * seconds
        next_active = state.next_active + count
        clients = tuple(
            client._replace(
                # Wallets that no longer join keep their value.
                active=next_active if client.active == state.next_active else client.active,
                earned=client.earned + count * share,
            )
            for client, share in zip(state.clients, earned, strict=True)
        )
        state = replace(
            state,
            run_state_start_timestamp=world.now,
            clients=clients,
            next_active=next_active,
            nonce=state.nonce + count * (state.nonce - before.state.nonce),
        )
        world.state = state.with_progress(
            step=state.step + count * steps, epoch=epoch + count, epoch_start_data_index=data_index
        )
        recorder.open = recorder.open._replace(waiting_at=world.now)
        self._before = None

    def _record(self, before: _Boundary, count: int, seconds: int, steps: int) -> None:
        recorder, state = self._recorder, self._world.state
        visits = History(recorder.history.items[before.items :])
        shifted = [_shifted(item, seconds, 1, steps) for item in visits.items]
        recorder.history.append(Repetition(History(shifted), count, seconds, 1, steps))
        template: EpochRecord = recorder.epochs[-1]
        index = state.progress["epoch_start_data_index"]
        for number in range(1, count + 1):
            after = data_index_after(index, steps, state.config, state.max_seq_len)
            recorder.epochs.append(template.shifted(number * seconds, number, index, after))
            index = after


def _shifted(item: Visit | Repetition, seconds: int, epochs: int, steps: int) -> Visit | Repetition:
    if isinstance(item, Visit):
        return item.shifted(seconds, epochs, steps)
    visits = History([_shifted(inner, seconds, epochs, steps) for inner in item.visits.items])
    return item._replace(visits=visits)
