"""Every recorded answer of the programs, against the lifecycle model and the command line's configuration rules.

The recordings contain the outcomes of the published programs, so they also detect mistakes that the model and our
programs have in common.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import psyche_cli.model
from psyche_cli.protocol.run_states import RunState

from .chain import ABORT
from .recorded_answers import Moment, read
from .recorded_model import Question, Unasked, disagreement, question_of
from .recorded_rules import ACCEPTED, SEVERAL, rules_disagreement

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "programs.md"

# Recorded instructions that must at least be compared with the model, by instruction and by result.
COMPARED = {
    "init_coordinator": 240,
    "update": 470,
    "update_client_version": 90,
    "set_future_epoch_rates": 90,
    "set_paused": 440,
    "join_run": 790,
    "tick": 350,
    "witness": 320,
    "warmup_witness": 210,
    "health_check": 190,
    "checkpoint": 140,
    "free_coordinator": 100,
    "run_create": 190,
    "run_update": 340,
}
RESULTS = {
    None: 2300,
    ABORT: 75,
    6000: 3,
    6001: 50,
    6003: 5,
    6004: 200,
    6005: 200,
    6006: 3,
    6007: 460,
    6008: 35,
    6009: 30,
    6011: 45,
    6012: 90,
    6013: 8,
    6014: 80,
    6015: 190,
    6017: 2,
    6018: 45,
    6020: 8,
    6021: 1,
    6022: 65,
}
# Recorded instructions that at most cannot be put to the model, by reason.
NOT_COMPARED = {
    Unasked.AUTHORIZER: 1390,
    Unasked.TREASURER: 920,
    Unasked.NO_INSTRUCTION: 130,
    Unasked.ARGUMENTS: 170,
    Unasked.ACCOUNTS: 1060,
    Unasked.NEW_ACCOUNTS: 235,
    Unasked.SHORT_ACCOUNT: 10,
    Unasked.FORGED_LENGTH: 205,
    Unasked.FORGED_RUN: 5,
}
# The keys that break a rule alone in some recorded update or resume. (What the others break, test_sanity_rules shows.)
BROKEN_ALONE = {
    "config.cooldown_time",
    "config.global_batch_size_end",
    "config.global_batch_size_start",
    "config.init_min_clients",
    "config.max_round_train_time",
    "config.round_witness_time",
    "config.warmup_time",
    "model.LLM.checkpoint",
    "model.LLM.checkpoint.Gcs.bucket",
    "model.LLM.checkpoint.Hub.repo_id",
    "model.LLM.cold_start_warmup_steps",
    "model.LLM.data_location.Http.location.NumberedFiles.num_files",
    "model.LLM.data_location.Server",
    "model.LLM.data_location.WeightedHttp",
    "model.LLM.max_seq_len",
    "model.LLM.optimizer",
    "progress.step",
}
# What the model takes from other rooms, and so shares with the command line.
PACKAGE = Path(psyche_cli.model.__file__).parent.parent.parent
SHARED = {
    "psyche_cli.limits",
    "psyche_cli.protocol.accounts.coordinator_account",  # for from_account
    "psyche_cli.protocol.accounts.coordinator_parts",
    "psyche_cli.protocol.accounts.coordinator_rounds",
    "psyche_cli.protocol.accounts.layout_support",  # the error for layouts with other rules
    "psyche_cli.protocol.layouts.memory_values",  # both for the initial state, which is the decoded zeros
    "psyche_cli.protocol.layouts.v1",
    "psyche_cli.protocol.run_states",
    "psyche_cli.run_config.batch_size",
    "psyche_cli.run_config.rules",
}


class Tally:
    """All recorded answers, compared once."""

    def __init__(self) -> None:
        self.total = 0
        self.compared: Counter[str] = Counter()
        self.results: Counter[Any] = Counter()
        self.states: Counter[RunState] = Counter()
        self.unasked: Counter[Unasked] = Counter()
        self.rules: Counter[str] = Counter()
        self.disagreements: list[str] = []
        for sequence in read():
            for moment in sequence.moments():
                self._compare(moment, f"{sequence.title}, step {moment.number}")

    def _compare(self, moment: Moment, where: str) -> None:
        self.total += 1
        question = question_of(moment)
        if not isinstance(question, Question):
            self.unasked[question] += 1
            return
        self.compared[question.name] += 1
        self.results[moment.answer.code] += 1
        if question.state is not None:
            self.states[question.state.run_state] += 1
        differences = (disagreement(question, moment), rules_disagreement(question, moment, self.rules))
        self.disagreements += [f"{where}, {question.name}: {difference}" for difference in differences if difference]


@pytest.fixture(scope="module")
def tally() -> Tally:
    return Tally()


def test_the_model_and_the_rules_give_every_recorded_answer(tally: Tally) -> None:
    assert not tally.disagreements, "\n".join(tally.disagreements[:20])


def test_the_comparison_goes_far(tally: Tally) -> None:
    assert sum(tally.compared.values()) + sum(tally.unasked.values()) == tally.total
    assert sum(tally.compared.values()) >= 4_000
    assert {name for name, least in COMPARED.items() if tally.compared[name] < least} == set()
    assert {code for code, least in RESULTS.items() if tally.results[code] < least} == set()
    assert set(tally.states) == set(RunState)


def test_what_cannot_be_compared_is_known(tally: Tally) -> None:
    assert {reason for reason, most in NOT_COMPARED.items() if not 0 < tally.unasked[reason] <= most} == set()
    assert set(NOT_COMPARED) == set(tally.unasked) == set(Unasked)


def test_the_recorded_answers_pin_the_shared_rules(tally: Tally) -> None:
    assert set(tally.rules) - {ACCEPTED, SEVERAL} == BROKEN_ALONE
    assert tally.rules[ACCEPTED] >= 500
    assert tally.rules[SEVERAL] >= 300


def test_the_model_shares_with_the_command_line_what_the_document_says() -> None:
    found = set()
    for path in Path(psyche_cli.model.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                is_room = (PACKAGE / node.module.replace(".", "/")).is_dir()
                found |= {f"{node.module}.{alias.name}" if is_room else node.module for alias in node.names}
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
    ours = {name for name in found if name.startswith("psyche_cli.") and not name.startswith("psyche_cli.model")}
    assert ours == SHARED
    text = DOCUMENT.read_text()
    assert [name for name in SHARED if f"`{name.removeprefix('psyche_cli.')}`" not in text] == []


def test_the_document_lists_what_is_checked_by_the_programs_alone() -> None:
    text = DOCUMENT.read_text()
    assert [reason.value for reason in Unasked if reason.value not in text] == []
