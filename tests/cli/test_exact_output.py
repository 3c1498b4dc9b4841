"""Numbers beyond 2^53 in the output of commands."""

from __future__ import annotations

from typing import Any

from psyche_cli.protocol.addresses import treasurer_index
from tests.cli.conftest import House


def test_the_treasurer_index_of_a_dump(house: House) -> None:
    house.run(treasurer=True)
    treasurer = house.dump()["treasurer_run"]
    assert treasurer["index"] == treasurer_index("test")
    assert treasurer["index_string"] == str(treasurer_index("test")) == "7313085519096743583"


def test_the_index_always_has_a_string(house: House) -> None:
    mint = house.new_mint()
    words = ("--run-id", "test", "--treasurer-index", "1")
    created = house.cli.json("create-run", *words, "--treasurer-collateral-mint", mint)
    assert created["treasurer"]["index_string"] == "1"
    assert house.cli("json-dump-run", *words).json["treasurer_run"]["index_string"] == "1"


def test_amounts_beyond_doubles(house: House) -> None:
    mint = house.new_mint(decimals=9, amount="18446744073.709551615")
    house.cli.json("create-run", "--run-id", "test", "--treasurer-collateral-mint", mint)
    words = ("treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount")
    data = house.cli.json(*words, "18446744073.709551614")
    assert data["transferred"]["base_units_string"] == "18446744073709551614"
    assert data["transferred"]["amount_string"] == "18446744073.709551614"
    assert data["vault_balance"] == data["transferred"]
    treasurer = house.dump()["treasurer_run"]
    assert treasurer["funded_collateral_amount_string"] == "18446744073.709551614"
    refused = house.cli(*words, "9007199.254740993", "--output", "json").json["error"]["context"]
    assert refused["amount_string"] == str(2**53 + 1)
    assert "balance_string" not in refused
    rates = house.cli.json("set-future-epoch-rates", "--run-id", "test", "--earning-rate", "9007199.254740993")
    assert rates["earning_rate_total_shared"]["base_units_string"] == str(2**53 + 1)
    rates = house.dump()["coordinator_account"]["epoch"]["rates"]["future"]
    assert rates == {"earning": 2**53 + 1, "earning_string": str(2**53 + 1), "slashing": 0}


def test_points_lamports_and_metadata_beyond_doubles(house: House, owner_address: str) -> None:
    house.run()
    huge = 2**64 - 1
    changed = house.cli.json("update-config", "--run-id", "test", "--num-parameters", huge)["changed"]
    assert changed[0]["after_string"] == str(huge)

    def change(image: Any) -> None:
        clients = image.state.clients_state.clients
        clients.len = 1
        clients.data[0].earned = huge

    house.edit(change)
    account = house.dump()["coordinator_account"]
    assert account["setup"]["metadata"]["num_parameters_string"] == str(huge)
    assert account["accounting"]["sum_earned_string"] == str(huge)
    [client] = account["clients"].values()
    assert client["earned_string"] == str(huge)
    assert "active_string" not in client


def test_a_dump_with_small_numbers_has_only_the_published_keys(house: House) -> None:
    house.run()

    def keys(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [*value, *(key for inner in value.values() for key in keys(inner))]
        return [key for inner in value for key in keys(inner)] if isinstance(value, list) else []

    shown = keys(house.dump())
    assert "num_parameters" in shown
    assert not [key for key in shown if key.endswith("_string")]
