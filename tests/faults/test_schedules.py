"""Random faults between the command line and the validator: every verdict must be correct.

Runs 5,000 schedules with all verbs that send transactions. After each one, the command is repeated if the verdict says
that this is safe: nothing was sent, or the transaction has expired. The seed is printed in the header of every test
run; ``--random-seed`` repeats the same schedules. A failure reports its schedule and the events of each request.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.solana.sending.sender import WRITING_SECONDS
from tests.cli.harness import Outcome

from .line import AIRDROP, FaultyLine
from .schedule import Schedule
from .world import Scenario, World

CHUNKS = 20
SCHEDULES = 250
"""Schedules per chunk; each chunk is a test case, so workers can share the load."""


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_verdict_is_correct(world: World, random_seed: int, chunk: int) -> None:
    wrong = []
    for number in range(SCHEDULES):
        seed = f"{random_seed}:{chunk}:{number}"
        scenario = choose_scenario(world, seed)
        line, outcome, elapsed = try_command(world, scenario, seed)
        faults = [*judge(world, scenario, line, outcome, elapsed)]
        if faults:
            wrong.append("\n  ".join([f"{seed} {scenario.name}, {outcome.code.name}:", *faults, *line.log[-30:]]))
    assert not wrong, f"{len(wrong)} of {SCHEDULES} schedules:\n" + "\n".join(wrong[:5])


def choose_scenario(world: World, seed: str) -> Scenario:
    weights = [scenario.weight for scenario in world.scenarios]
    return random.Random(f"{seed} scenario").choices(world.scenarios, weights)[0]


def try_command(world: World, scenario: Scenario, seed: str) -> tuple[FaultyLine, Outcome, float]:
    """Run the command from the start state under the schedule of this seed. Returns the outcome and the duration."""
    return try_schedule(world, scenario, Schedule(seed))


def try_schedule(world: World, scenario: Scenario, schedule: Schedule) -> tuple[FaultyLine, Outcome, float]:
    """The same for a given schedule."""
    world.restore()
    line = FaultyLine(world.dispatcher, world.clock, schedule)
    world.clock.interrupt_in = schedule.interrupt_sleep
    started = world.clock.now
    outcome = world.command(lambda _url: line, *scenario.words)
    elapsed = world.clock.now - started
    world.clock.interrupt_in = None
    line.drain()
    return line, outcome, elapsed


def judge(world: World, scenario: Scenario, line: FaultyLine, outcome: Outcome, elapsed: float) -> Iterator[str]:
    """The problems of an outcome, one sentence each."""
    if elapsed > WRITING_SECONDS + 1e-6:
        yield f"it took {elapsed:.1f} seconds"
    try:
        document = json.loads(outcome.stdout)
    except ValueError:
        yield f"stdout is not one JSON document: {outcome.stdout[:200]!r}"
        return
    if line.faucet_requests > 1:
        yield f"it asked the faucet {line.faucet_requests} times"
    executed = executions(world)
    if outcome.code is ExitCode.OK:
        claimed = [transaction["signature"] for transaction in document["transactions"]]
        landed = [signature for signature in executed if executed[signature] is None]
        # If a gateway forwards the request twice, the faucet pays twice but only one signature is returned.
        expected = claimed if AIRDROP in line.left and set(claimed) <= set(landed) else landed
        if len(claimed) != scenario.transactions or claimed != expected:
            yield f"it claims {claimed}, and executed were {executed}"
        return
    yield from judge_error(outcome, document["error"], line, executed)
    permitted = document["error"]["context"].get("sent") is not True or outcome.code is ExitCode.EXPIRED
    if permitted and line.asked:  # otherwise the state is unchanged
        again = world.command(world.transport, *scenario.words)
        if again.code is not ExitCode.OK:
            yield f"what was permitted to be repeated fails: {again.stderr}"
        if len(executions(world)) != scenario.transactions:
            yield f"after the permitted repetition {len(executions(world))} transactions were executed"


def judge_error(outcome: Outcome, error: Any, line: FaultyLine, executed: dict[str, Any]) -> Iterator[str]:
    """The problems of an error: its class, and its statement about what was sent."""
    sent, signature = error["context"].get("sent"), error["context"].get("signature")
    landed = error["context"].get("landed", [])
    failed_on_chain = sent is True and executed.get(signature) is not None
    verdicts_of_the_line = (ExitCode.NETWORK, ExitCode.EXPIRED, ExitCode.UNKNOWN, ExitCode.INTERRUPTED)
    # A response of the line may also state that requestAirdrop does not exist.
    without_faucet = outcome.code is ExitCode.LOCALNET and sent is False and line.faucet_requests
    if outcome.code not in verdicts_of_the_line and not failed_on_chain and not without_faucet:
        yield f"no fault of the line explains the error {error['code']}: {error['message']}"
    if not isinstance(sent, bool):
        yield "it does not say whether anything was sent"
    if sent is False and (line.left or executed):
        yield f"it says that nothing was sent; {line.left} may have left, {[*executed]} were executed"
    unknown = [None] if line.faucet_requests else []  # the faucet's response is lost, including the signature
    if sent is True and signature not in line.asked[-1:] + landed + unknown:
        yield f"it names {signature}, and to be sent were {line.asked}"
    if outcome.code in (ExitCode.EXPIRED, ExitCode.UNKNOWN) and sent is not True:
        yield "it is the verdict on what was sent, and says that nothing was"
    if outcome.code is ExitCode.EXPIRED and signature in executed:
        yield f"it says that {signature} has expired, and it was executed"
    if not set(landed) <= {known for known in executed if executed[known] is None}:
        yield f"it says that {landed} landed, and executed were {[*executed]}"


def executions(world: World) -> dict[str, Any]:
    """The error of every transaction since the start state by signature, in order."""
    known = {record.signature for record in world.start.records}
    return {
        str(record.signature): record.error for record in world.bank.history.records() if record.signature not in known
    }
