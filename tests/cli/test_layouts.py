"""Runs whose coordinator account has another layout than v1, on a real validator: read by every verb, never changed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.errors import ExitCode
from psyche_cli.limits import CLAIMER_TREASURER_RUN_BYTES
from tests.cli.conftest import House
from tests.cli.harness import address_of
from tests.cli.test_refusals import refused
from tests.cli.writing_verbs import RUN, WRITING_VERBS
from tests.support.layout_images import BY_NAME, converted
from tests.support.relays import Relay

OTHERS = [name for name in BY_NAME if name != "v1"]
CHANGES_A_RUN = {
    title: verb for title, verb in WRITING_VERBS.items() if "--run-id" in verb.words and title != "create-run"
}
CLAIMER = str(Pubkey.from_bytes(bytes([7] * 32)))


def lay_out(house: House, name: str, run_id: str = "test") -> None:
    """Replace the coordinator account of a run, and the treasurer's Run if it has one, by those of another layout."""
    instance = house.instance(run_id)
    bank = house.chain.dispatcher.context.bank
    account = bank.accounts.get(instance.coordinator_account)
    assert account is not None
    data = converted(bytes(account.data), name)
    bank.set_account(instance.coordinator_account, Account(account.lamports, data, account.owner))
    treasurer = bank.accounts.get(instance.main_authority)
    if name == "v2-claimer" and treasurer is not None and len(treasurer.data) == 200:
        whole = bytes(treasurer.data)
        shorter = (whole[:49] + whole[81:193]).ljust(CLAIMER_TREASURER_RUN_BYTES, b"\0")
        bank.set_account(instance.main_authority, Account(treasurer.lamports, shorter, treasurer.owner))


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("title", CHANGES_A_RUN)
def test_no_verb_changes_such_a_run(house: House, title: str, name: str) -> None:
    verb = CHANGES_A_RUN[title]
    verb.prepare(house)
    lay_out(house, name)
    message = refused(house, ExitCode.ACCOUNT, *verb.words_in(house))
    assert f"has layout {name} ({BY_NAME[name].about}): it writes only layout v1." in message
    error = house.cli(*verb.words_in(house), "--output", "json").json["error"]
    assert error["code"] == "unsupported_layout"
    assert error["context"]["layout"] == name


@pytest.mark.parametrize("name", OTHERS)
def test_a_run_id_in_use_is_refused_whatever_the_layout(house: House, name: str) -> None:
    house.run()
    lay_out(house, name)
    message = refused(house, ExitCode.REFUSED, "create-run", *RUN)
    assert "already exists" in message


@pytest.mark.parametrize("treasurer", [False, True], ids=["owner", "treasurer"])
@pytest.mark.parametrize("name", OTHERS)
def test_a_run_is_dumped_and_named(house: House, owner_address: str, name: str, treasurer: bool) -> None:
    house.run(treasurer=treasurer)
    house.join(house.stranger)
    before = house.dump()
    lay_out(house, name)
    dump = house.dump()
    account, older = dump["coordinator_account"], before["coordinator_account"]
    assert "layout" not in older
    assert account.pop("layout") == name
    setup, old_setup = account.pop("setup"), older.pop("setup")
    clients = older["clients"]
    if name == "v2-claimer":
        clients = {key: {**client, "claimer": CLAIMER} for key, client in clients.items()}
    assert account == {**older, "clients": clients}
    assert setup["metadata"] == (None if name == "v2-dev" else old_setup["metadata"])
    assert setup["client_version"] == (None if name == "v0" else old_setup["client_version"])
    assert (setup["config"] == old_setup["config"]) is (name != "v0")
    if name in ("v1-reprc", "v2-dev"):
        assert setup["model"]["LLM"]["checkpoint"] == {"Hub": {"repo_id": "owner/model", "revision": None}}
    else:
        assert setup["model"] == old_setup["model"]
    assert (dump["treasurer_run"] is None) is (not treasurer)
    if treasurer:
        assert dump["treasurer_run"]["main_authority"] == owner_address
        assert dump["treasurer_run"]["join_authority"] == (None if name == "v2-claimer" else owner_address)


@pytest.mark.parametrize("name", OTHERS)
def test_a_member_is_dumped(house: House, name: str) -> None:
    house.run()
    house.join(house.stranger)
    words = ("json-dump-user", *RUN, "--address", address_of(house.stranger))
    before = house.cli(*words).json
    lay_out(house, name)
    dump = house.cli(*words).json
    assert dump["coordinator_account"].pop("layout") == name
    if name == "v2-claimer":
        assert dump["coordinator_account"]["client"].pop("claimer") == CLAIMER
    assert dump == before


