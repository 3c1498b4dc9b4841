"""``--priority-fee`` and ``--max-fee`` on real commands: what is sent, what it costs, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from solders.compute_budget import ID as COMPUTE_BUDGET
from solders.message import Message
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import Transaction

from psyche_cli.errors import ExitCode
from psyche_cli.limits import MAX_TRANSACTION_BYTES
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import address_of
from tests.cli.test_life import largest_config
from tests.cli.test_round_trips import LANDED, READ, SEND, SIMULATE, requests_of

SET_UNITS, SET_PRICE = 2, 3


def sent_transactions(house: House, answer: Any) -> list[Transaction]:
    """The transactions of a result, from the ledger."""
    history = house.chain.dispatcher.context.bank.history
    found = []
    for one in answer["transactions"]:
        record = history.find(Signature.from_string(one["signature"]))
        assert record is not None
        assert len(record.raw) <= MAX_TRANSACTION_BYTES
        found.append(Transaction.from_bytes(record.raw))
    return found


def budget_of(message: Message) -> dict[int, int]:
    keys = message.account_keys
    return {
        bytes(one.data)[0]: int.from_bytes(bytes(one.data)[1:], "little")
        for one in message.instructions
        if keys[one.program_id_index] == COMPUTE_BUDGET
    }


def answer_of(house: House, *words: object, **settings: Any) -> Any:
    outcome = house.cli(*words, "--output", "json", **settings)
    assert outcome.code is ExitCode.OK, outcome.stderr
    return outcome.json


def test_each_writing_command_pays_a_given_price(house: House) -> None:
    fee = ("--priority-fee", "50000")
    mint = house.new_mint()
    words: list[tuple[object, ...]] = [
        ("create-run", "--run-id", "test", "--treasurer-collateral-mint", mint),
        ("update-config", "--run-id", "test", "--config-path", MINIMAL),
        ("set-future-epoch-rates", "--run-id", "test", "--earning-rate", "5"),
        ("set-paused", "--run-id", "test", "--resume"),
        ("treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount", "5"),
        ("join-authorization-create", "--permissionless"),
        ("join-authorization-delete", "--permissionless"),
        ("join-authorization-close", "--permissionless"),
    ]
    for command in words:
        answer = answer_of(house, *command, *fee)
        [transaction] = sent_transactions(house, answer)
        budget = budget_of(transaction.message)
        assert budget[SET_PRICE] == 50_000
        assert 1_000 < budget[SET_UNITS] < 200_000, command
        [receipt] = answer["transactions"]
        assert receipt["priority_fee_lamports"] == -(-budget[SET_UNITS] * 50_000 // 1_000_000)
        signatures = transaction.message.header.num_required_signatures
        assert receipt["fee_lamports"] == 5_000 * signatures + receipt["priority_fee_lamports"]


def test_without_the_option_no_message_sets_a_price_or_a_limit(house: House) -> None:
    answer = answer_of(house, "create-run", "--run-id", "test")
    [transaction] = sent_transactions(house, answer)
    assert budget_of(transaction.message) == {}
    assert answer["transactions"][0]["priority_fee_lamports"] == 0


def test_the_default_limits_suffice_for_every_instruction(house: House) -> None:
    """Without a price no limit is set, so each instruction has 200,000 units; create-run needs no heap either."""
    house.run(treasurer=True)
    history = house.chain.dispatcher.context.bank.history
    for record in history.records():
        assert record.units < 200_000


def test_auto_costs_one_round_trip_more_and_says_why(house: House) -> None:
    run = ("--run-id", house.run())
    trial = "simulateTransaction+getRecentPrioritizationFees"
    rates = ("set-future-epoch-rates", *run, "--earning-rate")
    assert requests_of(house, *rates, "6", "--priority-fee", "auto") == [READ, READ, trial, SIMULATE, SEND, LANDED]
    given = [READ, READ, "simulateTransaction", SIMULATE, SEND, LANDED]
    assert requests_of(house, *rates, "7", "--priority-fee", "2000") == given
    outcome = house.cli(*rates, "8", "--priority-fee", "auto")
    [line] = [line for line in outcome.stderr.splitlines() if line.startswith("Priority fee: ")]
    assert line.endswith("recent slots, at least 1000).")


def test_the_variable_sets_a_default_that_the_option_overrides(house: House) -> None:
    run = ("--run-id", house.run())
    variables = {"PSYCHE_CLI_PRIORITY_FEE": "3000"}
    rates = ("set-future-epoch-rates", *run, "--earning-rate")
    for words, price in (((*rates, "1"), 3_000), ((*rates, "2", "--priority-fee", "4000"), 4_000)):
        [transaction] = sent_transactions(house, answer_of(house, *words, variables=variables))
        assert budget_of(transaction.message)[SET_PRICE] == price
    [transaction] = sent_transactions(house, answer_of(house, *rates, "3", "--priority-fee", "0", variables=variables))
    assert budget_of(transaction.message) == {}


def test_a_price_above_the_maximum_is_refused_before_anything_is_sent(house: House) -> None:
    run = ("--run-id", house.run())
    before = house.chain.sent
    words = ("set-future-epoch-rates", *run, "--earning-rate", "6", "--priority-fee", "9000000000")
    outcome = house.cli(*words, "--output", "json")
    assert outcome.code is ExitCode.REFUSED
    error = outcome.json["error"]
    assert (error["code"], error["context"]["sent"], error["context"]["maximum"]) == (
        "fee_above_maximum",
        False,
        1_000_000,
    )
    assert house.chain.sent == before
    assert house.cli(*words, "--max-fee", "1").code is ExitCode.OK


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--priority-fee", "much"), "--priority-fee is neither auto nor a number of micro-lamports: 'much'."),
        (("--max-fee", "1"), "--max-fee limits a priority fee, but none is requested."),
        (("--priority-fee", "auto", "--max-fee", "0"), "The --max-fee is zero."),
    ],
)
def test_invalid_options_are_refused_offline(house: House, words: tuple[str, ...], message: str) -> None:
    outcome = house.cli("set-paused", "--run-id", "test", *words)
    assert outcome.code is ExitCode.USAGE
    assert message in outcome.stderr
    assert house.chain.requests == []


def test_a_wallet_that_cannot_pay_the_priority_fee_is_told_before_sending(house: House) -> None:
    run = ("--run-id", house.run())
    before = house.chain.sent
    outcome = house.cli(
        *("set-future-epoch-rates", *run, "--earning-rate", "6"),
        *("--priority-fee", "18000000000000000", "--max-fee", "1000000000"),
        *("--output", "json"),
    )
    assert outcome.code is ExitCode.REFUSED
    error = outcome.json["error"]
    assert error["code"] == "insufficient_funds"
    assert error["context"]["needed"] > 100 * 10**9
    assert house.chain.sent == before


def test_many_authorizations_are_packed_with_room_for_the_fee(house: House) -> None:
    keys = [Pubkey.new_unique() for _ in range(30)]
    path = house.chain.home / "keys.csv"
    path.write_text("".join(f"{key}\n" for key in keys))
    words = ("join-authorization-create", "--from", path, "--priority-fee", "auto")
    answer = answer_of(house, *words)
    assert answer["data"]["created"] == 30
    assert all(SET_PRICE in budget_of(one.message) for one in sent_transactions(house, answer))


def test_many_delegates_are_packed_with_room_for_the_fee(house: House) -> None:
    answer_of(house, "join-authorization-create", "--authorizer", address_of(house.owner))
    added = [Pubkey.new_unique() for _ in range(60)]
    words = ("join-authorization-delegate", "--join-authority", address_of(house.owner), "--delegates-added", *added)
    answer = answer_of(house, *words, "--priority-fee", "7000")
    assert len(answer["data"]["authorization"]["delegates"]) == 60
    assert all(budget_of(one.message)[SET_PRICE] == 7_000 for one in sent_transactions(house, answer))


def test_an_update_that_only_fits_without_the_fee_is_split(house: House) -> None:
    path = house.chain.home / "largest.toml"
    path.write_text(largest_config())

    def update(run_id: str, version: str, *fee: str) -> list[Transaction]:
        run = ("--run-id", house.run(run_id, configured=False))
        texts = ("--name", "n" * 64, "--description", "d" * 280, "--client-version", version)
        return sent_transactions(house, answer_of(house, "update-config", *run, "--config-path", path, *texts, *fee))

    [shortest] = update("aaaa", "v")
    longest = "v" * (1 + MAX_TRANSACTION_BYTES - len(bytes(shortest)))
    [full] = update("bbbb", longest)
    assert len(bytes(full)) == MAX_TRANSACTION_BYTES
    assert len(update("cccc", longest, "--priority-fee", "auto")) == 2


def test_equal_top_ups_at_once_stay_distinct_transactions_with_a_price(house: House) -> None:
    run = ("--run-id", house.run(treasurer=True))
    words = ("treasurer-top-up-rewards", *run, "--collateral-amount", "5", "--priority-fee", "1000")
    messages = [bytes(sent_transactions(house, answer_of(house, *words))[0].message) for _ in range(3)]
    assert len({message.partition(b"\x04")[2] for message in messages}) == 3
