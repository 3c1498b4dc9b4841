"""The options of ``update-config`` in addition to a file, for runs with and without a treasurer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.operations.runs.find import find_run
from psyche_cli.operations.sessions import reading_session
from psyche_cli.run_config.batch_size import data_index_for_step
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import environment_of

RUN = ("--run-id", "test")
UPDATE = ("update-config", *RUN)
TREASURERS = pytest.mark.parametrize("treasurer", [False, True], ids=["plain", "treasurer"])


def with_checkpoint(folder: Path, checkpoint: str, **values: int) -> Path:
    """The minimal example with another checkpoint, and other values of ``[config]``."""
    head, _, rest = MINIMAL.read_text().partition("[model.LLM.checkpoint.Hub]")
    after = rest[rest.index("\n[") + 1 :]
    text = f"{head}[model.LLM.checkpoint.{checkpoint}\n\n{after}"
    for key, value in values.items():
        before = next(line for line in text.splitlines() if line.startswith(f"{key} = "))
        text = text.replace(before, f"{key} = {value}", 1)
    file = folder / "changed.toml"
    file.write_text(text)
    return file


def setup_of(house: House) -> Any:
    return house.dump()["coordinator_account"]["setup"]


@TREASURERS
@pytest.mark.parametrize(
    ("stored", "switched"),
    [
        ('P2P]\nrepo_id = "a/b"', {"Hub": {"repo_id": "a/b", "revision": None}}),
        ('P2P]\nrepo_id = "a/b"\nrevision = "v1"', {"Hub": {"repo_id": "a/b", "revision": "v1"}}),
        ('Dummy]\nrepo_id = "a/b"', {"Hub": {"repo_id": "a/b", "revision": None}}),
        ('P2PGcs]\nbucket = "c"\nprefix = "d"', {"Gcs": {"bucket": "c", "prefix": "d"}}),
        ('Gcs]\nbucket = "c"', {"Gcs": {"bucket": "c", "prefix": None}}),
    ],
    ids=["P2P", "P2P with revision", "Dummy", "P2PGcs", "Gcs"],
)
def test_switch_to_hub(house: House, tmp_path: Path, stored: str, switched: Any, treasurer: bool) -> None:
    house.run(treasurer=treasurer, configured=False)
    file = with_checkpoint(tmp_path, stored)
    house.cli.json(*UPDATE, "--config-path", file)
    before = setup_of(house)["model"]["LLM"]
    outcome = house.cli.json(*UPDATE, "--switch-to-hub")
    after = setup_of(house)["model"]["LLM"]
    assert after == {**before, "checkpoint": switched}
    assert outcome["already_so"] is (before["checkpoint"] == switched)
    assert house.cli.json(*UPDATE, "--switch-to-hub")["already_so"] is True
    # A file with the peers' checkpoint and the option together are the repository again.
    assert house.cli.json(*UPDATE, "--config-path", file, "--switch-to-hub")["already_so"] is True


def test_a_switch_to_a_repository_without_a_name_is_refused_by_its_rule(house: House, tmp_path: Path) -> None:
    house.run(configured=False)
    house.cli.json(*UPDATE, "--config-path", with_checkpoint(tmp_path, 'Dummy]\nrepo_id = ""'))
    sent = house.chain.sent
    outcome = house.cli(*UPDATE, "--switch-to-hub", "--output", "json")
    assert outcome.code is ExitCode.CONFIGURATION
    [problem] = outcome.json["error"]["context"]["problems"]
    assert (problem["key"], problem["rule"]) == ("model.LLM.checkpoint.Hub.repo_id", "Checkpoint")
    assert house.chain.sent == sent


@TREASURERS
def test_everything_at_once_goes_in_one_transaction(house: House, tmp_path: Path, treasurer: bool) -> None:
    """The data index of a restart is that of the new configuration, as the published client computes it."""
    house.run(treasurer=treasurer)
    house.cli.json("set-paused", *RUN, "--resume")
    house.cli.json("set-paused", *RUN)
    file = with_checkpoint(tmp_path, 'P2P]\nrepo_id = "a/b"', global_batch_size_start=7)
    sent = house.chain.sent
    words = ("--config-path", file, "--restart-from-step", 40, "--switch-to-hub", "--client-version", "v9")
    outcome = house.cli.json(*UPDATE, *words, "--vocab-size", 32_000)
    assert house.chain.sent == sent + 1
    keys = {changed["key"]: changed["after"] for changed in outcome["changed"]}
    assert keys.keys() == {
        *(
            "metadata.vocab_size",
            "config.global_batch_size_start",
            "model.LLM.checkpoint.Hub.repo_id",
            "client_version",
        ),
        *("progress.step", "progress.epoch_start_data_index"),
    }
    with reading_session(environment_of(house.cli), rpc="http://127.0.0.1:1") as session:
        account = find_run(session, "test").account
    index = data_index_for_step(40, account.config, account.model)
    assert account.progress == {"epoch": 0, "step": 40, "epoch_start_data_index": index}
    assert index > 39 * 7
    assert account.client_version == "v9"
    assert account.model["LLM"]["checkpoint"] == {"Hub": {"repo_id": "a/b", "revision": None}}  # type: ignore[index,call-overload]
    again = house.cli.json(*UPDATE, *words, "--vocab-size", 32_000)
    assert (again["already_so"], house.chain.sent) == (True, sent + 1)
    house.cli.json("set-paused", *RUN, "--resume")
    assert house.dump()["coordinator_account"]["status"]["step"] == 40


@TREASURERS
@pytest.mark.parametrize("version", ["é" * 48, "v1", f"sha256:{'0123456789abcdef' * 4}"])
def test_a_client_version(house: House, treasurer: bool, version: str) -> None:
    house.run(treasurer=treasurer)
    outcome = house.cli.json(*UPDATE, "--client-version", version)
    assert outcome["changed"] == [{"key": "client_version", "before": "latest", "after": version}]
    assert setup_of(house)["client_version"] == version


@pytest.mark.parametrize("version", ["", "a b\n", "é" * 49])
def test_a_client_version_that_does_not_fit_is_refused_by_name(house: House, version: str) -> None:
    outcome = house.cli(*UPDATE, "--client-version", version, "--output", "json")
    assert outcome.code is ExitCode.CONFIGURATION
    assert outcome.json["error"]["context"]["problems"][0]["key"] == "client_version"
    assert house.chain.requests == []
