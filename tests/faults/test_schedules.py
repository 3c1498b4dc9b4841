"""Random faults between the command line and the validator: every verdict must be correct.

Runs each schedule with one of the commands that send transactions. Afterwards, the command is repeated if the verdict
says that this is safe: nothing was sent, or the transaction has expired. The seed is printed in the header of every
test run; ``--random-seed`` repeats the same schedules. A failure reports its schedule and the events of each request.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from psyche_cli.errors import ExitCode
from tests.support.counts import Loads

from .judge import Attempt, executions, judge_attempt
from .line import FaultyLine
from .schedule import Schedule
from .summary import PROPERTY, Summary
from .world import Scenario, World

CHUNKS = 10
SCHEDULES = 30
"""Schedules per chunk; 50 with ``--loads ci``, and 200 with ``--full``. Each chunk is a test case, so workers can share
the load."""


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_verdict_is_correct(
    world: World, random_seed: int, loads: Loads, record_property: Callable[[str, object], None], chunk: int
) -> None:
    wrong = []
    summary = Summary()
    for number in range(loads.of(usual=SCHEDULES, ci=50, full=200)):
        seed = f"{random_seed}:{chunk}:{number}"
        scenario = choose_scenario(world, seed)
        attempt = try_schedule(world, scenario, Schedule(seed))
        summary.add(scenario, [attempt])
        faults = [*judge(world, scenario, attempt)]
        if faults:
            wrong.append("\n  ".join([f"{seed} {scenario.name}:", *faults, *attempt.line.log[-30:]]))
    record_property(PROPERTY, summary.flat)
    assert not wrong, f"{len(wrong)} schedules:\n" + "\n".join(wrong[:5])


def choose_scenario(world: World, seed: str) -> Scenario:
    weights = [scenario.weight for scenario in world.scenarios]
    return random.Random(f"{seed} scenario").choices(world.scenarios, weights)[0]


def try_schedule(world: World, scenario: Scenario, schedule: Schedule) -> Attempt:
    """Run the command from the start state under a schedule."""
    world.restore()
    line = FaultyLine(world.dispatcher, world.clock, schedule)
    world.clock.interrupt_in = schedule.interrupt_sleep
    started = world.clock.now
    outcome = world.command(line.open_transport, *line.with_endpoints(scenario.words))
    elapsed = world.clock.now - started
    world.clock.interrupt_in = None
    line.shown = outcome.stdout + outcome.stderr
    line.drain()
    return Attempt(line, outcome, elapsed, {}, executions(world))


def judge(world: World, scenario: Scenario, attempt: Attempt) -> Iterator[str]:
    """The problems of an outcome and of a permitted repetition, one sentence each."""
    outcome = attempt.outcome
    assert outcome is not None
    problems = [*judge_attempt(world, scenario, attempt)]
    yield from problems
    if outcome.code is ExitCode.OK or problems:
        return
    permitted = outcome.json["error"]["context"].get("sent") is not True or outcome.code is ExitCode.EXPIRED
    if permitted and attempt.line.asked:  # otherwise the state is unchanged
        again = world.command(world.transport, *scenario.words)
        if again.code is not ExitCode.OK:
            yield f"what was permitted to be repeated fails: {again.stderr}"
        if len(executions(world)) != scenario.transactions:
            yield f"after the permitted repetition {len(executions(world))} transactions were executed"
