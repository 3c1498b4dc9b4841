"""Rules of advice: on made-up facts, and on configurations in the simulator."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.model.simulation.behavior import Behavior, Change
from psyche_cli.model.simulation.history import EpochEnd
from psyche_cli.operations.advise.advice import KEYS, advise, with_advice
from psyche_cli.operations.advise.diff import unified_diff
from psyche_cli.operations.advise.effects import Scenario, effects, observed_scenarios, one_stops
from psyche_cli.operations.advise.facts import EpochFact, Facts, RoundFact, Spread, WaitFact, WarmupFact
from psyche_cli.operations.advise.simulated import Pace, course_of, facts_of, play
from psyche_cli.operations.advise.verdict import Verdict, limit_for
from psyche_cli.run_config.load import load_run_config
from psyche_cli.run_config.rules import check_run
from tests.support.counts import repetitions
from tests.support.run_driver import CONFIG, MINIMAL

MODEL: dict[str, Any] = load_run_config(MINIMAL).model
ROUND = RoundFact(train_seconds=4, witness_seconds=3, expected=3, reports=(2, 3, 4), in_time=3)
WARMUP = WarmupFact(seconds=3, expected=3, reports=(1, 2, 3), in_time=3)
EPOCH = EpochFact(5, 0, 3, 3, 70, 7, 10, 3, 3, 0, (1,), EpochEnd.LAST_ROUND)


def facts(**changes: Any) -> Facts:
    config = {**CONFIG, **changes.pop("config", {})}
    given = {"rounds": [ROUND] * 30, "warmups": [WARMUP] * 3, "epochs": [EPOCH] * 3, **changes}
    return Facts(config, MODEL, **given)


def verdicts(found: Facts) -> dict[str, Verdict]:
    return {one.key: one for one in advise(found)}


def advised(found: Facts) -> dict[str, int]:
    return {key: one.advised for key, one in verdicts(found).items() if one.advised is not None}


def test_the_margin_of_a_limit() -> None:
    assert Spread.of([3]) == (3, 3, 3)
    assert Spread.of(range(1, 101)) == (50, 95, 100)
    assert limit_for([4] * 100) == 8
    assert limit_for([*[4] * 99, 60]) == 62, "never below what was observed"
    assert limit_for([0]) == 2


def test_there_is_a_verdict_on_every_setting() -> None:
    for found in (facts(), Facts(CONFIG, MODEL), facts(rounds=[], warmups=[], epochs=[])):
        assert [one.key for one in advise(found)] == list(KEYS)
    assert {one.kind for one in advise(Facts(CONFIG, MODEL))} == {"unknown"}


@pytest.mark.parametrize("count", [9, 10])
def test_fewer_than_ten_rounds_say_nothing(count: int) -> None:
    found = verdicts(facts(rounds=[ROUND] * count))["max_round_train_time"]
    assert found.kind == ("change" if count == 10 else "unknown")


@pytest.mark.parametrize("count", [2, 3])
def test_fewer_than_three_epochs_say_nothing(count: int) -> None:
    found = verdicts(facts(epochs=[EPOCH] * count, warmups=[WARMUP] * count))
    for key in ("warmup_time", "cooldown_time", "epoch_time", "min_clients", "init_min_clients"):
        assert (found[key].kind == "unknown") == (count == 2), key


def test_a_limit_is_not_lowered_while_a_slow_member_may_need_it() -> None:
    """One that reports again after it was missing, and a round that nobody reported, may have been slow."""
    missing = ROUND._replace(reports=(2, 3), in_time=2, train_seconds=20)
    assert advised(facts(rounds=[*[ROUND] * 29, missing]))["max_round_train_time"] == 8
    for doubtful in (missing._replace(returned=True), missing._replace(reports=(), in_time=0)):
        assert verdicts(facts(rounds=[*[ROUND] * 29, doubtful]))["max_round_train_time"].kind == "keep"


def test_rounds_that_often_lack_reports_say_nothing_about_the_limit() -> None:
    """What is missing may have needed any time, so that what was reported is not all there is."""
    for doubtful in (ROUND._replace(reports=(), in_time=0), ROUND._replace(reports=(2, 3), in_time=2, returned=True)):
        found = verdicts(facts(rounds=[*[ROUND] * 27, *[doubtful] * 3]))["max_round_train_time"]
        assert (found.kind, found.advised) == ("unknown", None)
        assert "3 of 30 rounds lack reports" in found.reason


def test_a_limit_that_nearly_fits_is_kept() -> None:
    for limit, kind in ((8, "keep"), (15, "keep"), (16, "change")):
        assert verdicts(facts(config={"max_round_train_time": limit}))["max_round_train_time"].kind == kind, limit


def test_late_reports_that_round_witness_accepts_are_no_reason() -> None:
    late = RoundFact(train_seconds=20, witness_seconds=40, expected=3, reports=(22, 22, 22), in_time=0)
    for witness, kind in ((40, "keep"), (10, "change")):
        found = facts(rounds=[late] * 10, config={"round_witness_time": witness})
        assert verdicts(found)["max_round_train_time"].kind == kind


def test_a_cooldown_is_kept_while_checkpoints_need_it() -> None:
    for saved, expected in (((9,), ("change", 16)), ((6,), ("keep", None)), ((), ("unknown", None))):
        found = verdicts(facts(epochs=[EPOCH._replace(saved=saved)] * 3))["cooldown_time"]
        assert (found.kind, found.advised) == expected, saved


def test_longer_epochs_are_not_advised_to_a_run_that_loses_members() -> None:
    short, config = EPOCH._replace(trained=21, rounds=3), {"epoch_time": 21}
    assert advised(facts(epochs=[short] * 3, config=config))["epoch_time"] == 51  # 3 + (10 - 2) * 6
    dropped = short._replace(clients_left=2)
    assert verdicts(facts(epochs=[dropped] * 3, config=config))["epoch_time"].kind == "keep"


def test_waiting_for_members() -> None:
    slow = EPOCH._replace(waited=300, wanted=300, joined=2)
    assert advised(facts(epochs=[slow] * 3))["init_min_clients"] == 2
    assert "init_min_clients" not in advised(facts(epochs=[slow] * 3, config={"min_clients": 3}))
    found = verdicts(facts(wait=WaitFact(10_000, 0)))["init_min_clients"]
    assert (found.kind, found.advised) == ("unknown", None), "nobody came, which no setting changes"


def test_values_that_break_a_rule_are_not_advised() -> None:
    """The learning-rate warm-up after a pause must fit into the rounds of an epoch."""
    late = RoundFact(train_seconds=20, witness_seconds=3, expected=3, reports=(22, 22, 22), in_time=0)
    model = {"LLM": {**MODEL["LLM"], "cold_start_warmup_steps": 2}}
    found = Facts(CONFIG, model, [late] * 20, [WARMUP] * 3, [EPOCH] * 3)
    refused = verdicts(found)["max_round_train_time"]
    assert (refused.kind, refused.advised) == ("keep", None)
    assert "cold_start_warmup_steps = 2, but it must be at most 1" in refused.reason
    long = late._replace(reports=(50, 50, 50))
    assert "less than config.epoch_time" in verdicts(facts(rounds=[long] * 20))["max_round_train_time"].reason


# --- in the simulator ---------------------------------------------------------------------------------------------


def scenario(seed: int) -> tuple[dict[str, int], Pace]:
    """A valid configuration, and members that may be slower than it allows, too few, or leave."""
    pick = random.Random(seed)
    clients = pick.choice([1, 2, 3, 5, 8])
    least = pick.randrange(1, max(2, clients + 1))
    config = {
        **CONFIG,
        "warmup_time": pick.randrange(0, 60),
        "cooldown_time": pick.randrange(1, 60),
        "max_round_train_time": pick.randrange(1, 60),
        "round_witness_time": pick.randrange(1, 20),
        "epoch_time": pick.choice([61, 100, 500]),
        "min_clients": least,
        "init_min_clients": min(least + pick.choice([0, 0, 1, 2]), 256),
        "witness_nodes": pick.choice([0, 0, least]),
        "waiting_for_members_extra_time": pick.randrange(1, 20),
        "total_steps": 10_000,
    }
    changes = [Change(pick.randrange(2, 30), dropping=1)] if clients > 1 and pick.random() < 0.4 else []
    behavior = Behavior(pick.choice([None, 1, 3, 10, 40, 70]), pick.choice([None, 0, 2, 20, 70]))
    return config, Pace(clients, behavior, changes)


def test_advice_never_makes_it_worse() -> None:
    """The advised configuration is valid, and in no scenario slower, stuck, or with more epochs that end early.

    Except that rounds may last as much longer as reports came after the former limit, and warmups likewise, because a
    later report is waited for rather than lost.
    """
    better = 0
    for seed in range(repetitions(40)):
        config, pace = scenario(seed)
        assert check_run(config, MODEL) == []
        found = advise(facts_of(config, MODEL, pace))
        after = with_advice(config, found)
        assert check_run(after, MODEL) == [], seed
        assert with_advice(after, advise(facts_of(after, MODEL, pace)))["min_clients"] >= 1
        waits = {
            "max_round_train_time": pace.behavior.train_seconds or 0,
            "warmup_time": pace.behavior.warmup_seconds or 0,
        }
        later = any(after[key] > config[key] and seconds > config[key] for key, seconds in waits.items())
        luck = 0 < config["witness_nodes"] < pace.clients  # whether the absent member is a witness
        if luck and pace.changes:
            continue
        scenarios = [Scenario("as assumed", pace), *([one_stops(pace)] if pace.clients > 1 and not luck else [])]
        for effect in effects(scenarios, config, after, MODEL):
            before, then = effect.before, effect.after
            # A faster run may reach, within the simulated epochs, the step at which its members leave.
            assert then.is_stuck <= before.is_stuck or pace.changes, seed
            if not later:
                assert then.steps_per_hour >= before.steps_per_hour, (seed, effect, found)
                loses_members = bool(effect.scenario.pace.changes)  # the sooner, the faster the rounds are
                assert then.epochs_ended_early <= before.epochs_ended_early or loses_members or before.is_stuck, seed
            better += then.steps_per_hour > before.steps_per_hour
    assert better > 5


def test_advice_is_followed_by_no_further_advice() -> None:
    """With the advised time limits of rounds and warmups, these are kept."""
    for seed in range(repetitions(40)):
        config, pace = scenario(seed)
        after = with_advice(config, advise(facts_of(config, MODEL, pace)))
        again = {one.key: one for one in advise(facts_of(after, MODEL, pace))}
        for key in ("max_round_train_time", "warmup_time"):
            if after[key] != config[key]:
                assert again[key].advised is None, (seed, again[key])


def test_members_that_are_too_slow_train_after_the_advice() -> None:
    config, pace = {**CONFIG, "epoch_time": 300}, Pace(3, Behavior(40, 30))
    assert course_of(play(config, MODEL, pace)).epochs_ended_early == 12
    after = with_advice(config, advise(facts_of(config, MODEL, pace)))
    assert (after["max_round_train_time"], after["warmup_time"]) == (62, 47)
    assert course_of(play(after, MODEL, pace)).epochs_ended_early == 0


def test_the_scenarios_have_the_observed_pace() -> None:
    slow = ROUND._replace(reports=(2, 3, 9))
    usual, late, stops = observed_scenarios(facts(rounds=[*[ROUND] * 18, slow, slow]))
    assert (usual.pace.clients, usual.pace.behavior) == (3, Behavior(4, 3))
    assert late.pace.behavior == Behavior(9, 3)
    assert stops.pace.changes == (Change(2, dropping=1),)
    assert list(observed_scenarios(Facts(CONFIG, MODEL))) == []


# --- diffs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run.toml", "a file.toml", "folder/run.toml"])
def test_patch_makes_the_second_text_from_the_first(tmp_path: Path, name: str) -> None:
    for seed in range(repetitions(8)):
        pick = random.Random(seed)
        ends = ["\n", "\n", "\r\n", "\f\n", "\u2028\n", "\x85x\n"]
        lines = [f"key_{number} = {pick.randrange(5)}{pick.choice(ends)}" for number in range(pick.randrange(1, 30))]
        before = "".join(lines) + pick.choice(["", "last = 1", "\n"])
        after = before.replace("= 1", "= 22").replace("= 2\n", "= 3\n")
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(before.encode())
        diff = unified_diff(before, after, name)
        assert (diff == "") == (before == after)
        subprocess.run(["patch", "-p0", "-s"], input=diff.encode(), cwd=tmp_path, check=True)
        assert path.read_bytes().decode() == after
