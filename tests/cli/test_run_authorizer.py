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
