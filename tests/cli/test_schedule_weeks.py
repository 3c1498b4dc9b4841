"""Two weeks of a run whose ticks, top-ups, pause and drift are left to cron, on the local validator at warped time."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from pathlib import Path

from psyche_cli.errors import ExitCode
from psyche_cli.operations.schedule.acts import DAY
from psyche_cli.protocol.run_states import RunState
from psyche_cli.redaction import Redactor
from psyche_cli.solana.wallet import load_keypair_file
from tests.cli.conftest import House
from tests.cli.harness import CommandLine
from tests.cli.test_schedule import RUN, Jumping
from tests.support.counts import Loads
from tests.support.ledger_payments import payments
from tests.support.run_driver import CONFIG
from tests.support.treasury_driver import DECIMALS, TreasuryDriver

UNIT = 10**DECIMALS
HOUR = 3600
RATE, KEEP, MOST, PER_DAY = 10, 4, 15, 40
LIMITS = ("--keep-epochs", KEEP, "--max", MOST, "--per-day", PER_DAY)
GIFT = 3
HOURS = {
    "warmup_time": HOUR,
    "cooldown_time": HOUR,
    "epoch_time": 7 * HOUR,
    "max_round_train_time": 2 * HOUR,
    "round_witness_time": HOUR // 2,
    "total_steps": 10_000,
}


@dataclass
class Weeks:
    """The run, the command line of its owner, and that of cron, whose computer has a clock that jumps."""

    house: House
    run: TreasuryDriver
    cron: CommandLine
    file: Path
    begin: int
    pauses: int = 0
    resumed_at: int = 0
    drifts: list[tuple[int, str]] = field(default_factory=list)
    claimed: dict[int, int] = field(default_factory=dict)

    @property
    def pause_at(self) -> int:
        """The time at which the run is to be paused."""
        return self.begin + 7 * DAY

    def check(self) -> None:
        """Tick and top up, as cron does each time. Its owner resumes the run once it is paused."""
        ticked = self.cron.json("schedule", "tick", *RUN, "--while-overdue")
        funded = self.cron.json("schedule", "top-up", *RUN, *LIMITS)
        if self.run.now > self.begin + 3 * DAY:
            assert funded["funding"]["missing"]["base_units"] == 0, "the vault always holds what members are promised"
        if ticked["state"] == "Paused" and not self.resumed_at:
            assert self.drift() == "state"
            self.resumed_at = self.run.now
            self.run.resume()

    def check_rarely(self) -> None:
        """Pause when it is time, and look for drift, as cron does every six hours."""
        paused = self.cron.json("schedule", "pause", *RUN, "--at", self.pause_at)
        self.pauses += len(paused["acts"])
        assert paused["outcome"] == (
            "waiting" if self.run.now < self.pause_at else "done" if paused["acts"] else "ended"
        )
        self.drifts.append((self.run.now, self.drift()))

    def drift(self) -> str:
        """The keys in which the run differs from its file."""
        outcome = self.cron("drift", self.file, "--output", "json")
        [only] = outcome.json["data"]["files"]
        keys = ",".join(one["key"] for one in only["different"])
        assert outcome.code is (ExitCode.DIFFERS if keys else ExitCode.OK)
        return keys

    def let_members_act(self) -> None:
        """They join and train, but never tick."""
        if self.run.stage == RunState.WAITING_FOR_MEMBERS:
            self.run.join(0, 1, 2)
        elif self.run.stage == RunState.ROUND_TRAIN:
            self.run.witness(*self.run.witnesses())

    def let_others_act(self, chance: random.Random) -> None:
        """Once a day, a member claims what it has earned, and the owner transfers something by hand."""
        member = chance.randrange(3)
        wallet = self.run.members[member].address
        earned = next(one.earned for one in self.run.account.clients if one.id.signer == bytes(wallet))
        due = earned - self.claimed.get(member, 0)
        if due > 0:
            self.run.claim(member, due)
            self.claimed[member] = earned
        self.house.cli.json("treasurer-top-up-rewards", *RUN, "--collateral-amount", GIFT)


def start(house: House, chance: random.Random) -> Weeks:
    """A run that has just begun, and the file that describes it."""
    owner = load_keypair_file(house.owner, lambda _: None, Redactor())
    run = TreasuryDriver(house.chain.transport("http://127.0.0.1:1"), owner)
    run.mint = run.new_mint(DECIMALS, 10**9)
    run.create({**CONFIG, **HOURS}, mint=run.mint)
    house.cli.json("set-future-epoch-rates", *RUN, "--earning-rate", RATE)
    run.resume()
    file = house.chain.home / "run.toml"
    house.cli.json("config", "dump", "--full", *RUN, "-o", file)
    return Weeks(house, run, replace(house.cli, clock=Jumping(chance=chance)), file, run.now)


def test_two_weeks_of_cron(still_house: House, loads: Loads, random_seed: int) -> None:
    """Members that never tick are paid throughout, and no 24 hours cost more than the limit, whatever a clock shows."""
    chance = random.Random(random_seed)
    weeks = start(still_house, chance)
    run, bank = weeks.run, still_house.chain.dispatcher.context.bank
    rarely, others, changed_at = 0, weeks.begin + DAY, 0
    while run.now < weeks.begin + 14 * DAY:
        weeks.let_members_act()
        weeks.check()
        if run.now >= rarely:
            weeks.check_rarely()
            rarely = run.now + 6 * HOUR
        if run.now >= others:
            weeks.let_others_act(chance)
            others = run.now + DAY
        if not changed_at and run.now > weeks.begin + 10 * DAY:
            changed_at = run.now
            still_house.cli.json("set-future-epoch-rates", *RUN, "--earning-rate", RATE - 1)
        step = loads.of(usual=2 * HOUR, ci=HOUR, full=HOUR // 2)
        run.wait(step + chance.randrange(-step // 4, step // 4))
    assert weeks.pauses == 1
    assert weeks.resumed_at >= weeks.pause_at
    assert run.stage != RunState.PAUSED, "it is not paused a second time"
    assert run.account.epoch >= 10
    assert sum(weeks.claimed.values()) > 5 * RATE * UNIT
    for time, keys in weeks.drifts:
        assert keys == ("rewards.earning_rate" if time > changed_at else "") or time < weeks.resumed_at, (time, keys)
    check_limits(payments(bank))


def check_limits(paid: list[tuple[int, int]]) -> None:
    """Check the transfers in the ledger. Those of the owner are not limited, but count."""
    scheduled = [amount for _, amount in paid if amount != GIFT * UNIT]
    assert len(scheduled) > 14
    assert len(paid) >= len(scheduled) + 13
    for number, (time, amount) in enumerate(paid):
        if amount != GIFT * UNIT:
            assert amount <= MOST * UNIT
            assert sum(one for before, one in paid[: number + 1] if before > time - DAY) <= PER_DAY * UNIT
