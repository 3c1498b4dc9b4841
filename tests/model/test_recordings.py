"""The model against recorded runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from psyche_cli.model.states import initial_state
from psyche_cli.protocol.run_states import RunState
from tests.model.recording import digest, fingerprint, replay, result_of
from tests.model.test_properties import TABLE
from tests.model.write_recordings import RECORDINGS


def own_recordings() -> list[dict[str, Any]]:
    recordings: list[dict[str, Any]] = json.loads(RECORDINGS.read_text())
    return recordings


@pytest.mark.parametrize("seed", [run["seed"] for run in own_recordings()])
def test_own_recordings(seed: int) -> None:
    (run,) = (each for each in own_recordings() if each["seed"] == seed)
    state = initial_state("", "")
    steps = replay({"clock": clock, "op": op} for clock, op, _, _ in run["ops"])
    for number, ((operation, outcome), (*_, result, printed)) in enumerate(zip(steps, run["ops"], strict=True)):
        assert (result_of(outcome), fingerprint(outcome)) == (result, printed), (
            number,
            operation,
            digest(outcome.state),
        )
        state = outcome.state
    assert digest(state) == run["state"]


def test_the_recordings_see_every_transition_and_result() -> None:
    transitions, results = set(), set()
    for run in own_recordings():
        before = RunState.UNINITIALIZED
        for _, outcome in replay({"clock": clock, "op": op} for clock, op, _, _ in run["ops"]):
            transitions.add((before, outcome.state.run_state))
            results.add(result_of(outcome))
            before = outcome.state.run_state
    assert {(source, target) for source, target in transitions if source != target} == TABLE
    codes = {6000, 6001, 6004, 6005, 6007, 6011, 6012, 6013, 6014, 6015, 6018, 6020, 6021, 6022}
    assert results == {"ok", "panic"} | codes
