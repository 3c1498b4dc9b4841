"""Rules of advice: on made-up facts, and on configurations in the simulator."""

from __future__ import annotations

import random
import subprocess
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from psyche_cli.model.simulation.behavior import Behavior, Change
from psyche_cli.model.simulation.history import EpochEnd
from psyche_cli.operations.advise.advice import KEYS, advise, with_advice
from psyche_cli.operations.advise.diff import unified_diff
from psyche_cli.operations.advise.effects import Scenario, effects, observed_scenarios, one_stops
from psyche_cli.operations.advise.facts import (
    EpochFact,
    Facts,
    Former,
    RoundFact,
    Spread,
    WaitFact,
    WarmupFact,
    late_by,
)
from psyche_cli.operations.advise.harm import without_harm
from psyche_cli.operations.advise.in_progress import EndedRound, Reported, rounds_explained
from psyche_cli.operations.advise.simulated import Pace, course_of, facts_of, play
from psyche_cli.operations.advise.verdict import Verdict, limit_for
from psyche_cli.run_config.load import load_run_config
from psyche_cli.run_config.rules import check_run
from tests.support.counts import repetitions
from tests.support.run_driver import CONFIG, MINIMAL

MODEL: dict[str, Any] = load_run_config(MINIMAL).model
ROUND = RoundFact(train_seconds=4, witness_seconds=3, expected=3, reports=(2, 3, 4), in_time=3)
WARMUP = WarmupFact(seconds=3, expected=3, reports=(1, 2, 3), in_time=3)
EPOCH = EpochFact(5, (0, 0, 0), 3, 70, 7, 10, 3, 3, 0, (1,), EpochEnd.LAST_ROUND)
WALLET = frozenset({b"a wallet"})


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


def test_few_rounds_say_nothing() -> None:
    """And a limit is lowered only after whole epochs: rare rounds may be longer."""
    late = ROUND._replace(reports=(25, 25, 25), in_time=0, late_by=5)
    for count, found, kind in (
        (9, late, "unknown"),
        (10, late, "change"),
        (9, ROUND, "unknown"),
        (19, ROUND, "keep"),
        (20, ROUND, "change"),
    ):
        assert verdicts(facts(rounds=[found] * count))["max_round_train_time"].kind == kind, (count, found)
    assert verdicts(facts(rounds=[ROUND] * 90, epochs=[EPOCH] * 2))["max_round_train_time"].kind == "keep"


def test_epochs_that_nobody_reports_show_that_a_limit_may_be_too_short() -> None:
    silent = ROUND._replace(reports=(), in_time=0)
    ended = [EPOCH._replace(end=EpochEnd.NO_WITNESSES)] * 3
    for limit in (5, 20):
        found = facts(rounds=[*[ROUND] * 60, silent], epochs=ended, config={"max_round_train_time": limit})
        assert verdicts(found)["max_round_train_time"].kind == "unknown", limit


@pytest.mark.parametrize("count", [2, 3])
def test_fewer_than_three_epochs_say_nothing(count: int) -> None:
    found = verdicts(facts(epochs=[EPOCH] * count, warmups=[WARMUP] * count))
    for key in ("warmup_time", "cooldown_time", "epoch_time", "min_clients", "init_min_clients"):
        assert (found[key].kind == "unknown") == (count == 2), key


def test_a_limit_is_not_lowered_while_a_slow_member_may_need_it() -> None:
    """One that reports again after it was missing, and a round that nobody reported, may have been slow."""
    missing = ROUND._replace(reports=(2, 3), in_time=2, train_seconds=20)
    assert advised(facts(rounds=[*[ROUND] * 29, missing]))["max_round_train_time"] == 8
    for doubtful in (missing._replace(slow=WALLET), missing._replace(reports=(), in_time=0)):
        assert verdicts(facts(rounds=[*[ROUND] * 29, doubtful]))["max_round_train_time"].kind == "keep"


