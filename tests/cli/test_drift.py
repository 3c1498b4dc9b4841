"""``drift`` through the command line, against a local validator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.errors import ExitCode, Unreachable
from psyche_cli.run_file.wanted import WantedFunding, WantedRun, WantedTreasurer
from tests.cli.conftest import RUN_FILE, House
from tests.cli.harness import Outcome, address_of, methods_of
from tests.history.endpoints import Partial
from tests.support.clocks import FastClock
from tests.support.declared_runs import KEYS, write_declared_run
from tests.support.relays import Relay

RUN = ("--run-id", "test")


@pytest.fixture
def file(house: House, base: WantedRun, tmp_path: Path) -> Path:
    """The file of a run that matches it."""
    path = write_declared_run(base, tmp_path / "run.toml")
    house.cli.json("apply", path, "--yes")
    return path


def drift(house: House, *files: Path) -> Outcome:
    return house.cli("drift", *files, "--output", "json")


def different(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """The values of the only file that differ, by key."""
    assert outcome.code is ExitCode.DIFFERS
    [only] = outcome.json["data"]["files"]
    return {one["key"]: one for one in only["different"]}


def test_a_run_as_written(house: House, file: Path) -> None:
    outcome = drift(house, file, file)
    assert outcome.code is ExitCode.OK
    assert [one["as_written"] for one in outcome.json["data"]["files"]] == [True, True]
    assert "run test matches." in house.cli("drift", file).stdout


def test_a_run_that_does_not_exist(house: House, file: Path) -> None:
    outcome = drift(house, file, RUN_FILE)
    assert outcome.code is ExitCode.DIFFERS
    assert "psyche-cli history" not in house.cli("drift", RUN_FILE).stdout
    first, second = outcome.json["data"]["files"]
    assert (first["as_written"], second["as_written"]) == (True, False)
    assert second["different"] == [{"key": "run", "run": None, "file": "my-run", "changed_by": None}]
    house.cli.variables["WALLET_PRIVATE_KEY_PATH"] = ""
    assert drift(house, file, RUN_FILE).json == outcome.json  # needs no wallet


CHANGES: dict[str, tuple[tuple[object, ...], object, object]] = {
    "metadata.name": (("update-config", *RUN, "--name", "B"), "B", "A name"),
    "client_version": (("update-config", *RUN, "--client-version", "v2"), "v2", "v1"),
    "rewards.slashing_rate": (("set-future-epoch-rates", *RUN, "--slashing-rate", "2"), 2_000_000, 1_000_000),
    "state": (("set-paused", *RUN, "--resume"), "running", "paused"),
    "join.everyone": (("join-authorization-delete", "--permissionless"), False, True),
    f"join.authorizations.{KEYS[1]}": (("join-authorization-delete", "--authorizer", KEYS[1]), False, True),
    f"join.authorizations.{KEYS[5]}": (("join-authorization-create", "--authorizer", KEYS[5]), True, False),
}


def test_every_value_with_its_author(house: House, file: Path) -> None:
    """The author is the signer of the latest transaction that changed the value."""
    house.cli.json("history", *RUN)
    signatures = {}
    for key, (words, _, _) in CHANGES.items():
        made = house.cli(*words, "--output", "json").json
        signatures[key] = made["transactions"][0]["signature"]
    house.cli.json("update-config", *RUN, "--description", "Words")  # as it is
    found = different(drift(house, file))
    assert found.keys() == CHANGES.keys()
    for key, (_, run, written) in CHANGES.items():
        one = found[key]
        assert (one["run"], one["file"]) == (run, written), key
        assert one["changed_by"] is not None, key
        assert one["changed_by"]["by"] == str(address_of(house.owner))
        assert one["changed_by"]["signature"] == signatures[key], key
    shown = house.cli("drift", file).stdout
    assert "rewards.slashing_rate: 2 -> 1" in shown
    assert f"changed by {address_of(house.owner)} (owner) in transaction {signatures['metadata.name']}" in shown


def test_the_configuration_and_its_author(house: House, file: Path, tmp_path: Path) -> None:
    house.cli.json("history", *RUN)
    dump = tmp_path / "config.toml"
    house.cli.json("config", "dump", *RUN, "-o", dump)
    dump.write_text(dump.read_text().replace("epoch_time = 60", "epoch_time = 61").replace('"HfLlama"', '"HfAuto"'))
    [update] = house.cli("update-config", *RUN, "--config-path", dump, "--output", "json").json["transactions"]
    found = different(drift(house, file))
    assert found.keys() == {"config.epoch_time", "model.LLM.architecture"}
    assert {one["changed_by"]["signature"] for one in found.values()} == {update["signature"]}


def test_without_a_history_there_is_no_author(house: House, file: Path) -> None:
    house.cli.json("update-config", *RUN, "--name", "B")
    assert different(drift(house, file))["metadata.name"]["changed_by"] is None
    assert "psyche-cli history --run-id test" in house.cli("drift", file).stdout


def test_an_endpoint_without_a_ledger(house: House, file: Path) -> None:
    """What differs is reported, and nobody is blamed for it."""
    house.cli.json("history", *RUN)
    house.cli.json("update-config", *RUN, "--name", "B")
    connect = house.cli.open_transport
    house.cli.open_transport = lambda url: WithoutLedger(connect(url))
    house.cli.clock = FastClock(per_reading=0.001)
    outcome = drift(house, file)
    assert [one["changed_by"] for one in different(outcome).values()] == [None]
    assert "could not be brought up to date" in outcome.stderr


class WithoutLedger(Relay):
    """An endpoint that does not list transactions."""

    def send(self, body: bytes, *, timeout: float) -> bytes:
        if "getSignaturesForAddress" in methods_of(body):
            raise Unreachable("It is not there.", endpoint=self.label)
        return super().send(body, timeout=timeout)


def test_funding_and_what_cannot_be_changed(house: House, base: WantedRun, file: Path, tmp_path: Path) -> None:
    other = write_declared_run(replace(base, funding=WantedFunding(keep_amount="61")), tmp_path / "other.toml")
    assert different(drift(house, other))["funding.vault"] == {
        "key": "funding.vault",
        "run": 60_000_000,
        "file": 61_000_000,
        "changed_by": None,
    }
    join = replace(base.join, authority=KEYS[0])
    moved = replace(base, join=join, treasurer=WantedTreasurer(KEYS[1]), funding=None)
    assert different(drift(house, write_declared_run(moved, tmp_path / "moved.toml"))).keys() >= {
        "join.authority",
        "treasurer.mint",
    }


def test_an_invalid_file_is_no_drift(house: House, file: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("version = 1")
    assert drift(house, file, tmp_path / "bad.toml").code is ExitCode.CONFIGURATION


def test_one_file_of_several_cannot_be_compared(house: House, base: WantedRun, file: Path, tmp_path: Path) -> None:
    """The others are compared; a single file is an error."""
    house.cli.json("update-config", *RUN, "--name", "B")
    wrong = write_declared_run(replace(base, slashing_rate="0.0000001"), tmp_path / "wrong.toml")
    (tmp_path / "unknown.toml").write_text('version = 1\nrun_id = "test"\ncolour = 1\n')
    outcome = drift(house, tmp_path / "unknown.toml", file, tmp_path / "none.toml", wrong)
    assert outcome.code == outcome.json["exit_code"] == ExitCode.CONFIGURATION
    files = outcome.json["data"]["files"]
    codes = [one["error"] and one["error"]["code"] for one in files]
    assert codes == ["configuration_error", None, "configuration_error", "invalid_amount"]
    assert [one["run_id"] for one in files] == [None, "test", None, "test"]
    assert [one["as_written"] for one in files] == [False] * 4
    assert [one["key"] for one in files[1]["different"]] == ["metadata.name"]
    assert "colour" in files[0]["error"]["problems"][0]
    text = house.cli("drift", file, wrong).stdout
    assert text.startswith("1 of 2 runs differs from its file, and 1 cannot be compared.")
    assert f"{wrong}: cannot be compared: " in text
    assert house.cli("drift", tmp_path / "none.toml").code is ExitCode.CONFIGURATION


@pytest.mark.parametrize("first", ["names", "authorizations"])
def test_nobody_is_blamed_for_what_a_gap_hides(house: House, file: Path, first: str) -> None:
    """Neither the author of the last change before the gap nor that of another one after it."""
    house.cli.json("history", *RUN)
    made = [
        ("update-config", *RUN, "--name", "B"),
        ("join-authorization-delete", "--permissionless"),
        ("update-config", *RUN, "--description", "Other words"),
    ]
    for words in made if first == "names" else made[::-1]:
        house.chain.dispatcher.context.bank.warp_slots(1)  # each transaction has a slot of its own
        house.cli.json(*words)
    records = list(house.chain.dispatcher.context.bank.history.records())
    slots = {str(one.signature): one.slot for one in records}
    connect = house.cli.open_transport
    # The endpoint only has the latest of the three.
    house.cli.open_transport = lambda url: Partial(connect(url), slots, first=records[-1].slot)
    found = different(drift(house, file))
    assert found.keys() == {"metadata.name", "metadata.description", "join.everyone"}
    assert [one["changed_by"] for one in found.values()] == [None] * 3


def test_delegates_and_who_changed_them(house: House, base: WantedRun, file: Path) -> None:
    """An authorization that is activated again is no change of its delegates."""
    house.cli.json("history", *RUN)
    owner = str(address_of(house.owner))
    words = ("join-authorization-delegate", "--join-authority", owner, "--delegates-clear")
    [changed] = house.cli(*words, "--output", "json").json["transactions"]
    house.cli.json("join-authorization-delete", "--authorizer", owner)
    house.cli.json("join-authorization-create", "--authorizer", owner)
    found = different(drift(house, file))
    assert found.keys() == {f"join.authorizations.{owner}.delegates"}
    assert found[f"join.authorizations.{owner}.delegates"]["changed_by"]["signature"] == changed["signature"]


def test_many_files_take_few_round_trips(house: House, base: WantedRun, file: Path, tmp_path: Path) -> None:
    """Some 400 addresses of run ids, and then the accounts of the runs, 100 at a time."""
    other = replace(base, treasurer=WantedTreasurer(KEYS[0], 5), funding=None)
    files = [file, write_declared_run(other, tmp_path / "other.toml")]
    for number in range(198):
        path = tmp_path / f"{number}.toml"
        path.write_text(f'version = 1\nrun_id = "run-{number}"\n')
        files.append(path)
    house.cli.json("create-run", "--run-id", "run-7")
    before = len(house.chain.requests)
    compared = drift(house, *files).json["data"]["files"]
    assert len(house.chain.requests) - before <= 12
    assert [one["path"] for one in compared if one["as_written"]] == [str(file), str(tmp_path / "7.toml")]
    assert {one["different"][0]["key"] for one in compared[2:] if not one["as_written"]} == {"run"}
    assert {one["key"] for one in compared[1]["different"]} == {"treasurer.mint", "treasurer.index"}
