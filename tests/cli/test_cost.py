"""The cost of a run, compared with the lamports that actually left the wallets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.operations.observe.cost import price_per_million
from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import House
from tests.cli.harness import address_of
from tests.cli.test_money import FEE, balance, rent
from tests.cli.test_refusals import refused

RUN = ("--run-id", "test")
COST = ("cost", *RUN)


def test_rent_and_fees_are_what_the_wallet_paid(house: House, owner_address: str) -> None:
    before = balance(house)
    house.run()
    house.cli.json("set-paused", *RUN, "--resume")
    data = house.cli.json(*COST)
    assert data["rent_lamports"] == rent(119_160, 173)
    assert [item["account"] for item in data["rent"]] == ["coordinator account", "coordinator instance"]
    assert data["fees"] == [{"signer": owner_address, "transactions": 3, "lamports": 4 * FEE}]  # two signed the first
    assert balance(house) == before - data["rent_lamports"] - data["fees_lamports"]
    assert (data["rent_recoverable"], data["complete"], data["transactions"]) == (True, True, 3)
    assert (data["epochs"], data["fees_per_epoch_lamports"], data["trained_tokens"]) == (0, None, 0)
    assert data["rewards"] is None


def test_each_signer_has_its_fees_and_rewards_have_their_price(house: House) -> None:
    house.run(treasurer=True)
    house.cli.json("set-paused", *RUN, "--resume")
    house.join(house.stranger)

    def train(image: Any) -> None:
        image.state.coordinator.progress.epoch = 2
        image.state.coordinator.progress.epoch_start_data_index = 1_000
        image.state.clients_state.clients.data[0].earned = 3_000_000

    house.edit(train)
    data = house.cli.json(*COST)
    assert data["rent_lamports"] == rent(119_160, 173, 200, 165)
    assert data["rent_recoverable"] is False
    fees = {payer["signer"]: (payer["transactions"], payer["lamports"]) for payer in data["fees"]}
    assert fees[str(address_of(house.stranger))] == (1, FEE)
    assert data["fees_per_epoch_lamports"] == data["fees_lamports"] // 2
    length = house.dump()["coordinator_account"]["setup"]["model"]["LLM"]["max_seq_len"]
    assert (data["trained_sequences"], data["trained_tokens"]) == (1_000, 1_000 * length)
    assert data["rewards"]["earned"]["amount"] == 3
    assert data["rewards"]["earned_per_million_tokens"] == pytest.approx(3 * 1e6 / (1_000 * length), rel=1e-11)
    shown = house.cli(*COST).stdout
    assert "which cannot be recovered" in shown
    assert "earned per million tokens" in shown


def test_an_epoch_under_way_counts_its_rounds(house: House) -> None:
    house.run()

    def train(image: Any) -> None:
        epoch = image.state.coordinator.epoch_state
        epoch.rounds_head = 1
        epoch.rounds[1].data_index = 77
        image.state.coordinator.run_state.value = RunState.ROUND_TRAIN

    house.edit(train)
    assert house.cli.json(*COST)["trained_sequences"] == 77


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fees_of_the_newest_transactions_only(house: House, count: int) -> None:
    house.run()
    before = len(house.chain.requests)
    outcome = house.cli(*COST, "--transactions", count, "--output", "json")
    assert house.chain.requests[before:].count("getTransaction") == count
    assert (outcome.data["transactions"], outcome.data["complete"]) == (count, count == 2)
    assert ["incomplete" in warning for warning in outcome.json["warnings"]] == [True] * (count < 2)


def test_what_cannot_be_asked(house: House) -> None:
    refused(house, ExitCode.NOT_FOUND, *COST)
    refused(house, ExitCode.USAGE, *COST, "--transactions", "-1")


@pytest.mark.parametrize(
    ("base_units", "decimals", "tokens", "price"),
    [(5, 0, 0, None), (0, 6, 10, "0"), (1_500_000, 6, 1_000_000, "1.5"), (1, 0, 3, "333333.333333")],
)
def test_the_price_of_a_million_tokens(base_units: int, decimals: int, tokens: int, price: str | None) -> None:
    found = price_per_million(base_units, decimals, tokens)
    assert found == (None if price is None else Decimal(price))
