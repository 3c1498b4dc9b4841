"""Reports of absent clients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from psyche_cli.model.instructions import (
    Committee,
)
from psyche_cli.protocol.accounts.coordinator_parts import EpochClient
from psyche_cli.protocol.run_states import ClientState, RunState
from tests.model.recording import client
from tests.model.stages import ME, Run, training


def third_round(seen: str = "0,1", **config: int) -> Run:
    """A run in the round of height 2. The witnesses of the previous round saw only some clients."""
    return training(**config).play_round().play_round(seen).is_at(RunState.ROUND_TRAIN)


def test_health_checks_need_two_rounds_before() -> None:
    run = training().play_round(seen="0,1")
    assert run.attempt(run.accusation(2), ME) == 6014


def test_an_absent_client_is_dropped_by_a_health_check() -> None:
    run = third_round()
    run.do(run.accusation(2), ME)
    assert run.members() == {"0": "Healthy", "1": "Healthy", "2": "Dropped"}
    run.do(run.accusation(2), ME)  # Once more changes nothing, and is no fault.
    run.play_round()
    exited = run.state.epoch.exited_clients
    assert exited == (EpochClient(client(2), ClientState.DROPPED, 2),)
    assert run.state.current_round.clients_len == 2


def test_a_present_client_is_not_dropped() -> None:
    run = third_round()
    assert run.attempt(run.accusation(1), ME) == 6014


@pytest.mark.parametrize("changes", [
    {"index": 0}, {"index": 3}, {"index": 2**64 - 1}, {"position": 77}, {"accused": client(1)},
    {"committee": Committee.VERIFIER}, {"committee": Committee.TIE_BREAKER},
])  # fmt: skip
def test_a_false_committee_proof(changes: dict[str, Any]) -> None:
    run = third_round()
    assert run.attempt(run.accusation(2, **changes), ME) == 6021


def test_an_exited_client_cannot_be_reported() -> None:
    run = third_round()
    run.do(run.accusation(2), ME).play_round()
    assert run.attempt(run.accusation(2, index=2), ME) == 6021
    assert run.attempt(run.accusation(2, index=1), ME) == 6021


def test_health_checks_of_an_impossible_selection() -> None:
    run = third_round()
    accusation = run.accusation(2)
    run.state = replace(run.state, config={**run.state.config, "verification_percent": 101})
    assert run.attempt(accusation, ME) == 6020


def test_health_checks_of_verifiers_abort() -> None:
    run = third_round(verification_percent=100)
    accusation = run.accusation(2)
    assert accusation.committee == Committee.VERIFIER
    assert run.attempt(accusation, ME) == "panic"


def test_health_checks_of_a_round_without_witnesses_abort() -> None:
    run = third_round()
    rounds = tuple(replace(part, witnesses=()) for part in run.state.epoch.rounds)
    run.state = replace(run.state, epoch=replace(run.state.epoch, rounds=rounds))
    assert run.attempt(run.accusation(2), ME) == "panic"
