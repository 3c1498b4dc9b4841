"""Whole rounds through the exchange folder: equal weights whatever happens, and liars without effect."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from psyche_cli.model.data_assignment import split_batch
from psyche_cli.training.checker import Reason, Verdict
from psyche_cli.training.checkpoints import Checkpoints
from psyche_cli.training.exchange import Exchange, Round
from psyche_cli.training.lies import Lie, falsified
from psyche_cli.training.rounds import Plan, conclude, plan_round, read_results, work
from psyche_cli.training.submission import Submission
from psyche_cli.training.text import load_text
from psyche_cli.training.trainer import Trainer, open_trainer
from tests.training.runs import example, open_members

NAMES = ("ada", "bea", "cleo", "dora", "eve")


class Party:
    """Members in one process, each with its own trainer and its own access to the folder."""

    def __init__(self, folder: Path, count: int = 4, example_name: str = "minimal", percent: float = 50) -> None:
        self.folder, self.percent, self.example_name = folder, percent, example_name
        self.members: dict[str, tuple[Trainer, Exchange]] = {}
        self.step = 0
        self.latest: Submission | None = None
        self.earlier: dict[str, Submission] = {}
        for name in NAMES[:count]:
            self.join(name)

    def join(self, name: str) -> Trainer:
        model = dict(example(self.example_name).model["LLM"], max_seq_len=64)
        trainer = open_trainer("numpy", {"LLM": model}, load_text(), 1)
        self.members[name] = (trainer, Exchange(self.folder, trainer.update_bytes))
        return trainer

    def round(
        self, *, lies: dict[str, Lie] | None = None, silent: tuple[str, ...] = (), batch: int = 6
    ) -> tuple[Plan, dict[str, Verdict]]:
        self.step += 1
        at, seed, published = Round(1, self.step), self.step * 7919, []
        plan = plan_round(at, split_batch(self.step * batch, batch, list(self.members), seed), seed, self.percent)
        for name, (trainer, exchange) in self.members.items():
            if name in silent or not exchange.connected:
                continue
            lie = (lies or {}).get(name)
            submission = work(trainer, plan, name)
            if lie is not None:
                submission = falsified(
                    lie, trainer, submission, seed="5", copied=self.latest, stale=self.earlier.get(name)
                )
            self.latest, self.earlier[name] = submission, submission
            assert exchange.publish(at, submission) == submission
            published.append(name)
        verdicts = {
            name: conclude(trainer, plan, read_results(exchange, at, published))
            for name, (trainer, exchange) in self.members.items()
            if exchange.connected
        }
        return plan, verdicts

    def hashes(self) -> set[str]:
        return {trainer.weights_hash() for trainer, exchange in self.members.values() if exchange.connected}


def test_members_that_come_leave_fail_and_return_hold_the_same_weights(tmp_path: Path) -> None:
    generator, party = random.Random(3), Party(tmp_path, 4)
    checkpoints = Checkpoints(tmp_path)
    for _ in range(25):
        event = generator.choice(["nothing", "nothing", "silence", "join", "leave", "restart", "partition"])
        names = list(party.members)
        if event == "join" and len(names) < len(NAMES):
            someone = names[0]
            checkpoints.save_for_members(party.members[someone][0], party.step, someone)
            newcomer = next(name for name in NAMES if name not in names)
            checkpoints.restore_from_members(party.join(newcomer), names)
        elif event == "leave" and len(names) > 2:
            del party.members[generator.choice(names)]
        elif event == "restart":
            # A process that is started again has lost its residual and its weights.
            checkpoints.save_for_members(party.members[names[0]][0], party.step, names[0])
            checkpoints.restore_from_members(party.join(names[-1]), names[:1])
        elif event == "partition":
            victim, exchange = party.members[names[-1]]
            exchange.connected = False
            party.round()
            exchange.connected = True
            # It trains from old weights now, which the others notice and leave out.
            _, verdicts = party.round()
            reasons = {one.member: one.reason for one in verdicts[names[0]].left_out}
            assert reasons.get(names[-1]) in (Reason.OTHER_WEIGHTS, None)
            assert len(party.hashes()) == 2
            checkpoints.save_for_members(party.members[names[0]][0], party.step, names[0])
            checkpoints.restore_from_members(victim, [names[0]])
        _, verdicts = party.round(silent=(names[-1],) if event == "silence" else ())
        assert len(party.hashes()) == 1
        assert len(set(verdicts.values())) == 1
        assert not any(verdict.liars for verdict in verdicts.values())


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], set[str]]:
    """The hashes of the weights of four members of an example after two rounds without a lie."""

    @functools.cache
    def hashes(example_name: str) -> set[str]:
        party = Party(tmp_path_factory.mktemp("honest"), 4, example_name, percent=100)
        for _ in range(2):
            party.round()
        return party.hashes()

    return hashes


@pytest.mark.parametrize("lie", Lie)
@pytest.mark.parametrize("example_name", ["minimal", "numbered-files", "finetune-adamw"])
def test_every_kind_of_lie_is_found_and_has_no_effect(
    tmp_path: Path, lie: Lie, example_name: str, honest: Callable[[str], set[str]]
) -> None:
    party = Party(tmp_path, 4, example_name, percent=100)
    for _ in range(2):
        plan, verdicts = party.round(lies={"bea": lie})
        assert plan.share_of("bea")
        assert len(set(verdicts.values())) == 1
        assert verdicts["ada"].liars == ("bea",)
        assert set(verdicts["ada"].accepted) == {"ada", "cleo", "dora"}
    assert len(party.hashes()) == 1
    assert party.hashes() != honest(example_name)


def test_a_lie_is_applied_in_rounds_without_checks_and_found_in_one_with_them(tmp_path: Path) -> None:
    party, accepted = Party(tmp_path, 4), []
    for percent in (0, 0, 100):
        party.percent = percent
        _, verdicts = party.round(lies={"bea": Lie.WRONG_SIGN})
        accepted.append("bea" in verdicts["ada"].accepted)
    assert accepted == [True, True, False]
    [left] = verdicts["ada"].left_out
    assert left == ("bea", Reason.WRONG_RESULT, "bea", "")
    assert {group.check.owner: group.states[0] for group in verdicts["ada"].groups} == {
        **dict.fromkeys(party.members, "GroupValidated"),
        "bea": "EndInvalidated",
    }


def test_a_lie_makes_the_model_worse_and_its_discovery_prevents_that(tmp_path: Path) -> None:
    def loss(name: str, percent: float, liars: tuple[str, ...]) -> float:
        party = Party(tmp_path / name, 3, percent=percent)
        for _ in range(12):
            party.round(lies=dict.fromkeys(liars, Lie.WRONG_SIGN))
        return party.members["ada"][0].evaluate().loss

    honest = loss("honest", 0, ())
    assert honest < 5
    assert loss("unchecked", 0, ("bea", "cleo")) > 5.6
    assert loss("checked", 100, ("bea",)) < honest + 0.3


def test_bytes_that_are_not_a_submission_are_named(tmp_path: Path) -> None:
    party = Party(tmp_path, 4, percent=0)
    party.members["dora"][1].publish_bytes(Round(1, 1), "dora", b"garbage")
    plan, _ = party.round(silent=("dora",))
    trainer, exchange = party.members["ada"]
    trainer.load(open_members(1)[0].state())
    verdict = conclude(trainer, plan, read_results(exchange, plan.at, list(party.members)))
    assert verdict.liars == ("dora",)
    assert [one.detail for one in verdict.left_out] == ["its header is not JSON"]