def test_rounds_that_often_lack_reports_say_nothing_about_the_limit() -> None:
    """What is missing may have needed any time, so that what was reported is not all there is."""
    for doubtful in (ROUND._replace(reports=(), in_time=0), ROUND._replace(reports=(2, 3), in_time=2, slow=WALLET)):
        found = verdicts(facts(rounds=[*[ROUND] * 27, *[doubtful] * 3]))["max_round_train_time"]
        assert (found.kind, found.advised) == ("unknown", None)
        assert "3 of 30 rounds lack reports" in found.reason


def test_a_limit_that_nearly_fits_is_kept() -> None:
    for limit, kind in ((8, "keep"), (15, "keep"), (16, "change")):
        assert verdicts(facts(config={"max_round_train_time": limit}))["max_round_train_time"].kind == kind, limit


def test_late_reports_that_round_witness_accepts_are_no_reason() -> None:
    late = RoundFact(train_seconds=20, witness_seconds=40, expected=3, reports=(25, 25, 25), in_time=0, late_by=5)
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


def test_epochs_that_often_wait_long_for_members() -> None:
    """Fewer are advised only if the time is worth more than the work of the members that come later."""
    slow = EPOCH._replace(waited=600, joins=(0, 1, 600))
    found = verdicts(facts(epochs=[slow] * 3))["init_min_clients"]
    assert (found.kind, found.advised) == ("change", 2)
    assert "if they join more than 5 s, waiting_for_members_extra_time," in found.reason
    few = slow._replace(waited=80, joins=(0, 1, 80), trained=150)
    assert "33.3% of the work" in verdicts(facts(epochs=[few] * 3))["init_min_clients"].reason
    assert "init_min_clients" not in advised(facts(epochs=[few] * 3))
    assert "init_min_clients" not in advised(facts(epochs=[slow] * 3, config={"min_clients": 3}))
    none = slow._replace(joins=(500, 550, 600))
    found = verdicts(facts(epochs=[none] * 3))["init_min_clients"]
    assert (found.kind, "nobody had joined" in found.reason) == ("keep", True)
    once = [slow._replace(waited=5000, joins=(0, 1, 5000)), *[EPOCH] * 9]
    assert verdicts(facts(epochs=once))["init_min_clients"].kind == "keep", "one long wait"


def test_a_wait_that_goes_on() -> None:
    """Members that took part before the pause may come back, so it has to be much longer."""
    for seconds, came, expected in ((10_000, 0, 2), (3_000, 0, None), (10_000, 3, None), (90_000, 3, 2)):
        found = facts(epochs=[], wait=WaitFact(seconds, 2), came=came)
        assert advised(found).get("init_min_clients") == expected, (seconds, came)
    found = facts(wait=WaitFact(10_000, 1))
    assert "go on with as few as 1 member" in verdicts(found)["min_clients"].reason
    [usual, *_] = observed_scenarios(found, advise(found))
    assert usual.pace.clients == 1, "those that have joined"
    nobody = verdicts(facts(wait=WaitFact(10_000, 0)))["init_min_clients"]
    assert (nobody.kind, nobody.advised) == ("unknown", None)


def test_the_prediction_of_fewer_members() -> None:
    """Before the change, epochs wait as observed. Afterwards they do not, but each member has more work."""
    found = facts(epochs=[EPOCH._replace(waited=600, joins=(0, 1, 600))] * 3)
    [usual, *_] = observed_scenarios(found, advise(found))
    assert usual.after is not None
    assert (usual.pace.clients, usual.pace.wait) == (3, 595)
    assert (usual.after.clients, usual.after.wait) == (2, 0)
    assert usual.after.behavior.train_seconds == 6  # 4 s with 6 of 16 sequences, then 8 of 16
    [effect] = effects([usual], found.config, with_advice(found.config, advise(found)), MODEL)
    assert effect.before.share_in_rounds < 20 < effect.after.share_in_rounds


