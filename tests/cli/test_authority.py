"""Who controls a run and its programs."""

from __future__ import annotations

from typing import Any

import pytest
from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.errors import ExitCode
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.deployments import ProgramDataHeader, program_data_address
from psyche_cli.solana.programs import UPGRADEABLE_LOADER
from tests.cli.conftest import House
from tests.cli.harness import address_of
from tests.cli.test_refusals import refused

CHECK = ("authority", "check", "--run-id", "test")


@pytest.mark.parametrize("treasurer", [False, True], ids=["plain", "treasurer"])
def test_the_owner_of_a_run(house: House, owner_address: str, treasurer: bool) -> None:
    slot = house.chain.rpc.chain_position().slot
    house.run(treasurer=treasurer)
    house.cli.json("set-paused", "--run-id", "test", "--resume")
    data = house.cli.json(*CHECK)
    assert data["main_authority"] == data["join_authority"] == data["wallet"] == owner_address
    assert data["wallet_is_main_authority"] is data["wallet_is_join_authority"] is True
    assert (data["treasurer"] is not None) is treasurer
    assert slot <= data["created_slot"] <= house.chain.rpc.chain_position().slot
    assert [program["name"] for program in data["programs"]] == ["coordinator", "authorizer", "treasurer"]
    assert ("close" in {item["what"] for item in data["unchangeable"]}) is treasurer
    shown = house.cli(*CHECK).stdout
    assert f"The wallet {owner_address} is the main authority and the join authority of run test." in shown


def test_another_wallet_and_none(house: House) -> None:
    stranger = address_of(house.stranger)
    house.cli.json("create-run", "--run-id", "test", "--join-authority", stranger)
    data = house.cli.json(*CHECK, "-w", house.stranger)
    assert (data["wallet_is_main_authority"], data["wallet_is_join_authority"]) == (False, True)
    house.cli.variables.clear()
    data = house.cli.json(*CHECK)
    assert (data["wallet"], data["wallet_is_main_authority"]) == (None, None)
    refused(house, ExitCode.WALLET, *CHECK, "-w", "/nonexistent")
    refused(house, ExitCode.NOT_FOUND, "authority", "check", "--run-id", "other")


def test_a_run_id_that_is_used_again_has_the_slot_of_the_present_run(house: House) -> None:
    house.run(configured=False)
    first = house.cli.json(*CHECK)["created_slot"]
    house.cli.json("close-run", "--run-id", "test", "--yes")
    house.cli.json("localnet", "warp", "--slots", "50")
    house.run()
    assert house.cli.json(*CHECK)["created_slot"] > first + 49


def deploy(house: House, name: str, slot: int, authority: Pubkey | None) -> None:
    """Make a program look as if it was deployed in this slot."""
    bank = house.chain.dispatcher.context.bank
    address = program_data_address(getattr(PUBLISHED, name))
    existing = bank.accounts.get(address)
    assert existing is not None
    header = ProgramDataHeader(slot, authority).pack()
    data = header + existing.data[len(header) :]
    bank.set_account(address, Account(existing.lamports, data, UPGRADEABLE_LOADER))


def test_a_program_that_was_upgraded_since(house: House, owner_address: str) -> None:
    house.run()
    created = house.cli.json(*CHECK)["created_slot"]
    deploy(house, "coordinator", created + 1, address_of(house.owner))
    deploy(house, "authorizer", created, address_of(house.stranger))
    deploy(house, "treasurer", created, None)
    outcome = house.cli(*CHECK, "--output", "json")
    programs: dict[str, Any] = {program["name"]: program for program in outcome.data["programs"]}
    assert programs["coordinator"]["upgrade_authority"] == owner_address
    names = ("upgradeable", "wallet_is_upgrade_authority", "last_deploy_slot", "deployed_after_creation")
    assert {name: tuple(program[key] for key in names) for name, program in programs.items()} == {
        "coordinator": (True, True, created + 1, True),
        "authorizer": (True, False, created, False),
        "treasurer": (False, False, created, False),
    }
    [warning] = outcome.json["warnings"]
    assert "coordinator" in warning
    shown = house.cli(*CHECK).stdout
    assert f"upgrade authority {owner_address} (the wallet), last deployed in slot {created + 1}" in shown
    assert "cannot be upgraded" in shown
