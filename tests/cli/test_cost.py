"""The cost of a run, compared with the lamports that actually left the wallets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from solders.message import Message
from solders.pubkey import Pubkey

from psyche_cli.errors import ExitCode, Json
from psyche_cli.operations.observe.cost import price_of
from psyche_cli.operations.observe.epoch_fees import fees_by_epoch
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.protocol.run_states import RunState
from psyche_cli.solana.messages import decode_message
from psyche_cli.solana.money import MoneyEffects
from psyche_cli.solana.rpc.whole_transactions import LedgerTransaction
from tests.cli.conftest import House
from tests.cli.harness import address_of
from tests.cli.test_money import FEE, balance, rent
from tests.cli.test_refusals import refused
from tests.cli.test_update_config import with_checkpoint

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
    assert data["fees_per_epoch_lamports"] is None  # the program did not log that an epoch ended
    assert [(one["epoch"], one["lamports"], one["complete"]) for one in data["fees_by_epoch"]] == [
        (2, data["fees_lamports"], False)
    ]
    length = house.dump()["coordinator_account"]["setup"]["model"]["LLM"]["max_seq_len"]
    assert (data["trained_sequences"], data["trained_tokens"]) == (1_000, 1_000 * length)
    assert data["rewards"]["earned"]["amount"] == 3
    assert data["rewards"]["earned_per_million_tokens"] == pytest.approx(3 * 1e6 / (1_000 * length), rel=1e-11)
    shown = house.cli(*COST).stdout
    assert "which cannot be recovered" in shown
    assert "earned per million tokens" in shown


def funds(house: House) -> int:
    return sum(house.chain.rpc.balance(address_of(wallet)) for wallet in (house.owner, house.stranger))


def test_a_played_run_by_hand(house: House) -> None:
    """Two epochs of three steps, each of four sequences of 256 tokens, with two members that share 12 tokens."""
    house.run(treasurer=True)
    short = with_checkpoint(house.cli.home, 'Hub]\nrepo_id = "a/b"', epoch_time=15)
    house.cli.json("update-config", *RUN, "--config-path", short)
    house.cli.json("set-future-epoch-rates", *RUN, "--earning-rate", "12")
    house.cli.json("treasurer-top-up-rewards", *RUN, "--collateral-amount", "30.5")
    house.cli.json("set-paused", *RUN, "--resume")
    fees = [2 * FEE + 5 * FEE]  # the creation has two signatures
    for _ in range(2):
        before = funds(house)
        house.play_epoch(house.owner, house.stranger)
        fees.append(before - funds(house))
    fees[:2] = [fees[0] + fees[1] - rent(108) - FEE]  # less the authorization, which is not the run's
    house.cli.json("treasurer-top-up-rewards", *RUN, "--collateral-amount", "19.5")
    house.cli.json("treasurer-claim-rewards", *RUN, "-w", house.stranger)
    fees.append(2 * FEE)
    outcome = house.cli(*COST, "--output", "json")
    data = outcome.data
    assert [(one["epoch"], one["lamports"], one["complete"]) for one in data["fees_by_epoch"]] == [
        (0, fees[0], True),
        (1, fees[1], True),
        (2, fees[2], True),
    ]
    assert data["fees_lamports"] == sum(fees) == sum(payer["lamports"] for payer in data["fees"])
    assert data["fees_per_epoch_lamports"] == (fees[0] + fees[1]) // 2
    assert data["transactions"] == sum(one["transactions"] for one in data["fees_by_epoch"])
    assert (data["epochs"], data["trained_sequences"], data["trained_tokens"]) == (2, 2 * 3 * 4, 6144)
    rewards = data["rewards"]
    assert (rewards["topped_up"]["amount"], rewards["top_ups"]) == (50, 2)
    assert (rewards["earned"]["amount"], rewards["paid"]["amount"]) == (24, 12)
    assert rewards["earned_per_million_tokens"] == 24e6 / 6144 == 3906.25
    assert (rewards["paid_per_million_tokens"], rewards["paid_per_trained_token"]) == (1953.125, 0.001953125)
    shown = house.cli(*COST).stdout
    assert "50, 2 top-ups" in shown
    assert "1953.125" in shown
    newest = house.cli.json(*COST, "--transactions", "7")["fees_by_epoch"]
    assert [(one["epoch"], one["transactions"], one["complete"]) for one in newest] == [(1, 5, False), (2, 2, True)]
    assert newest[1]["lamports"] == fees[2]


def test_what_only_the_coordinator_logged_ends_an_epoch() -> None:
    program, other = PUBLISHED.coordinator, PUBLISHED.treasurer
    ended = "Program log: Epoch end, sucecsss: true"

    def transaction(*logs: str, err: Json = None) -> LedgerTransaction:
        message = decode_message(bytes(Message([], Pubkey.default())))
        return LedgerTransaction(message, 1, None, err, logs, 10, None, MoneyEffects((), ()))

    within = (f"Program {program} invoke [1]", ended, f"Program {program} success")
    elsewhere = (f"Program {other} invoke [1]", *within, ended, f"Program {other} success", ended)
    counted = [
        transaction(),
        transaction(f"Program {other} invoke [1]", ended, f"Program {other} failed: x", *within[:1], within[2]),
        transaction(*within, err="failed"),
        transaction(f"Program {program} invoke [1]", f"Program {other} invoke [2]", ended),
        transaction(*elsewhere),
        transaction(*within),
    ]
    found = fees_by_epoch(counted, current=2, complete=True, coordinator=program)
    assert [(one.epoch, one.transactions, one.lamports, one.complete) for one in found] == [
        (0, 1, 10, True),
        (1, 1, 10, True),
        (2, 4, 40, True),
    ]
    assert fees_by_epoch(counted, current=1, complete=True, coordinator=program) == []
    [oldest, *_] = fees_by_epoch(counted, current=3, complete=True, coordinator=program)
    assert (oldest.epoch, oldest.complete) == (1, False)
    lost = fees_by_epoch([counted[4], None, counted[5]], current=2, complete=True, coordinator=program)
    assert [(one.epoch, one.transactions, one.complete) for one in lost] == [(1, 1, False), (2, 0, True)]


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
    assert "+".join(house.chain.requests[before:]).count("getTransaction") == count
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
    found = price_of(base_units, decimals, tokens, per=1_000_000)
    assert found == (None if price is None else Decimal(price))