def test_reports_that_follow_a_timeout_do_not_raise_it() -> None:
    """A member that waits for the results of one that is gone reports when RoundTrain has timed out."""
    assert late_by((2, 20, 22, 23), limit=20, ended=20, in_state=1) == 0
    assert late_by((2, 24), limit=20, ended=20, in_state=1) == 4
    assert late_by((25, 25), limit=20, ended=25, in_state=2) == 5, "nobody ticked"
    assert late_by((2, 500, 502), limit=20, ended=500, in_state=1) == 0
    assert late_by((), limit=20, ended=20, in_state=0) == 0
    follows = RoundFact(train_seconds=20, witness_seconds=3, expected=3, reports=(20, 20, 21), in_time=0)
    late = follows._replace(reports=(22, 25, 25), late_by=5)
    for doubtful in (follows, late._replace(awaited=True), late._replace(expected=4, slow=WALLET)):
        assert "max_round_train_time" not in advised(facts(rounds=[*[ROUND] * 64, *[doubtful] * 8])), doubtful
    assert advised(facts(rounds=[late] * 30))["max_round_train_time"] == 40


def test_a_limit_leaves_time_for_larger_batches_and_fewer_members() -> None:
    """In proportion to the number of sequences that each member has."""
    few = ROUND._replace(members=8, batch=16)  # 2 sequences each
    assert few.needed(16) == 4
    assert (few.needed(64), few.needed(64, 2)) == (16, 64)
    assert (ROUND.needed(64), few.needed(1)) == (4, 4), "not known; never less"
    for limit, least, expected in ((60, 2, 26), (40, 2, None), (40, 8, 8), (15, 8, None)):
        config = {"max_round_train_time": limit, "epoch_time": 100, "min_clients": least, "init_min_clients": 8}
        found = facts(rounds=[few] * 30, config=config)
        assert advised(found).get("max_round_train_time") == expected, (limit, least)
    ramp = ROUND._replace(reports=(25, 25, 25), in_time=0, late_by=5, members=3, batch=6)
    raised = verdicts(facts(rounds=[ramp] * 30, config={"epoch_time": 500}))["max_round_train_time"]
    assert raised.advised == limit_for([75])  # 2 sequences each, then 6
    assert "may become 75 s with the final batch size" in raised.reason


def test_longer_times_under_earlier_configurations_count_against_shorter_limits() -> None:
    limits = {"max_round_train_time": 60, "warmup_time": 80, "cooldown_time": 40, "round_witness_time": 8}
    config = {**limits, "epoch_time": 1000}
    short = [ROUND._replace(witness_seconds=8)] * 30

    def found(former: Former) -> dict[str, Verdict]:
        return verdicts(facts(rounds=short, former=former, config=config))

    without = found(Former())
    assert {key: without[key].advised for key in limits} == dict(zip(limits, (8, 7, 20, 4), strict=True))
    assert not any("earlier configuration" in one.reason for one in without.values())
    long = ROUND._replace(reports=(2, 20), in_time=2)
    some = found(Former().also([ROUND, long], [WARMUP._replace(reports=(1, 20))], [EPOCH._replace(saved=(1, 4))]))
    assert [some[key].advised for key in limits] == [None, 32, 20, 4]
    for key, seconds in (("max_round_train_time", 20), ("warmup_time", 20), ("cooldown_time", 4)):
        assert f"within {seconds} s under an earlier configuration" in some[key].reason
    late = RoundFact(train_seconds=62, witness_seconds=8, expected=2, reports=(2, 66), in_time=1)
    most = found(Former().also([late], [WARMUP._replace(reports=(200,))], [EPOCH._replace(saved=(30,))]))
    assert {most[key].kind for key in limits} == {"keep"}
    assert "now need up to 6 s of RoundWitness" in most["round_witness_time"].reason


def test_the_longest_times_of_all_earlier_configurations_are_kept() -> None:
    """And the times of rounds are scaled as those of the present configuration are."""
    small, large = (ROUND._replace(members=8, batch=batch, reports=(9,)) for batch in (16, 64))
    former = Former().also([small, large], [], []).also([small._replace(reports=(8,))], [WARMUP], [EPOCH])
    assert (former.round_longest, former.round_needed(64, 8), former.round_needed(64, 4)) == (9, 36, 72)
    assert (len(former.rounds), former.warmup, former.saved, former.in_witness) == (2, 3, 1, 0)
    assert former.also([], [], []) == former


