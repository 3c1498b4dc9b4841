"""Simulations of a configuration: their facts, and the effects of a change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from typing import Any, Final, NamedTuple

from psyche_cli.model.committee import expected_witnesses
from psyche_cli.model.simulation.behavior import Behavior, Change, Start
from psyche_cli.model.simulation.engine import End, Simulation, new_run, simulate
from psyche_cli.model.simulation.history import EpochEnd, EpochRecord, Visit
from psyche_cli.model.simulation.world import World
from psyche_cli.operations.advise.facts import EpochFact, Facts, RoundFact, WaitFact, WarmupFact
from psyche_cli.protocol.run_states import RunState

EPOCHS: Final = 12
"""How many epochs are simulated."""
_MOST_VISITS: Final = 20_000
_AT_ONCE: Final = Start(0, 0)
_STARTS: Final = 8
"""How many simulations with other clocks are averaged if chance decides: which clients are witnesses."""
_SECONDS_BETWEEN_STARTS: Final = 1_000_003
_EARLY: Final = (EpochEnd.NO_WITNESSES, EpochEnd.TOO_FEW_CLIENTS, EpochEnd.BELOW_QUORUM)


class Pace(NamedTuple):
    """What is assumed about the members: how many there are at first, their speed, and the changes.

    ``wait`` are the seconds for which each epoch waits for them beyond the additional time.
    """

    clients: int
    behavior: Behavior = Behavior()
    changes: Sequence[Change] = ()
    epochs: int = EPOCHS
    wait: int = 0


class Course(NamedTuple):
    """How a run proceeds: ``share_in_rounds`` is in percent; a run that is stuck has no steps per hour.

    Steps whose round nobody reported are not counted: nothing is trained in them.

    If chance matters, numbers are averages, and the run is stuck if it always is.
    """

    share_in_rounds: float
    steps_per_hour: float
    epochs_per_day: float
    members_dropped: float
    epochs_ended_early: float
    is_stuck: bool


def predicted(config: Mapping[str, int], model: Mapping[str, Any], pace: Pace) -> Course:
    """How a new run would proceed."""
    is_random = pace.changes and 0 < config["witness_nodes"] < pace.clients
    starts = [Start(number * _SECONDS_BETWEEN_STARTS, 0) for number in range(_STARTS if is_random else 1)]
    found = [course_of(play(config, model, pace, start), pace.wait) for start in starts]

    def mean(values: Iterable[float]) -> float:
        return round(sum(values) / len(found), 2)

    return Course(
        share_in_rounds=mean(one.share_in_rounds for one in found),
        steps_per_hour=mean(one.steps_per_hour for one in found),
        epochs_per_day=mean(one.epochs_per_day for one in found),
        members_dropped=mean(one.members_dropped for one in found),
        epochs_ended_early=mean(one.epochs_ended_early for one in found),
        is_stuck=all(one.is_stuck for one in found),
    )


def play(config: Mapping[str, int], model: Mapping[str, Any], pace: Pace, start: Start = _AT_ONCE) -> Simulation:
    """Simulate a new run from a clock on."""
    world = World(new_run(config, model), start, [], behavior=pace.behavior, changes=pace.changes)
    world.come(pace.clients)
    return simulate(world, epochs=pace.epochs)


def course_of(found: Simulation, wait: int = 0) -> Course:
    """How a simulated run proceeded, if each epoch also waited some seconds for members."""
    seconds = found.now - found.started_at + wait * len(found.epochs)
    steps = sum(one.rounds - (one.end is EpochEnd.NO_WITNESSES) for one in found.epochs)
    trained = sum(one.cooldown_at - one.training_at for one in found.epochs if one.training_at is not None)
    stuck = found.end is End.STUCK
    rate = 0.0 if stuck or seconds == 0 else 1 / seconds
    return Course(
        share_in_rounds=0.0 if stuck or seconds == 0 else round(100 * trained * rate, 1),
        steps_per_hour=round(3_600 * steps * rate, 1),
        epochs_per_day=round(86_400 * len(found.epochs) * rate, 2),
        members_dropped=sum(one.clients - one.clients_left for one in found.epochs),
        epochs_ended_early=sum(one.end in _EARLY for one in found.epochs),
        is_stuck=stuck,
    )


def facts_of(config: Mapping[str, int], model: Mapping[str, Any], pace: Pace) -> Facts:
    """The facts of a simulated run. Nobody records checkpoints in it."""
    found = play(config, model, pace)
    wait = None
    if found.end is End.STUCK and found.state.run_state == RunState.WAITING_FOR_MEMBERS:
        joined = sum(client.active == found.state.next_active for client in found.state.clients)
        wait = WaitFact(None, joined)
    epochs = [one for one in found.epochs if one.waiting_at is not None and one.training_at is not None]
    return Facts(
        config=config,
        model=model,
        rounds=[*_rounds(islice(found.history, _MOST_VISITS), config, pace.behavior)],
        warmups=[_warmup(one, config, pace.behavior) for one in epochs],
        epochs=[_epoch(one) for one in epochs],
        wait=wait,
        assumed_train=pace.behavior.train_seconds,
        assumed_warmup=pace.behavior.warmup_seconds,
    )


def _rounds(visits: Iterator[Visit], config: Mapping[str, int], behavior: Behavior) -> Iterator[RoundFact]:
    longest = config["max_round_train_time"]
    window = longest + config["round_witness_time"]
    seconds = longest if behavior.train_seconds is None else behavior.train_seconds
    begun: tuple[Visit, Visit] | None = None
    for one, following in pairwise(visits):
        if one.state == RunState.ROUND_TRAIN:
            begun = one, following
        elif one.state == RunState.ROUND_WITNESS and begun is not None:
            trained = begun[1].start - begun[0].start
            expected = expected_witnesses(config, one.clients)
            everyone = trained == max(seconds, 1) or seconds > longest
            reports = (seconds,) * (expected if everyone else expected - 1) if seconds < window else ()
            yield RoundFact(
                train_seconds=trained,
                witness_seconds=following.start - one.start,
                expected=expected,
                reports=reports,
                in_time=len(reports) if seconds <= longest else 0,
                late_by=max(seconds - longest, 0) if reports else 0,
                dropped=max(one.clients - following.clients, 0) if following.state != RunState.WARMUP else 0,
            )


def _warmup(one: EpochRecord, config: Mapping[str, int], behavior: Behavior) -> WarmupFact:
    seconds, expected = behavior.warmup_seconds, expected_witnesses(config, one.clients)
    lasted = 0 if one.training_at is None else one.training_at - one.warmup_at
    if seconds is None:
        return WarmupFact(lasted, expected, (), 0)
    late = max(seconds - config["warmup_time"], 0)
    reported = expected if late > 0 or lasted == max(seconds, 1) else expected - 1
    return WarmupFact(lasted, expected, (seconds,) * reported, 0 if late > 0 else reported, late)


def _epoch(one: EpochRecord) -> EpochFact:
    training = one.cooldown_at if one.training_at is None else one.training_at
    return EpochFact(
        waited=0 if one.waiting_at is None else one.warmup_at - one.waiting_at,
        joins=(0,) * one.clients,
        warmup=training - one.warmup_at,
        trained=one.cooldown_at - training,
        cooldown=one.ended_at - one.cooldown_at,
        rounds=one.rounds,
        clients=one.clients,
        clients_left=one.clients_left,
        joined_late=0,
        saved=(),
        end=one.end,
    )
