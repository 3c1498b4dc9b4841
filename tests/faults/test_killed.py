"""The process is killed between any two steps, under the same random faults, and resumed from its journal.

A kill happens at a request (before or after the validator has executed it), during a wait, or right before a write to
the journal. A second process may be killed as well, while it settles what the first has left behind. Afterwards
``tx resume`` must settle everything, and repeating the command must not execute anything twice.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from psyche_cli.errors import ExitCode

from .line import FaultyLine
from .schedule import Schedule
from .test_schedules import choose_scenario, executions
from .world import Scenario, World

CHUNKS = 4
SCHEDULES = 40
"""Schedules per chunk; 2,500 with ``--full``, which makes 10,000."""

NOT_REPEATABLE = ("new mint", "airdrop")
"""A repetition creates another mint on purpose; the faucet signs airdrops, so they are not in the journal."""


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_nothing_is_lost_or_executed_twice(world: World, random_seed: int, full: bool, chunk: int) -> None:
    wrong = []
    kills = 0
    for number in range(2500 if full else SCHEDULES):
        seed = f"{random_seed}:killed:{chunk}:{number}"
        scenario = choose_scenario(world, seed)
        if scenario.name == "airdrop":
            continue
        chance = random.Random(f"{seed} kill")
        world.restore()
        lines = [attempt(world, chance, f"{seed}:1", *scenario.words)]
        if chance.random() < 0.4:
            words = scenario.words if chance.random() < 0.5 and scenario.name != "new mint" else ("tx", "resume")
            lines.append(attempt(world, chance, f"{seed}:2", *words))
        kills += any(line.killed for line in lines)
        faults = [*judge(world, scenario, lines, chance)]
        if faults:
            log = [event for line in lines for event in ("-- process", *line.log[-20:])]
            wrong.append("\n  ".join([f"{seed} {scenario.name}:", *faults, *log]))
    assert not wrong, f"{len(wrong)} schedules:\n" + "\n".join(wrong[:5])
    assert kills > SCHEDULES / 4


def attempt(world: World, chance: random.Random, seed: str, *words: str) -> FaultyLine:
    """Run a command that is killed at a random step, unless it ends before."""
    schedule = Schedule(seed) if chance.random() < 0.7 else Schedule.calm(seed)
    schedule.interrupt_request = schedule.interrupt_sleep = None
    step = chance.randrange(10)
    at_a_request = chance.random() < 0.6
    schedule.kill_request = step if at_a_request else None
    line = FaultyLine(world.dispatcher, world.clock, schedule)
    world.killable_command(line, None if at_a_request else step, *words)
    line.drain()
    return line


def judge(world: World, scenario: Scenario, lines: list[FaultyLine], chance: random.Random) -> Iterator[str]:
    """The problems afterwards, one sentence each."""
    told = any(line.told for line in lines)
    resumes = chance.random() < 0.5
    if resumes:
        resumed = world.command(world.transport, "tx", "resume")
        if resumed.code is not ExitCode.OK:
            yield f"tx resume fails: {resumed.stderr}"
            return
        yield from judge_journal(world)
        told = told or bool(resumed.json["transactions"])
    if scenario.name in NOT_REPEATABLE:
        return
    once = scenario.name.startswith(("top up", "create", "claim"))
    if scenario.name == "top up" and told:
        return  # a repetition is another payment
    again = world.command(world.transport, *scenario.words)
    exists = again.code is ExitCode.REFUSED and again.json["error"]["context"].get("as_requested") is True
    closed = again.code is ExitCode.NOT_FOUND and scenario.name.startswith("close")
    if again.code is not ExitCode.OK and not exists and not closed:
        yield f"the repetition fails: {again.stderr}"
    landed = [signature for signature, error in executions(world).items() if error is None]
    if once and len(landed) != 1:
        yield f"{len(landed)} transactions have landed: {landed}"
    yield from judge_journal(world)


def judge_journal(world: World) -> Iterator[str]:
    """The problems of a journal in which everything must be settled."""
    executed = executions(world)
    records = world.command(world.transport, "tx", "list", "--all").data["transactions"]
    states = {record["signature"]: record["state"] for record in records}
    if not executed.keys() <= states.keys():
        yield f"not in the journal: {executed.keys() - states.keys()}"
    for signature, state in states.items():
        if signature in executed:
            expected = {"landed" if executed[signature] is None else "failed"}
        else:
            expected = {"expired", "not_sent"}
        if state not in expected:
            yield f"{signature} is {state}, not {' or '.join(sorted(expected))}"