def test_a_member_that_was_quick_and_then_dropped_is_gone() -> None:
    """Even if it joins a later epoch; not if it reports again, or is not known to be quick."""
    wallet = b"a wallet"
    ended = [EndedRound(ROUND, 1, moment, WALLET, frozenset()) for moment in (10, 12)]
    for gone, expected in (
        ({}, [WALLET, WALLET]),
        ({(1, wallet): 8}, [frozenset(), frozenset()]),
        ({(1, wallet): 10}, [WALLET, frozenset()]),
        ({(2, wallet): 8}, [WALLET, WALLET]),
    ):
        assert [one.slow for one in rounds_explained(ended, {wallet: 50}, gone)] == expected, gone
    silent = [one._replace(silent=WALLET) for one in ended]
    assert [one.slow for one in rounds_explained(silent, {}, {(1, wallet): 8})] == [WALLET, WALLET]
    assert [Reported(seconds, 0).is_quick(10) for seconds in (5, 6)] == [True, False]


def test_a_warmup_is_kept_for_members_that_were_slow() -> None:
    limit = {"warmup_time": 50, "epoch_time": 100}
    missing = WARMUP._replace(seconds=50, reports=(1, 2), in_time=2)
    assert advised(facts(warmups=[missing] * 4, config=limit))["warmup_time"] == 5
    found = verdicts(facts(warmups=[missing._replace(slow=WALLET)] * 4, config=limit))["warmup_time"]
    assert (found.kind, "1 member did not report 4 warmups" in found.reason) == ("keep", True)


def test_a_warmup_is_kept_if_a_part_of_the_members_ends_it() -> None:
    quick = WARMUP._replace(expected=1, reports=(2,), in_time=1)
    config = {"warmup_time": 50, "epoch_time": 100, "witness_nodes": 1}
    found = verdicts(facts(warmups=[quick] * 4, config=config))["warmup_time"]
    assert (found.kind, "1 report of 3 members suffices" in found.reason) == ("keep", True)


def test_round_witness_time_is_kept_for_rounds_that_grow() -> None:
    config = {"max_round_train_time": 10, "round_witness_time": 12, "global_batch_size_end": 12, "min_clients": 3}
    for batch, expected in ((12, 6), (3, None)):
        rounds = [ROUND._replace(witness_seconds=12, batch=batch, members=3)] * 30
        found = verdicts(facts(rounds=rounds, config=config))["round_witness_time"]
        assert found.advised == expected
    assert "Rounds may become 16 s" in found.reason


def test_a_warmup_that_its_reports_end_is_not_longer_with_a_longer_limit() -> None:
    early = WARMUP._replace(expected=1, reports=(2, 20, 20), in_time=1, late_by=10)
    found = verdicts(facts(warmups=[early] * 4))["warmup_time"]
    assert (found.kind, "ended early" in found.reason) == ("keep", True)


def test_only_the_first_checkpoint_shows_that_a_cooldown_is_too_short() -> None:
    for saved, expected in (((1, 9), None), ((9, 1), None), ((9, 20), 16)):
        found = advised(facts(epochs=[EPOCH._replace(saved=saved)] * 3))
        assert found.get("cooldown_time") == expected, saved


