"""Whether a key can join: the answer matches the program's response to a real attempt, and lists every reason."""

from __future__ import annotations

from typing import Any

import pytest
from solders.pubkey import Pubkey

from psyche_cli.errors import ExitCode, PsycheError
from psyche_cli.protocol.addresses import ANYONE, authorization_address
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import House
from tests.cli.harness import address_of
from tests.cli.test_refusals import refused
from tests.cli.test_suggestions import RUN, running


def ask(house: House, *words: object) -> tuple[bool, list[str]]:
    """The answer for the stranger and its reasons. Checks that the exit code agrees."""
    question = ("can-join", *RUN, "--address", address_of(house.stranger), *words)
    human, outcome = house.cli(*question), house.cli(*question, "--output", "json")
    document = outcome.json
    assert document["ok"] is True
    answer = document["data"]["can_join"]
    assert document["exit_code"] == human.code == outcome.code == (ExitCode.OK if answer else ExitCode.NO)
    for reason in document["data"]["reasons"]:
        assert reason["message"] in human.stdout
    return answer, [reason["reason"] for reason in document["data"]["reasons"]]


def joins(house: House, grantee: Pubkey) -> bool:
    """Whether the program lets the stranger join with the authorization for a grantee."""
    instance, user = house.instance(), address_of(house.stranger)
    join = Instructions().join_run(
        user=user,
        authorization=authorization_address(address_of(house.owner), grantee),
        instance=instance.address,
        account=instance.coordinator_account,
        p2p_identity=bytes(32),
    )
    try:
        house.send(join, wallet=house.stranger)
    except PsycheError:
        return False
    return True


def test_everyone_may_join(house: House) -> None:
    running(house)
    assert ask(house) == (False, ["not_authorized"])
    assert not joins(house, ANYONE)
    house.cli.json("join-authorization-create", "--permissionless")
    assert ask(house) == (True, [])
    assert joins(house, ANYONE)
    assert ask(house) == (True, [])  # again, for the same epoch


def test_the_key_itself_is_authorized(house: House) -> None:
    running(house)
    key = address_of(house.stranger)
    house.cli.json("join-authorization-create", "--authorizer", key)
    assert ask(house) == (True, [])
    house.cli.json("join-authorization-delete", "--authorizer", key)
    assert ask(house) == (False, ["not_authorized"])
    assert not joins(house, key)
    assert "inactive" in house.cli("can-join", *RUN, "--address", key).stdout


def test_the_delegate_of_another_key(house: House) -> None:
    running(house)
    owner = address_of(house.owner)
    house.cli.json("join-authorization-create", "--authorizer", owner)
    assert ask(house, "--authorizer", owner) == (False, ["not_authorized"])
    assert not joins(house, owner)
    words = ("join-authorization-delegate", "--join-authority", owner, "--delegates-added", address_of(house.stranger))
    house.cli.json(*words)
    assert ask(house) == (False, ["not_authorized"])
    assert ask(house, "--authorizer", owner) == (True, [])
    assert joins(house, owner)


@pytest.mark.parametrize("state", RunState)
def test_the_states_of_a_run(house: House, state: RunState) -> None:
    running(house)
    house.cli.json("join-authorization-create", "--permissionless")
    house.enter(state)
    assert ask(house) == ((False, ["halted"]) if state.is_halted else (True, []))


def test_a_client_of_the_epoch(house: House) -> None:
    running(house)
    house.join(house.stranger)
    house.cli.json("localnet", "warp", "3")
    house.cli.json("tick", *RUN, "--count", "1")
    assert ask(house) == (False, ["in_epoch"])
    house.enter(RunState.WAITING_FOR_MEMBERS)  # the list of clients is that of the last epoch
    assert ask(house) == (True, [])


@pytest.mark.parametrize(("joined", "reason"), [(16, "more_clients_than_batches"), (256, "full"), (17, None)])
def test_a_run_that_takes_no_more_keys(house: House, joined: int, reason: str | None) -> None:
    running(house)
    house.cli.json("join-authorization-create", "--permissionless")
    house.edit(lambda image: setattr(image.state.clients_state.clients, "len", joined))
    assert ask(house) == (reason is None, [reason] if reason else [])
    assert joins(house, ANYONE) is (reason is None)
    if reason is None:
        assert ask(house) == (True, [])  # who is in the list may join again


def test_all_reasons_are_listed(house: House) -> None:
    running(house)

    def change(image: Any) -> None:
        image.state.clients_state.clients.len = 16
        image.state.coordinator.run_state.value = RunState.PAUSED

    house.edit(change)
    assert ask(house) == (False, ["not_authorized", "halted", "more_clients_than_batches"])


def test_what_cannot_be_asked(house: House) -> None:
    house.run()
    refused(house, ExitCode.USAGE, "can-join", *RUN, "--address", "x")
    refused(house, ExitCode.USAGE, "can-join", *RUN, "--address", "1" * 32, "--authorizer", "x")
    refused(house, ExitCode.NOT_FOUND, "can-join", "--run-id", "other", "--address", "1" * 32)


def test_it_takes_two_round_trips_and_no_wallet(house: House) -> None:
    running(house)
    house.cli.variables.clear()
    before = len(house.chain.requests)
    house.cli("can-join", *RUN, "--address", address_of(house.stranger))
    assert house.chain.requests[before:] == ["getMultipleAccounts"] * 2
