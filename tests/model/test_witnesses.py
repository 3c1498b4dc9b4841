"""Witnesses of rounds and of the warmup: eligibility, duplicates, and the maximum number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from psyche_cli.model.instructions import (
    WarmupWitness,
    Witness,
)
from psyche_cli.protocol.accounts.coordinator_rounds import WitnessRecord
from psyche_cli.protocol.run_states import RunState
from tests.model.recording import client
from tests.model.stages import ME, RECORD, training, warmup, witnessing


@pytest.mark.parametrize("changes", [
    {"position": 100}, {"index": 1}, {"index": 3}, {"index": 2**64 - 1}, {"witness": 0}, {"witness": 7},
])  # fmt: skip
def test_a_false_witness_proof(changes: dict[str, Any]) -> None:
    run = training()
    assert run.attempt(Witness(run.proof(0, **changes)), ME) == 6011


def test_a_client_that_was_not_selected_is_no_witness() -> None:
    run = training(witness_nodes=1)
    results = [run.attempt(Witness(run.proof(number)), client(number).signer) for number in range(3)]
    assert sorted(map(str, results)) == ["6011", "6011", "ok"]
    loser = results.index(6011)
    assert run.attempt(Witness(run.proof(loser, witness=0)), client(loser).signer) == 6011


def test_a_member_of_the_run_that_is_not_in_the_epoch_is_no_witness() -> None:
    run = training().join(5)
    assert run.attempt(Witness(run.proof(0)), client(5).signer) == 6011


def test_an_impossible_selection_comes_before_the_proof() -> None:
    run = training(verification_percent=101)
    assert run.attempt(Witness(RECORD), ME) == 6020
    run = training()
    run.state = replace(run.state, config={**run.state.config, "witness_nodes": 4})
    assert run.attempt(Witness(RECORD), ME) == 6020


def test_one_witness_per_client_and_round() -> None:
    run = training().witness(0)
    assert run.attempt(Witness(run.proof(0)), ME) == 6013
    run = witnessing().witness(0)
    assert run.attempt(Witness(run.proof(0)), ME) == 6013


def test_a_round_holds_32_witnesses() -> None:
    run = training(*range(34), global_batch_size_end=40, global_batch_size_start=40)
    run.state = replace(run.state, config={**run.state.config, "witness_nodes": 34})
    for number in range(32):
        run.witness(number)
    assert run.attempt(Witness(run.proof(32)), client(32).signer) == 6017


def test_one_warmup_witness_per_client() -> None:
    run = warmup().warmup_witness(0)
    assert run.attempt(WarmupWitness(WitnessRecord(0, 0, 0)), ME) == 6013


def test_warmup_trusts_the_index() -> None:
    run = warmup()
    for _ in range(3):
        run.do(WarmupWitness(WitnessRecord(0, 1, 0)), ME)
    run.is_at(RunState.ROUND_TRAIN)


def test_a_warmup_index_beyond_the_list_aborts_every_later_one() -> None:
    run = warmup().warmup_witness(0).do(WarmupWitness(WitnessRecord(0, 3, 0)), client(1).signer)
    assert run.attempt(WarmupWitness(WitnessRecord(0, 0, 0)), ME) == 6013  # Found before the bad one is reached.
    assert run.attempt(WarmupWitness(WitnessRecord(0, 2, 0)), client(2).signer) == "panic"
    run.wait(10).tick().is_at(RunState.ROUND_TRAIN)


def test_warmup_holds_32_witnesses() -> None:
    run = warmup(*range(34), global_batch_size_end=40, global_batch_size_start=40)
    run.state = replace(run.state, config={**run.state.config, "witness_nodes": 34})
    for number in range(32):
        run.warmup_witness(number)
    assert run.attempt(WarmupWitness(WitnessRecord(0, 32, 0)), client(32).signer) == 6017
