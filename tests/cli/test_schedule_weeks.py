"""Two weeks of a run whose ticks, top-ups and pause are left to cron, on the local validator at warped time."""

from __future__ import annotations

import random
from dataclasses import replace

from psyche_cli.operations.schedule.acts import DAY
from psyche_cli.protocol.run_states import RunState
from psyche_cli.redaction import Redactor
from psyche_cli.solana.wallet import load_keypair_file
from tests.cli.conftest import House
from tests.cli.test_schedule import RUN, Jumping, vault
from tests.support.counts import Loads
from tests.support.run_driver import CONFIG
from tests.support.treasury_driver import DECIMALS, TreasuryDriver

UNIT = 10**DECIMALS
RATE, KEEP, MOST, PER_DAY = 10, 4, 15, 40
HOURS = {
    "warmup_time": 3600,
    "cooldown_time": 3600,
    "epoch_time": 4 * 3600,
    "max_round_train_time": 2 * 3600,
    "round_witness_time": 1800,
    "total_steps": 10_000,
}


def test_two_weeks_of_cron(still_house: House, loads: Loads, random_seed: int) -> None:
    """Members that never tick are paid throughout, and no 24 hours cost more than the limit, whatever a clock shows."""
    house, chance = still_house, random.Random(random_seed)
    owner = load_keypair_file(house.owner, lambda _: None, Redactor())
    run = TreasuryDriver(house.chain.transport("http://127.0.0.1:1"), owner)
    run.mint = run.new_mint(DECIMALS, 10**9)
    run.create({**CONFIG, **HOURS}, mint=run.mint)
    house.cli.json("set-future-epoch-rates", *RUN, "--earning-rate", RATE)
    run.resume()
    cron = replace(house.cli, clock=Jumping(chance=chance))
    begin = run.now
    pause_at = begin + 7 * DAY
    received: list[tuple[int, int]] = []
    pauses = resumed_at = 0
    while run.now < begin + 14 * DAY:
        _let_members_act(run)
        ticked = cron.json("schedule", "tick", *RUN, "--while-overdue")
        limits = ("--keep-epochs", KEEP, "--max", MOST, "--per-day", PER_DAY)
        funded = cron.json("schedule", "top-up", *RUN, *limits)
        paused = cron.json("schedule", "pause", *RUN, "--at", pause_at)
        pauses += len(paused["acts"])
        assert paused["outcome"] == ("waiting" if run.now < pause_at else "done" if paused["acts"] else "ended")
        received.append((run.now, vault(house)))
        if run.now > begin + 3 * DAY:
            assert funded["funding"]["missing"]["base_units"] == 0, "the vault always holds what members are promised"
        if ticked["state"] == "Paused" and not resumed_at:
            resumed_at = run.now
            run.resume()
        run.wait(loads.of(usual=10_800, ci=7200, full=1800) + chance.randrange(-600, 600))
    assert pauses == 1
    assert resumed_at >= pause_at
    assert run.stage != RunState.PAUSED, "it is not paused a second time"
    earned = sum(client.earned for client in run.account.clients)
    assert run.account.epoch >= 10
    assert earned > 5 * RATE * UNIT
    _check_limits(received)


def _let_members_act(run: TreasuryDriver) -> None:
    if run.stage == RunState.WAITING_FOR_MEMBERS:
        run.join(0, 1, 2)
    elif run.stage == RunState.ROUND_TRAIN:
        run.witness(*run.witnesses())


def _check_limits(received: list[tuple[int, int]]) -> None:
    """Check what the vault received, as the chain shows it. Nobody claims, so its balance never falls."""
    for number, (time, held) in enumerate(received):
        before = received[number - 1][1] if number else 0
        assert 0 <= held - before <= MOST * UNIT
        within = [amount for moment, amount in received[:number] if moment <= time - DAY]
        assert held - (within[-1] if within else 0) <= PER_DAY * UNIT
