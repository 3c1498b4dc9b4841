"""The process is killed between any two steps, under the same random faults, and resumed from its journal.

A kill happens at a request (before or after the validator has executed it), during a wait, or right before a write to
the journal. A second process may be killed as well, while it settles what the first has left behind. Every process that
reaches its end must report what is true. Afterwards ``tx resume`` must settle everything, and repeating the command
must not execute anything twice.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from psyche_cli.errors import ExitCode
from tests.support.counts import Loads

from .judge import Attempt, executions, is_done, judge_attempt, judge_journal
from .line import FaultyLine
from .schedule import Schedule
from .summary import PROPERTY, Summary
from .test_schedules import choose_scenario
from .world import Scenario, World

CHUNKS = 8
INTERLEAVINGS = 20
"""Per chunk; 100 with ``--loads ci``, and 1,250 with ``--full``, which makes 10,000."""


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_nothing_is_lost_or_executed_twice(
    world: World, random_seed: int, loads: Loads, record_property: Callable[[str, object], None], chunk: int
) -> None:
    wrong = []
    summary = Summary()
    for number in range(loads.of(usual=INTERLEAVINGS, ci=100, full=1250)):
        seed = f"{random_seed}:killed:{chunk}:{number}"
        scenario = choose_scenario(world, seed)
        chance = random.Random(f"{seed} kill")
        attempts = interleave(world, scenario, seed, chance)
        summary.add(scenario, attempts)
        faults = [*judge(world, scenario, attempts, chance)]
        if faults:
            log = [event for attempt in attempts for event in ("-- process", *attempt.line.log[-20:])]
            wrong.append("\n  ".join([f"{seed} {scenario.name}:", *faults, *log]))
    record_property(PROPERTY, summary.flat)
    assert not wrong, f"{len(wrong)} schedules:\n" + "\n".join(wrong[:5])
    assert summary.counts["verb (all)", "killed"] > 0


def interleave(world: World, scenario: Scenario, seed: str, chance: random.Random) -> list[Attempt]:
    """Run the command from the start state, and sometimes another process after it; both may be killed."""
    world.restore()
    attempts = [attempt(world, chance, f"{seed}:1", scenario.words, steps=scenario.steps)]
    if chance.random() < 0.4:
        resumes = scenario.each_again or chance.random() < 0.5
        words = ("tx", "resume") if resumes else scenario.words
        asked = tuple(attempts[0].line.asked)
        steps = 4 if resumes else scenario.steps // 2  # settling takes fewer steps
        more = attempt(world, chance, f"{seed}:2", words, resumes=resumes, asked_before=asked, steps=steps)
        more.is_first = False
        attempts.append(more)
    return attempts


def attempt(
    world: World,
    chance: random.Random,
    seed: str,
    words: tuple[str, ...],
    *,
    resumes: bool = False,
    asked_before: tuple[str, ...] = (),
    steps: int = 8,
) -> Attempt:
    """Run a command that is killed at a random one of its first steps, unless it ends before."""
    schedule = Schedule(seed) if chance.random() < 0.7 else Schedule.calm(seed)
    schedule.interrupt_request = schedule.interrupt_sleep = None
    step = chance.randrange(steps)
    at_a_request = chance.random() < 0.6
    schedule.kill_request = step if at_a_request else None
    line = FaultyLine(world.dispatcher, world.clock, schedule)
    before, started = executions(world), world.clock.now
    outcome = world.killable_command(line, None if at_a_request else step, *words)
    elapsed = world.clock.now - started
    line.drain()
    return Attempt(line, outcome, elapsed, before, executions(world), resumes, asked_before)


def judge(world: World, scenario: Scenario, attempts: list[Attempt], chance: random.Random) -> Iterator[str]:
    """The problems of each process, and those afterwards, one sentence each."""
    for attempt in attempts:
        yield from judge_attempt(world, scenario, attempt)
    if scenario.is_airdrop:
        return
    told = any(attempt.line.told for attempt in attempts)
    if chance.random() < 0.5:
        resumed = world.command(world.transport, "tx", "resume")
        if resumed.code is not ExitCode.OK:
            yield f"tx resume fails: {resumed.stderr}"
            return
        yield from judge_journal(world)
        told = told or bool(resumed.json["transactions"])
    if scenario.verb == "localnet new-mint" or (scenario.each_again and told):
        return  # a repetition is another mint, or another payment
    if scenario.verb == "tx send" and any(executions(world).values()):
        return  # it failed on-chain, and cannot be sent again
    again = world.command(world.transport, *scenario.words)
    if again.code is not ExitCode.OK and not is_done(again):
        yield f"the repetition fails: {again.stderr}"
    landed = [signature for signature, error in executions(world).items() if error is None]
    if len(landed) > scenario.transactions or (len(landed) < scenario.transactions and not scenario.counts_doubt):
        yield f"{len(landed)} transactions have landed: {landed}"
    yield from judge_journal(world)