class WithoutSpace(Relay):
    """A node that does not state the size of accounts, as old versions do."""

    def send(self, body: bytes, *, timeout: float) -> bytes:
        answer = json.loads(super().send(body, timeout=timeout))
        value: Any = answer.get("result")
        for account in value.get("value", []) if isinstance(value, dict) else []:
            if account is not None:
                del account["space"]
        return json.dumps(answer).encode()


@pytest.mark.parametrize("states_size", [True, False], ids=["space", "no space"])
def test_runs_are_listed_with_their_layouts(house: House, states_size: bool) -> None:
    for name in BY_NAME:
        house.cli.json("create-run", "--run-id", name, "--name", f"Run {name}")
        lay_out(house, name, name)
    cli = (
        house.cli
        if states_size
        else replace(house.cli, open_transport=lambda url: WithoutSpace(house.chain.transport(url)))
    )
    runs = {run["run_id"]: run for run in cli.json("list-runs")["runs"]}
    assert {run_id: run["layout"] for run_id, run in runs.items()} == {name: name for name in BY_NAME}
    assert {run_id: run["name"] for run_id, run in runs.items()} == {
        name: None if name == "v2-dev" else f"Run {name}" for name in BY_NAME
    }
    assert all(run["state"] == "Uninitialized" and run["total_steps"] == 0 for run in runs.values())
    assert "layout v2-dev" in cli("list-runs").stdout


@pytest.mark.parametrize("name", OTHERS)
def test_a_configuration_is_that_of_v1_or_refused(house: House, name: str) -> None:
    house.run()
    file = house.owner.parent / "run.toml"
    house.cli("config", "dump", *RUN, "--output-file", file)
    lay_out(house, name)
    verbs: list[tuple[object, ...]] = [("config", "dump", *RUN), ("config", "diff", *RUN, file)]
    for words in verbs:
        if BY_NAME[name].has_rules_of_v1:
            assert house.cli(*words).code in (ExitCode.OK, 1)
        else:
            assert f"has layout {name}" in refused(house, ExitCode.ACCOUNT, *words)


@pytest.mark.parametrize("byte", [2, 0x1F])
def test_a_checkpoint_in_neither_order_spoils_only_itself(house: House, tmp_path: Path, byte: int) -> None:
    house.run()
    house.edit(lambda image: setattr(image.state.coordinator.model.LLM.checkpoint, "tag", 2))
    house.edit(lambda image: setattr(image.state.coordinator.model.LLM.checkpoint.Hub.revision, "tag", byte))
    dump = house.dump()["coordinator_account"]
    llm = dump["setup"]["model"]["LLM"]
    assert llm.pop("checkpoint") is None
    assert f"at byte 440 has option tag {byte}, but it must be 0 or 1" in llm.pop("checkpoint_error")
    assert (dump["run_id"], dump["status"]["state"], llm["max_seq_len"] > 0) == ("test", "Uninitialized", True)
    address = house.instance().coordinator_account
    file = tmp_path / "account.bin"
    account = house.chain.rpc.account(address)
    assert account is not None
    file.write_bytes(account.data)
    [found] = json.loads(house.cli("decode", file).stdout)["accounts"]
    assert found["content"]["setup"]["model"]["LLM"]["checkpoint"] is None
    [full] = json.loads(house.cli("decode", file, "--full").stdout)["accounts"]
    assert "option tag" in full["content"]["state"]["coordinator"]["model"]["LLM"]["checkpoint_error"]
    assert house.cli("explain", *RUN).code is ExitCode.OK
    assert "option tag" in refused(house, ExitCode.ACCOUNT, "set-paused", *RUN, "--resume")


def test_a_tag_of_no_checkpoint_spoils_the_account(house: House) -> None:
    house.run()
    house.edit(lambda image: setattr(image.state.coordinator.model.LLM.checkpoint, "tag", 6))
    message = refused(house, ExitCode.ACCOUNT, "json-dump-run", *RUN)
    assert "has tag 6, but the highest tag is 5" in message


@pytest.mark.parametrize("name", OTHERS)
def test_a_run_is_explained_or_refused_by_name(house: House, name: str) -> None:
    house.run()
    lay_out(house, name)
    for verb in ("show", "explain", "members"):
        outcome = house.cli(verb, *RUN, "--output", "json")
        assert "Traceback" not in outcome.stderr
        if BY_NAME[name].has_rules_of_v1:
            assert outcome.code is ExitCode.OK
        elif outcome.code is not ExitCode.OK:
            assert outcome.json["error"]["code"] == "unsupported_layout"
