"""``schedule`` with real processes: kills at any moment, several at once, and a lock that no kill leaves behind."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from typing import Any

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.operations.schedule.outcomes import LANDING_SECONDS
from tests.cli.test_journal_processes import Machine, machine
from tests.support.patience import PATIENCE

__all__ = ["machine"]  # the fixture

RUN = ("--run-id", "paying")
TICK = ("schedule", "tick", *RUN, "--follow", "--interval", "1h")


def top_up(most: int, per_day: int) -> tuple[str, ...]:
    return ("schedule", "top-up", *RUN, "--keep-epochs", "100", "--max", str(most), "--per-day", str(per_day))


def test_kills_at_random_moments_exceed_no_limit(machine: Machine, random_seed: int, full: bool) -> None:
    """kill -9 again and again: the vault receives exactly the limit of the day, in transfers of the maximum."""
    chance = random.Random(random_seed)
    machine.cli.json("set-future-epoch-rates", *RUN, "--earning-rate", "1000")
    started = time.monotonic()
    assert machine.start(*top_up(1, 12)).communicate(timeout=PATIENCE)[0]
    usual = time.monotonic() - started
    for _ in range(50 if full else 8):
        process = machine.start(*top_up(1, 12))
        time.sleep(chance.uniform(0.3, 1.1) * usual)
        process.kill()
        process.communicate(timeout=PATIENCE)
        assert 1 <= machine.vault() <= 12
    machine.cli.json("localnet", "warp", LANDING_SECONDS)
    for _ in range(13):
        outcome = machine.cli(*top_up(1, 12), "--output", "json")
        assert outcome.code is ExitCode.OK, outcome.stderr
    # A process that was killed between the record of an act and that of its transaction has not sent it, but it counts.
    funding = outcome.data["funding"]
    assert funding["transferred_in_24_hours"]["amount"] == 12
    assert 8 <= machine.vault() <= 12
    assert machine.unsettled() == 0


def test_processes_at_once_share_the_limit(machine: Machine) -> None:
    machine.cli.json("set-future-epoch-rates", *RUN, "--earning-rate", "1000")
    processes = [machine.start(*top_up(5, 5)) for _ in range(4)]
    found = [json.loads(process.communicate(timeout=PATIENCE)[0]) for process in processes]
    assert [document["exit_code"] for document in found] == [0] * 4
    outcomes = [document["data"]["outcome"] for document in found]
    assert outcomes.count("done") == 1
    assert set(outcomes) <= {"done", "waiting", "busy"}
    assert machine.vault() == 5


def test_a_followed_schedule_runs_once_and_its_lock_ends_with_it(machine: Machine) -> None:
    first = following(machine)
    assert machine.cli.json("schedule", "tick", *RUN)["outcome"] == "busy"
    second = machine.start(*TICK)
    refused: Any = json.loads(second.communicate(timeout=PATIENCE)[0])
    assert (refused["exit_code"], refused["error"]["code"]) == (ExitCode.REFUSED, "schedule_running")
    assert machine.cli.json("schedule", "pause", *RUN, "--at", "epoch:1")["outcome"] == "waiting", "of another verb"
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=PATIENCE)
    assert machine.cli.json("schedule", "tick", *RUN)["outcome"] == "waiting"
    third = following(machine)
    third.send_signal(signal.SIGTERM)
    stopped: Any = json.loads(third.communicate(timeout=PATIENCE)[0])
    assert (third.returncode, stopped["error"]["code"]) == (143, "terminated")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_at_random_moments_leave_nothing_half_done(
    machine: Machine, random_seed: int, full: bool, number: int
) -> None:
    """The process says what it has sent, and the next one continues, without a lock that is left."""
    chance = random.Random(f"{random_seed}:{number}")
    machine.cli.json("set-future-epoch-rates", *RUN, "--earning-rate", "1000")
    followed = (*top_up(1, 12), "--follow", "--interval", "1s")
    for _ in range(10 if full else 1):
        process = machine.start(*followed)
        assert process.stderr is not None
        assert process.stderr.readline()  # it handles signals by now
        time.sleep(chance.uniform(0, 1.5))
        process.send_signal(number)
        ended: Any = json.loads(process.communicate(timeout=PATIENCE)[0])
        assert process.returncode == 128 + number
        assert ended["error"]["code"] in ("terminated", "interrupted", "hung_up"), ended["error"]
    outcome = machine.cli.json(*top_up(1, 12))
    assert outcome["outcome"] != "busy"
    assert machine.unsettled() == 0
    assert machine.vault() <= 12


def following(machine: Machine) -> subprocess.Popen[str]:
    """A process that follows the run, and has checked it once."""
    process = machine.start(*TICK)
    assert process.stderr is not None
    while "Waiting for" not in process.stderr.readline():
        assert process.poll() is None
    return process
