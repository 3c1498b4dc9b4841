"""Recording a checkpoint as a member of the epoch."""

from __future__ import annotations

from typing import Any

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import House
from tests.cli.harness import address_of
from tests.cli.test_already_so import already
from tests.cli.test_refusals import refused

CHECKPOINT = ("checkpoint", "--run-id", "test")
TAGS = {"Ephemeral": 0, "Dummy": 1, "Hub": 2, "P2P": 3, "Gcs": 4, "P2PGcs": 5}


def in_training(house: House, run_id: str = "test") -> None:
    """A run in which the owner is a member, and the stranger is not."""
    house.run(run_id)
    house.cli.json("set-paused", "--run-id", run_id, "--resume")
    house.join(house.owner, run_id)
    house.cli.json("localnet", "warp", "3")
    assert house.cli.json("tick", "--run-id", run_id, "--count", "1")["state"] == "Warmup"


def present(house: House) -> Any:
    return house.dump()["coordinator_account"]["setup"]["model"]["LLM"]["checkpoint"]


def test_a_member_records_a_repository(house: House) -> None:
    in_training(house)
    before = present(house)
    data = house.cli.json(*CHECKPOINT, "--repo", "owner/model", "--revision", "abc")
    assert data == {
        "run_id": "test",
        "already_so": False,
        "checkpoint_before": before,
        "checkpoint": {"Hub": {"repo_id": "owner/model", "revision": "abc"}},
        "state": "Warmup",
    }
    assert present(house) == data["checkpoint"]
    already(house, *CHECKPOINT, "--repo", "owner/model", "--revision", "abc")
    house.cli.json(*CHECKPOINT, "--repo", "owner/model")
    assert present(house) == {"Hub": {"repo_id": "owner/model", "revision": None}}


@pytest.mark.parametrize("option", ["--repo", "--revision"])
def test_64_bytes_are_stored_and_more_are_rejected(house: House, option: str) -> None:
    in_training(house)
    words = CHECKPOINT if option == "--repo" else (*CHECKPOINT, "--repo", "owner/model")
    house.cli.json(*words, option, "é" * 32)
    stored = present(house)["Hub"]["repo_id" if option == "--repo" else "revision"]
    assert stored == "é" * 32
    assert "65 bytes" in refused(house, ExitCode.USAGE, *words, option, "é" * 32 + "x")


@pytest.mark.parametrize("text", ["", " x", "a\nb"])
def test_a_repository_name_with_unprintable_characters(house: House, text: str) -> None:
    refused(house, ExitCode.USAGE, *CHECKPOINT, "--repo", text)
    refused(house, ExitCode.USAGE, *CHECKPOINT, "--repo", "owner/model", "--revision", text)


def test_in_the_p2p_phase_the_repository_is_updated(house: House) -> None:
    in_training(house)
    house.edit(lambda image: setattr(image.state.coordinator.model.LLM.checkpoint, "tag", TAGS["P2P"]))
    data = house.cli.json(*CHECKPOINT, "--repo", "owner/model")
    assert data["checkpoint"] == {"P2P": {"repo_id": "owner/model", "revision": None}}
    already(house, *CHECKPOINT, "--repo", "owner/model")


@pytest.mark.parametrize("kind", ["Ephemeral", "Dummy", "Gcs"])
def test_checkpoints_that_the_program_would_ignore(house: House, kind: str) -> None:
    in_training(house)
    house.edit(lambda image: setattr(image.state.coordinator.model.LLM.checkpoint, "tag", TAGS[kind]))
    assert kind in refused(house, ExitCode.REFUSED, *CHECKPOINT, "--repo", "owner/model")


def test_a_wallet_that_is_not_a_client_of_the_epoch(house: House) -> None:
    in_training(house)
    message = refused(house, ExitCode.REFUSED, *CHECKPOINT, "--repo", "owner/model", "-w", house.stranger)
    assert str(address_of(house.stranger)) in message
    house.join(house.stranger)  # joined, for the next epoch
    refused(house, ExitCode.REFUSED, *CHECKPOINT, "--repo", "owner/model", "-w", house.stranger)
    refused(house, ExitCode.NOT_FOUND, "checkpoint", "--run-id", "other", "--repo", "owner/model")


def test_a_halted_run_accepts_a_checkpoint(house: House) -> None:
    in_training(house)
    house.enter(RunState.PAUSED)
    assert house.cli.json(*CHECKPOINT, "--repo", "owner/model")["state"] == "Paused"
