"""Recorded sequences of instructions: the program and the model reproduce every step of the published program.

``traces_golden.json`` was recorded with our program after it agreed completely with the published recordings. The form
of a step is "<unix timestamp> <slot> <operation> = <result> <digest of the state>"; ``traces.py`` has the operations.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.model.coordinator_model import apply
from psyche_cli.model.execution import Clock
from psyche_cli.model.states import CoordinatorState

from .chain import ABORT, Chain, Code
from .differential import differences, program_lines
from .run import Run
from .traces import parse, summary

GOLDEN = json.loads(Path(__file__).with_name("traces_golden.json").read_text())


class Player:
    """Executes operations on the chain and in the model, which must agree."""

    def __init__(self) -> None:
        self.chain = Chain()
        self.run = Run(self.chain)
        self.state: CoordinatorState = self.run.state

    def play(self, clock: tuple[int, int], op: list[str]) -> Code:
        self.chain.set_clock(*clock)
        step, signer = parse(op)
        outcome = self.run.send(step, signer)
        predicted = apply(self.state, step, signer, Clock(*clock))
        self.state = self.run.state
        assert outcome.code == (ABORT if predicted.abort else predicted.error), (op, outcome.logs)
        assert self.state == predicted.state, (op, differences(self.state, predicted.state))
        assert program_lines(outcome.logs) == predicted.log
        return outcome.code


def digest(state: CoordinatorState) -> str:
    return hashlib.sha256(json.dumps(summary(state)).encode()).hexdigest()[:12]


@pytest.mark.parametrize("trace", GOLDEN, ids=[str(trace["seed"]) for trace in GOLDEN])
def test_every_step_of_a_golden_trace(trace: dict[str, Any]) -> None:
    player = Player()
    for line in trace["steps"]:
        call, _, expected = line.partition(" = ")
        timestamp, slot, *op = call.split(" ")
        code = player.play((int(timestamp), int(slot)), op)
        assert f"{'ok' if code is None else code} {digest(player.state)}" == expected, line
    assert summary(player.state) == trace["end"]


def test_golden_traces_go_far() -> None:
    results = [line.partition(" = ")[2].split()[0] for trace in GOLDEN for line in trace["steps"]]
    assert len(results) == 520
    assert {"ok", "abort", "6001", "6004", "6005", "6007", "6011", "6012", "6013", "6014", "6015", "6021"} <= set(
        results
    )