def test_longer_epochs_pay_as_predicted() -> None:
    """The present time of an epoch is the observed one."""
    short = EPOCH._replace(trained=21, rounds=3, cooldown=200, waited=20)
    found = verdicts(facts(epochs=[short] * 3, config={"epoch_time": 21, "cooldown_time": 200}))
    assert found["cooldown_time"].advised == 100
    longer = found["epoch_time"].advised or 0
    assert longer == 84
    then = 20 + 3 + 100 + ((longer - 3 + 5) // 6 + 2) * 6  # with RoundWitness of 2 s
    assert f"to about {100 * short.seconds / then:.1f}% of the present ones" in found["epoch_time"].reason


def test_epochs_are_lengthened_for_a_limit_that_needs_it() -> None:
    """They must be longer than it, and the learning-rate warm-up after a pause must fit into their rounds."""
    late = RoundFact(20, 3, 3, (50, 50, 50), 0, late_by=30)
    found = advised(facts(rounds=[late] * 20))
    assert (found["max_round_train_time"], found["epoch_time"]) == (77, 231)
    model = {"LLM": {**MODEL["LLM"], "cold_start_warmup_steps": 2}}
    found = advised(Facts(CONFIG, model, [late] * 20, [WARMUP] * 3, [EPOCH] * 3))
    assert (found["max_round_train_time"], found["epoch_time"]) == (77, 231)
    assert check_run({**CONFIG, **found}, model) == []


def test_advice_that_its_prediction_refutes_is_withdrawn() -> None:
    saved = facts(epochs=[EPOCH._replace(saved=(3_000,))] * 3)
    raised = advise(saved)
    assert {one.key: one.advised for one in raised}["cooldown_time"] == 4_502
    kept = {one.key: one for one in without_harm(saved, raised, lambda some: [*observed_scenarios(saved, some)])}
    assert kept["cooldown_time"].advised is None
    assert "4502 is not advised, however:" in kept["cooldown_time"].reason
    slow = facts(rounds=[RoundFact(20, 3, 3, (22, 28, 28), 0, late_by=8)] * 30, config={"round_witness_time": 10})
    pace = [Scenario("slow", Pace(3, Behavior(28, 2)))]
    costly = {one.key: one for one in without_harm(slow, advise(slow), lambda _: pace)}
    assert costly["max_round_train_time"].advised == 44


# --- members that follow the advice -------------------------------------------------------------------------------


class Member(NamedTuple):
    """A member that needs some seconds per sequence, to load the model, and to join. One that is dead only joins."""

    train: int
    load: int
    delay: int
    dead: bool


def played_facts(config: dict[str, int], members: list[Member], epochs: int = 4) -> Facts:
    """The facts of a run of such members, by the rules of the program. Absent ones are dropped after 3 rounds."""
    limit, window = config["max_round_train_time"], config["max_round_train_time"] + config["round_witness_time"]
    needed, extra = config["init_min_clients"], config["waiting_for_members_extra_time"]
    delays = sorted(member.delay for member in members)
    waited = max(delays[needed - 1], extra)
    here = [member for member in members if member.delay <= waited]
    names = {member: frozenset({bytes([index])}) for index, member in enumerate(members)}
    rounds, ended, seen = list[RoundFact](), list[EpochFact](), list[WarmupFact]()
    for _ in range(epochs):
        loads = sorted(member.load for member in here if not member.dead)
        warm = tuple(one for one in loads if one <= config["warmup_time"])
        warmup = warm[-1] if len(warm) == len(here) else config["warmup_time"]
        present, time, count, last = list(here), warmup, 0, None
        while True:
            share = -(-config["global_batch_size_end"] // len(present))
            time_of = {member: member.train * share for member in present}
            able = [
                member for member in present if not member.dead and member.load <= time and time_of[member] < window
            ]
            hampered = len(able) < len(present)
            # A member that misses results waits for them until RoundTrain has timed out.
            reports = sorted(max(time_of[member], limit) if hampered else time_of[member] for member in able)
            lasts = max(reports, default=limit) if not hampered and max(reports) <= limit else limit
            in_time = sum(one <= limit for one in reports) if not hampered else 0
            absent = [member for member in present if member not in able]
            dropped = len(absent) if count >= 2 else 0
            rounds.append(
                RoundFact(
                    lasts,
                    config["round_witness_time"],
                    len(present),
                    tuple(reports),
                    in_time,
                    late_by=late_by(reports, limit, lasts, in_time),
                    slow=frozenset().union(*(names[member] for member in absent)),  # they join the next epoch again
                    dropped=dropped,
                    awaited=bool(absent),
                    members=len(present),
                    batch=config["global_batch_size_end"],
                )
            )
            time, count = time + lasts + config["round_witness_time"], count + 1
            present = able if dropped else present
            last = count + 2 if last is None and time >= config["epoch_time"] else last
            if not able or len(present) < config["min_clients"] or count == last:
                break
        end = EpochEnd.LAST_ROUND if count == last else EpochEnd.TOO_FEW_CLIENTS if able else EpochEnd.NO_WITNESSES
        late = [one for one in loads if warmup < one < warmup + rounds[-count].train_seconds]
        slow = frozenset().union(*(names[m] for m in here if m.dead or m.load >= warmup + rounds[-count].train_seconds))
        seen.append(
            WarmupFact(
                warmup, len(here), (*warm, *late), len(warm), late_by((*warm, *late), warmup, warmup, len(warm)), slow
            )
        )
        left = len(present)
        joins = tuple(one for one in delays if one <= waited)
        passed, cooldown = time - warmup, config["cooldown_time"]
        ended.append(EpochFact(waited, joins, warmup, passed, cooldown, count, len(here), left, 0, (0,), end))
    return Facts(config, MODEL, rounds, seen, ended)


def steps_per_hour(found: Facts) -> float:
    return 3_600 * sum(bool(one.reports) for one in found.rounds) / found.seconds


def work_per_hour(found: Facts) -> float:
    """Reports rather than steps: what members do that are shut out is lost."""
    return 3_600 * sum(len(one.reports) for one in found.rounds) / found.seconds


def test_following_the_advice_comes_to_an_end() -> None:
    """No limit goes up and down, or up twice; the run does not become slower, and loses no work of members."""
    changed = 0
    for seed in range(repetitions(16)):
        pick = random.Random(seed)
        count = pick.randrange(2, 5)
        members = [
            Member(
                pick.choice([1, 1, 2, 5]),
                pick.choice([1, 3, 40]),
                pick.choice([0, 0, 1, 70, 900]),
                pick.random() < 0.15,
            )
            for _ in range(count)
        ]
        members = [one._replace(load=one.load + index) for index, one in enumerate(members)]
        least = pick.randrange(1, count + 1)
        config = {
            **CONFIG,
            "warmup_time": pick.choice([2, 20, 100]),
            "cooldown_time": pick.choice([2, 30, 100]),
            "max_round_train_time": pick.choice([3, 10, 40, 150]),
            "round_witness_time": pick.choice([2, 10]),
            "epoch_time": pick.choice([200, 400]),
            "min_clients": min(least, 2),
            "init_min_clients": least,
            "total_steps": 10_000,
        }
        first = found = played_facts(config, members)
        course = [config]
        while len(course) < 14:
            current = found
            scenarios = partial(observed_scenarios, current)
            config = with_advice(config, without_harm(current, advise(current), lambda some: [*scenarios(some)]))  # noqa: B023
            assert check_run(config, MODEL) == [], seed
            if config == course[-1]:
                break
            course.append(config)
            found = played_facts(config, members)
        else:
            pytest.fail(f"seed {seed} does not settle: {course[-2:]}")
        for key in KEYS:
            values = [one[key] for one in course]
            ups = sum(before < after for before, after in pairwise(values))
            downs = sum(before > after for before, after in pairwise(values))
            assert not (ups and downs), (seed, key, values)
            if key in ("max_round_train_time", "warmup_time", "init_min_clients", "min_clients"):
                assert ups <= 1, (seed, key, values)
                assert values[3:4] in ([], values[-1:]), (seed, key, values)
            changed += ups + downs > 0
        assert steps_per_hour(found) >= 0.8 * steps_per_hour(first), (seed, course)
        assert work_per_hour(found) >= 0.8 * work_per_hour(first), (seed, course)
    assert changed > 3


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
    found = facts(rounds=[*[ROUND] * 18, slow, slow])
    usual, late, stops = observed_scenarios(found, advise(found))
    assert (usual.pace.clients, usual.pace.behavior) == (3, Behavior(4, 3))
    assert late.pace.behavior == Behavior(9, 3)
    assert stops.pace.changes == (Change(2, dropping=1),)
    assert list(observed_scenarios(Facts(CONFIG, MODEL), advise(Facts(CONFIG, MODEL)))) == []


# --- diffs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["run.toml", "a file.toml", "folder/run.toml", "new\nline.toml", 'tab\t"x" ü.toml', "back\\slash.toml"]
)
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
