"""The alias run-authorizer: arguments, options and defaults."""

from __future__ import annotations

import pytest

from psyche_cli.errors import ExitCode
from tests.cli.conftest import House
from tests.cli.harness import address_of


def test_the_default_is_everyone_on_a_local_validator_with_the_default_keypair(house: House) -> None:
    default = house.cli.home / ".config" / "solana" / "id.json"
    default.parent.mkdir(parents=True)
    default.write_text(house.owner.read_text())
    outcome = house.cli("run-authorizer", "--output", "json", variables={"WALLET_PRIVATE_KEY_PATH": ""})
    assert outcome.data["grantor"] == str(address_of(house.owner))
    assert outcome.data["permissionless"] is True


@pytest.mark.parametrize("form", ["words", "options"])
def test_arguments_and_options_are_equivalent(house: House, form: str) -> None:
    settings = {"rpc": "http://127.0.0.1:1", "grantor": house.stranger, "grantee": address_of(house.owner)}
    if form == "words":
        words = [f"{name}={value}" for name, value in settings.items()]
    else:
        words = [str(word) for name, value in settings.items() for word in (f"--{name}", value)]
    made = house.cli.json("run-authorizer", *words)
    assert made["grantor"] == str(address_of(house.stranger))
    assert made["grantee"] == str(address_of(house.owner))


def test_a_grantee_may_be_a_keypair_file(house: House) -> None:
    made = house.cli.json("run-authorizer", f"grantee={house.stranger}")
    assert made["grantee"] == str(address_of(house.stranger))


def test_arguments_override_variables(house: House) -> None:
    variables = {"RPC": "http://127.0.0.1:2", "WALLET_PRIVATE_KEY_PATH": str(house.owner)}
    outcome = house.cli(
        "run-authorizer", "rpc=http://127.0.0.1:1", f"grantor={house.stranger}", "--output", "json", variables=variables
    )
    assert outcome.data["grantor"] == str(address_of(house.stranger))
    assert house.cli.json("run-authorizer")["grantor"] == str(address_of(house.owner))


@pytest.mark.parametrize("words", [("rpc=a", "--rpc", "b"), ("grantee=a", "grantee=b"), ("nonsense=1",), ("word",)])
def test_invalid_settings(house: House, words: tuple[str, ...]) -> None:
    assert house.cli("run-authorizer", *words).code is ExitCode.USAGE


def test_a_setting_may_not_be_empty(house: House) -> None:
    for words in (("grantee=",), ("--grantee", ""), ("grantor=",), ("--grantor", ""), ("rpc=",), ("--rpc", "")):
        assert house.cli("run-authorizer", *words).code is ExitCode.USAGE
    assert house.chain.sent == 0


def test_the_options_of_commands_that_write(house: House) -> None:
    words = ("run-authorizer", f"grantor={house.stranger}", f"grantee={address_of(house.owner)}")
    predicted = house.cli.json(*words, "--dry-run")
    [transaction] = predicted["transactions"]
    assert (transaction["simulated"], transaction["compared"]) == (True, True)
    exported = house.cli.json(*words, "--unsigned")
    assert exported["authority"] == str(address_of(house.stranger))
    assert house.chain.sent == 0
    made = house.cli(
        *words, "--priority-fee", "1000", "--commitment", "finalized", "--timeout", "60", "--output", "json"
    )
    assert made.data["created"] is True
    [receipt] = made.json["transactions"]
    assert receipt["fee_lamports"] > 5000
    [record] = house.cli.json("tx", "list", "--all")["transactions"]
    assert (record["command"], record["wallet"]) == ("run-authorizer", str(address_of(house.stranger)))


def test_the_configuration_of_the_solana_cli_does_not_choose_the_cluster(house: House) -> None:
    config = house.cli.home / ".config" / "solana" / "cli" / "config.yml"
    config.parent.mkdir(parents=True)
    config.write_text("json_rpc_url: http://127.0.0.1:3\n")
    outcome = house.cli("run-authorizer", "--dry-run", variables={"RUN_ID": "test"})
    assert outcome.code is ExitCode.OK
    assert "127.0.0.1:3" not in outcome.stderr


def test_another_key_than_that_in_the_environment_is_refused(house: House) -> None:
    raw = {"RAW_WALLET_PRIVATE_KEY": house.owner.read_text()}
    for word in ((f"grantor={house.stranger}",), ("--grantor", house.stranger)):
        assert house.cli("run-authorizer", *word, variables=raw).code is ExitCode.USAGE
