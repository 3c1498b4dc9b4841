"""The list of runs: filters, transferred bytes, and accounts that cannot be decoded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.errors import ExitCode
from psyche_cli.protocol.addresses import authorization_address
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.protocol.run_states import RunState
from psyche_cli.transport import Transport
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import address_of
from tests.cli.test_refusals import refused
from tests.support.relays import Relay


def listed(house: House, *words: object) -> dict[str, Any]:
    """The runs by id, in their order."""
    return {run["run_id"]: run for run in house.cli.json("list-runs", *words)["runs"]}


class Counting(Relay):
    """Counts the bytes of the answers."""

    def __init__(self, inner: Transport, sizes: list[int]) -> None:
        super().__init__(inner)
        self._sizes = sizes

    def send(self, body: bytes, *, timeout: float) -> bytes:
        answer = super().send(body, timeout=timeout)
        self._sizes.append(len(answer))
        return answer


def test_a_cluster_without_runs(house: House) -> None:
    assert listed(house) == {}


def test_what_is_listed(house: House, owner_address: str) -> None:
    house.run("plain")
    house.run("rewarded", treasurer=True)
    house.cli.json("create-run", "--run-id", "foreign", "--name", "Its name", "-w", house.stranger)
    house.cli.json("set-paused", "--run-id", "rewarded", "--resume")
    runs = listed(house)
    assert list(runs) == ["rewarded", "foreign", "plain"]  # what waits for members comes first
    dump = house.dump("rewarded")
    assert runs["rewarded"] == {
        "run_id": "rewarded",
        "coordinator_instance": dump["coordinator_instance"]["address"],
        "coordinator_account": dump["coordinator_account"]["address"],
        "main_authority": owner_address,
        "join_authority": owner_address,
        "treasurer": dump["treasurer_run"]["address"],
        "state": "Waiting for members",
        "layout": "v1",
        "name": "",
        "epoch": 0,
        "step": 1,
        "total_steps": 500,
        "problem": None,
    }
    assert (runs["foreign"]["state"], runs["foreign"]["name"]) == ("Uninitialized", "Its name")
    assert (runs["plain"]["treasurer"], runs["plain"]["main_authority"]) == (None, owner_address)
    shown = house.cli("list-runs").stdout
    assert "rewarded  Waiting for members, epoch 0, step 1 of 500, pays rewards" in shown


def test_the_filters(house: House, owner_address: str) -> None:
    house.run("plain")
    house.run("rewarded", treasurer=True)
    house.cli.json("create-run", "--run-id", "foreign", "-w", house.stranger)
    stranger = address_of(house.stranger)
    house.cli.json("create-run", "--run-id", "joint", "--join-authority", stranger)
    assert set(listed(house, "--mine")) == {"plain", "rewarded", "joint"}
    assert set(listed(house, "--mine", "-w", house.stranger)) == {"foreign"}
    assert set(listed(house, "--mine", "--address", stranger)) == {"foreign"}
    assert set(listed(house, "--authorizer", stranger)) == {"foreign", "joint"}
    assert set(listed(house, "--authorizer", stranger, "--mine")) == {"joint"}
    house.cli.json("set-paused", "--run-id", "plain", "--resume")
    for text in ("Waiting for members", "WaitingForMembers", "waiting-for-members"):
        assert set(listed(house, "--state", text)) == {"plain"}
    assert set(listed(house, "--state", "Uninitialized")) == {"rewarded", "foreign", "joint"}
    assert listed(house, "--state", "Finished") == {}
    # The variable is that of another verb's grantee.
    stray = house.cli("list-runs", "--output", "json", variables={"AUTHORIZER": "x", "ADDRESS": "x"})
    assert len(stray.data["runs"]) == 4


@pytest.mark.parametrize("state", RunState)
def test_every_state_can_be_asked_for(house: House, state: RunState) -> None:
    house.run()
    house.enter(state)
    for text in (state.variant, state.text):
        assert set(listed(house, "--state", text)) == {"test"}


def test_what_can_be_joined(house: House) -> None:
    stranger = address_of(house.stranger)
    for run_id in ("running", "paused"):
        house.run(run_id)
    house.cli.json("set-paused", "--run-id", "running", "--resume")
    words = ("--joinable", "-w", house.stranger)
    assert listed(house, *words) == {}
    house.cli.json("join-authorization-create", "--authorizer", stranger)
    assert set(listed(house, *words)) == {"running"}
    assert listed(house, "--joinable") == {}  # the owner's own key is not authorized
    house.cli.json("join-authorization-create", "--permissionless")
    assert set(listed(house, "--joinable")) == {"running"}


def delegate(house: House, *members: object, grantee: Path | None = None, grantor: Path | None = None) -> None:
    """Authorize ``grantee`` (by default the stranger), who appoints the members as delegates."""
    grantee, grantor = grantee or house.stranger, grantor or house.owner
    house.cli.json("join-authorization-create", "--authorizer", address_of(grantee), "-w", grantor)
    words = ("join-authorization-delegate", "--join-authority", address_of(grantor), "--delegates-added", *members)
    house.cli.json(*words, "-w", grantee)


def joinable_by(house: House, key: object) -> tuple[set[str], list[str]]:
    """The runs that a key may join, and the requests that find them."""
    before = len(house.chain.requests)
    found = set(listed(house, "--joinable", "--address", key))
    return found, house.chain.requests[before:]


def test_what_a_delegate_can_join(house: House) -> None:
    members = [Pubkey.from_bytes(bytes([number] * 32)) for number in range(1, 41)]
    house.run()
    house.cli.json("set-paused", "--run-id", "test", "--resume")
    delegate(house, *members)
    for member in (members[0], members[39]):  # the last one is beyond the first kilobyte
        found, requests = joinable_by(house, member)
        assert found == {"test"}
        assert requests == ["getProgramAccounts", "getMultipleAccounts", "getProgramAccounts"]
    assert joinable_by(house, Pubkey.default())[0] == set()
    assert joinable_by(house, address_of(house.stranger)) == ({"test"}, ["getProgramAccounts", "getMultipleAccounts"])
    house.cli.json("join-authorization-delete", "--authorizer", address_of(house.stranger))
    assert joinable_by(house, members[0])[0] == set()
    house.cli.json("join-authorization-create", "--permissionless")
    assert joinable_by(house, members[0]) == ({"test"}, ["getProgramAccounts", "getMultipleAccounts"])
    house.cli.json("set-paused", "--run-id", "test")
    assert joinable_by(house, members[0]) == (set(), ["getProgramAccounts", "getMultipleAccounts"])


@pytest.mark.parametrize("most", [10, 1])
def test_delegates_of_several_join_authorities(house: House, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr("psyche_cli.operations.observe.list_runs._MOST_SEARCHES", most)
    member, stranger = Pubkey.from_bytes(bytes([7] * 32)), address_of(house.stranger)
    house.run("of-owner")
    house.cli.json("create-run", "--run-id", "of-stranger", "--join-authority", stranger)
    house.cli.json("update-config", "--run-id", "of-stranger", "--config-path", MINIMAL)
    for run_id in ("of-owner", "of-stranger"):
        house.cli.json("set-paused", "--run-id", run_id, "--resume")
    search = "getProgramAccounts+getProgramAccounts" if most == 10 else "getProgramAccounts"
    assert joinable_by(house, member) == (set(), ["getProgramAccounts", "getMultipleAccounts", search])
    delegate(house, member, grantee=house.owner, grantor=house.stranger)
    assert joinable_by(house, member)[0] == {"of-stranger"}
    delegate(house, member)
    assert joinable_by(house, member)[0] == {"of-owner", "of-stranger"}
    bank = house.chain.dispatcher.context.bank
    address = authorization_address(address_of(house.owner), stranger)
    account = bank.accounts.get(address)
    assert account is not None
    bank.set_account(address, Account(account.lamports, bytes(account.data)[:120], account.owner))
    assert joinable_by(house, member)[0] == {"of-stranger"}


def test_fifty_grantees_are_tens_of_kilobytes(house: House, tmp_path: Path) -> None:
    keys = tmp_path / "keys.csv"
    keys.write_text("\n".join(str(Pubkey.from_bytes(bytes([number] * 32))) for number in range(1, 51)))
    house.cli.json("join-authorization-create", "--from", keys)
    house.run()
    house.cli.json("set-paused", "--run-id", "test", "--resume")
    sizes: list[int] = []
    cli = replace(house.cli, open_transport=lambda url: Counting(house.chain.transport(url), sizes))
    assert cli.json("list-runs", "--joinable", "--address", Pubkey.default())["runs"] == []
    assert sum(sizes) < 40_000, sizes


def test_the_runs_of_another_deployment(house: House) -> None:
    house.run()
    house.run("moved", treasurer=True)
    other = Pubkey.from_bytes(bytes([9] * 32))
    bank = house.chain.dispatcher.context.bank
    instance = house.instance("moved")
    for address in (instance.address, instance.coordinator_account):
        account = bank.accounts.get(address)
        assert account is not None
        bank.set_account(address, Account(account.lamports, bytes(account.data), other))
    words = ("list-runs", "--coordinator-program-id", other)
    data = house.cli.json(*words)
    [run] = data["runs"]
    assert (data["coordinator_program"], run["run_id"], run["state"]) == (str(other), "moved", "Uninitialized")
    assert run["treasurer"] is not None
    assert set(listed(house)) == {"test"}
    assert house.cli.json("list-runs")["coordinator_program"] == str(PUBLISHED.coordinator)
    refused(house, ExitCode.USAGE, "list-runs", "--coordinator-program-id", "x")


def test_fifty_runs_take_two_round_trips_and_tens_of_kilobytes(house: House) -> None:
    for number in range(50):
        house.cli.json("create-run", "--run-id", f"run-{number}", "--name", f"Run number {number}")
    house.run("configured")
    sizes: list[int] = []
    cli = replace(house.cli, open_transport=lambda url: Counting(house.chain.transport(url), sizes))
    assert len(cli.json("list-runs")["runs"]) == 51
    assert len(sizes) == 2
    assert sum(sizes) < 60_000, sizes


def test_more_than_a_hundred_accounts_take_another_call(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psyche_cli.solana.rpc.client.ACCOUNTS_PER_CALL", 2)
    for number in range(5):
        house.run(f"run-{number}", configured=False)
    before = len(house.chain.requests)
    assert len(listed(house)) == 5
    assert house.chain.requests[before:] == ["getProgramAccounts", *["getMultipleAccounts"] * 3]


def test_an_account_that_cannot_be_read_is_listed_with_the_reason(house: House) -> None:
    for run_id in ("good", "version", "short", "gone", "state"):
        house.run(run_id)
    house.edit(lambda image: setattr(image, "version", 2), "version")
    house.edit(lambda image: setattr(image.state.coordinator.run_state, "value", 99), "state")
    bank = house.chain.dispatcher.context.bank
    for run_id, size in (("short", 500), ("gone", 0)):
        account = house.instance(run_id).coordinator_account
        found = bank.accounts.get(account)
        assert found is not None
        bank.set_account(account, Account(found.lamports, bytes(found.data)[:size], found.owner))
    runs = listed(house)
    assert runs["good"]["problem"] is None
    problems = {run_id: run["problem"] for run_id, run in runs.items() if run["problem"]}
    assert set(problems) == {"version", "short", "gone", "state"}
    assert all(runs[run_id]["state"] is None for run_id in problems)
    assert "version 2" in problems["version"]
    assert set(listed(house, "--mine")) == set(runs)
    assert set(listed(house, "--state", "Uninitialized")) == {"good"}


def test_no_wallet_is_needed_unless_asked_for(house: House) -> None:
    house.run()
    house.cli.variables.clear()
    assert set(listed(house)) == {"test"}
    refused(house, ExitCode.WALLET, "list-runs", "--mine")
    refused(house, ExitCode.USAGE, "list-runs", "--state", "asleep")
    refused(house, ExitCode.USAGE, "list-runs", "--authorizer", "x")
    refused(house, ExitCode.USAGE, "list-runs", "--mine", "--address", "x")


def test_the_node_compares_the_join_authority(house: House, owner_address: str) -> None:
    bodies: list[Any] = []

    class Recording(Counting):
        def send(self, body: bytes, *, timeout: float) -> bytes:
            bodies.append(json.loads(body))
            return super().send(body, timeout=timeout)

    cli = replace(house.cli, open_transport=lambda url: Recording(house.chain.transport(url), []))
    cli.json("list-runs", "--authorizer", owner_address)
    filters = bodies[0]["params"][1]["filters"]
    assert {"dataSize": 173} in filters
    assert {"memcmp": {"offset": 41, "bytes": owner_address}} in filters
    assert len(bodies) == 1  # nothing to read further
