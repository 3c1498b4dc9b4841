"""``config dump --full`` through the command line, against a local validator."""

from __future__ import annotations

from pathlib import Path

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_file.load import load_run_file
from psyche_cli.run_file.wanted import WantedAuthorization, WantedTreasurer
from tests.cli.conftest import House
from tests.cli.harness import address_of
from tests.cli.writing_verbs import KEYS

RUN = ("--run-id", "test")
DUMP = ("config", "dump", "--full", *RUN)


def test_a_new_run_without_configuration(house: House, tmp_path: Path) -> None:
    house.run(configured=False)
    file = tmp_path / "run.toml"
    assert house.cli.json(*DUMP, "-o", file) == {"run_id": "test", "path": str(file)}
    assert file.read_text() == house.cli(*DUMP).stdout == house.cli.json(*DUMP)["toml"]
    wanted = load_run_file(file)
    assert (wanted.run_id, wanted.state, wanted.config, wanted.treasurer) == ("test", "paused", None, None)
    assert wanted.metadata == {"name": "", "description": "", "num_parameters": 0, "vocab_size": 0}
    assert wanted.join.authority == address_of(house.owner)
    assert (wanted.join.everyone, wanted.join.authorizations) == (False, ())


def test_everything_that_a_run_has(house: House, tmp_path: Path) -> None:
    mint = house.new_mint()
    create = ("--treasurer-collateral-mint", mint, "--treasurer-index", 2**64 - 1, "--client-version", "v7")
    index = ("--treasurer-index", 2**64 - 1)
    house.cli.json("create-run", *RUN, *create, "--name", "A \u2603 name", "--description", 'with "quotes"')
    house.cli.json("update-config", *RUN, *index, "--config-path", "configs/minimal.toml", "--vocab-size", 2**64 - 1)
    house.cli.json("set-future-epoch-rates", *RUN, *index, "--earning-rate", "12.5", "--slashing-rate", "0.000001")
    house.cli.json("join-authorization-create", "--permissionless")
    owner = address_of(house.owner)
    for key in (str(owner), KEYS[3]):
        house.cli.json("join-authorization-create", "--authorizer", key)
    house.cli.json("join-authorization-delete", "--authorizer", KEYS[3])
    house.cli.json("join-authorization-delegate", "--join-authority", owner, "--delegates-added", *KEYS[:2])
    house.cli.json("set-paused", *RUN, *index, "--resume")
    file = tmp_path / "run.toml"
    house.cli.json(*DUMP, *index, "-o", file)
    wanted = load_run_file(file)
    assert (wanted.state, wanted.client_version) == ("running", "v7")
    assert wanted.metadata == {
        "name": "A \u2603 name",
        "description": 'with "quotes"',
        "num_parameters": 0,
        "vocab_size": 2**64 - 1,
    }
    assert (wanted.earning_rate, wanted.slashing_rate) == ("12.5", "0.000001")
    assert wanted.treasurer is not None
    assert wanted.treasurer == WantedTreasurer(wanted.treasurer.mint, 2**64 - 1)
    assert str(wanted.treasurer.mint) == mint
    assert wanted.join.everyone is True
    [listed] = wanted.join.authorizations
    assert listed == WantedAuthorization(owner, tuple(type(owner).from_string(key) for key in KEYS[:2]))
    assert wanted.config is not None
    assert wanted.config["epoch_time"] == 60


@pytest.mark.parametrize("state", [*RunState])
@pytest.mark.parametrize("pending", [False, True])
def test_the_state(house: House, state: RunState, pending: bool) -> None:
    house.run()
    house.enter(state, pending_pause=pending)
    runs = not state.is_halted and not pending
    assert f'state = "{"running" if runs else "paused"}"' in house.cli(*DUMP).stdout


def test_a_run_that_a_file_cannot_represent(house: House) -> None:
    house.run()
    house.write_metadata("test", name="a\nb")
    refused = house.cli(*DUMP, "--output", "json")
    assert refused.code is ExitCode.CONFIGURATION
    [problem] = refused.json["error"]["context"]["problems"]
    assert (problem["key"], problem["rule"]) == ("metadata.name", "TextNotTypable")


def test_an_existing_file_is_not_overwritten(house: House, tmp_path: Path) -> None:
    house.run()
    file = tmp_path / "run.toml"
    file.write_text("mine")
    assert house.cli(*DUMP, "-o", file).code is ExitCode.USAGE
    assert file.read_text() == "mine"
