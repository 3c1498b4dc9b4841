"""Schedules under random faults, kills, clock jumps and restarts: the limits hold, and a pause is made once.

Each life is a sequence of processes at irregular intervals, as from cron, with those of the owner in between. Every
check judges the transactions in the ledger rather than what the processes report.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.operations.schedule.acts import DAY
from tests.programs.chain import discriminator
from tests.support.counts import Loads
from tests.support.ledger_payments import payments

from .judge import Attempt, judge_secrets
from .test_killed import attempt
from .world import World

TOKEN = 10**6
MOST, PER_DAY = 20 * TOKEN, 45 * TOKEN
TOP_UP = ("schedule", "top-up", "--run-id", "scheduled", "--keep-epochs", "9999", "--max", "20", "--per-day", "45")
PAUSE = ("schedule", "pause", "--run-id", "plain-running", "--at", "epoch:0")
TICK = ("schedule", "tick", "--run-id", "ticking")
RESUME = ("set-paused", "--run-id", "plain-running", "--resume")
MANUAL = 7 * TOKEN + 1
MANUALLY = ("treasurer-top-up-rewards", "--run-id", "scheduled", "--collateral-amount", "7.000001")
WORDS = (*[TOP_UP] * 6, MANUALLY, PAUSE, PAUSE, TICK, RESUME, ("tx", "resume"))
CHUNKS = 2
STEPS = 16
"""A process is killed within this many requests, waits or writes to the journal, if at all."""


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_limits_hold_and_moments_count_once(world: World, random_seed: int, loads: Loads, chunk: int) -> None:
    wrong = []
    transfers = kills = 0
    lives = loads.of(usual=4, ci=40, full=400)
    for number in range(lives):
        seed = f"{random_seed}:scheduled:{chunk}:{number}"
        attempts, problems = live(world, random.Random(seed), seed)
        transfers += len(payments_since_start(world))
        kills += sum(attempt.line.killed for attempt in attempts)
        if problems:
            log = [event for attempt in attempts for event in ("-- process", *attempt.line.log[-20:])]
            wrong.append("\n  ".join([seed, *problems, *log]))
    assert not wrong, f"{len(wrong)} lives:\n" + "\n".join(wrong[:5])
    assert kills > 0
    assert transfers > 4 * lives, "the last day alone has three of them"


def live(world: World, chance: random.Random, seed: str) -> tuple[list[Attempt], list[str]]:
    """Play a life. Returns its processes, and its problems, one sentence each."""
    world.restore()
    attempts: list[Attempt] = []
    problems: list[str] = []
    for number in range(chance.randrange(4, 13)):
        warp(world, chance.choice((0, 0, 60, 3600, DAY // 2, DAY - 1, DAY)))
        asked = tuple(signature for earlier in attempts for signature in earlier.line.asked)
        words = chance.choice(WORDS)
        attempts.append(attempt(world, chance, f"{seed}:{number}", words, asked_before=asked, steps=STEPS))
        problems += [*judge_secrets(world, attempts[-1].line), *judge_output(attempts[-1])]
    problems += [*settled(world), *judge_limits(world)]
    return attempts, problems


def warp(world: World, seconds: int) -> None:
    """Advance the clock of the cluster, but not that of the computer."""
    request = {"jsonrpc": "2.0", "id": 1, "method": "localnet_warpSeconds", "params": [seconds]}
    assert "error" not in json.loads(world.dispatcher.handle(json.dumps(request).encode()))


def settled(world: World) -> Iterator[str]:
    """Run everything once more without faults, and on the next two days. The problems of these processes."""
    for words in (("tx", "resume"), PAUSE, TOP_UP):
        outcome = world.command(world.transport, *words)
        if outcome.code is not ExitCode.OK:
            yield f"{words[:2]} fails without faults: {outcome.stderr}"
    if world.command(world.transport, "tx", "list").json["data"]["transactions"]:
        yield "unsettled transactions are left"
    for seconds in (0, DAY - 600, DAY):
        warp(world, seconds)
        before = len(payments_since_start(world))
        for _ in range(4):
            world.command(world.transport, *TOP_UP)
    if [amount for _, amount in payments_since_start(world)[before:]] != [MOST, MOST, PER_DAY - 2 * MOST]:
        yield f"after another day, it transfers {payments_since_start(world)[before:]}"


def payments_since_start(world: World) -> list[tuple[int, int]]:
    """The transfers in the ledger since the start state: the cluster's time, and the base units."""
    return payments(world.bank, world.start.total)


def judge_limits(world: World) -> Iterator[str]:
    """The problems of the transactions in the ledger."""
    paid = payments_since_start(world)
    for number, (time, amount) in enumerate(paid):
        if amount > MOST:
            yield f"{amount} is transferred at once"
        within = sum(one for earlier, one in paid[: number + 1] if earlier > time - DAY)
        if within > PER_DAY and amount != MANUAL:  # which is not limited, but counts
            yield f"{within} is transferred in 24 hours, up to {time}: {paid}"
    pause = discriminator("set_paused") + b"\x01"
    records = [one for one in world.bank.history.records()[world.start.total :] if one.error is None]
    pauses = sum(call.data == pause for one in records for call in one.decoded.message.instructions)
    if pauses > 1:
        yield f"it is paused {pauses} times"


def judge_output(attempt: Attempt) -> Iterator[str]:
    """The problems of what a process prints, unless it was killed."""
    if attempt.outcome is not None:
        try:
            json.loads(attempt.outcome.stdout)
        except ValueError:
            yield f"stdout is not one JSON document: {attempt.outcome.stdout[:200]!r}"
