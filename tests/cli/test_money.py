"""The required wallet balance, to the lamport: commands reject exactly what the cluster would reject."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from solders.account import Account
from solders.system_program import TransferParams, transfer

from psyche_cli.errors import ExitCode, PsycheError
from psyche_cli.operations.funds import first_short_balance
from psyche_cli.protocol.addresses import ANYONE, authorization_address, instance_address
from psyche_cli.solana.programs import SYSTEM_PROGRAM
from psyche_cli.transport import Transport
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import CommandLine, Outcome, address_of, methods_of
from tests.cli.test_life import largest_config

FEE = 5_000
RENT_EXEMPT = 890_880
"""The rent-exempt minimum of an account without data."""


def rent(*sizes: int) -> int:
    return sum((128 + size) * 6_960 for size in sizes)


def holding(house: House, lamports: int) -> House:
    """Set the balance of the owner's wallet."""
    bank = house.chain.dispatcher.context.bank
    bank.set_account(address_of(house.owner), Account(lamports, b"", SYSTEM_PROGRAM))
    return house


def balance(house: House) -> int:
    return house.chain.rpc.balance(address_of(house.owner))


def prepared(house: House) -> House:
    house.cli.json("create-run", "--run-id", "test", "--treasurer-collateral-mint", house.new_mint())
    return house


def plain(house: House) -> House:
    return house


def configured(house: House) -> House:
    prepared(house).cli.json("update-config", "--run-id", "test", "--config-path", MINIMAL)
    return house


def running(house: House) -> House:
    configured(house).cli.json("set-paused", "--run-id", "test", "--resume")
    return house


def due(house: House) -> House:
    running(house).join(house.stranger)
    house.cli.json("localnet", "warp", "3")
    return house


def with_mint(house: House) -> House:
    house.cli.variables["TREASURER_COLLATERAL_MINT"] = house.new_mint()
    return house


CREATE = ("create-run", "--run-id", "test", "--client-version", "v1")
VERBS: dict[str, tuple[Callable[[House], House], tuple[object, ...], int]] = {
    "create-run": (plain, CREATE, rent(119_160, 173) + 2 * FEE),
    "create-run with a name": (plain, (*CREATE, "--name", "n"), rent(119_160, 173) + 2 * FEE),
    "create-run with a treasurer": (with_mint, CREATE, rent(119_160, 173, 200, 165) + 2 * FEE),
    "join-authorization-create": (plain, ("join-authorization-create", "--permissionless"), rent(108) + FEE),
    "run-authorizer": (plain, ("run-authorizer",), rent(108) + FEE),
    "update-config": (prepared, ("update-config", "--run-id", "test", "--config-path", MINIMAL), FEE),
    "set-paused": (running, ("set-paused", "--run-id", "test"), FEE),
    "set-paused --resume": (configured, ("set-paused", "--run-id", "test", "--resume"), FEE),
    "set-future-epoch-rates": (prepared, ("set-future-epoch-rates", "--run-id", "test", "--earning-rate", "1"), FEE),
    "treasurer-top-up-rewards": (
        prepared,
        ("treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount", "1"),
        FEE,
    ),
    "tick": (due, ("tick", "--run-id", "test", "--count", "1"), FEE),
    "localnet new-mint": (plain, ("localnet", "new-mint", "--amount", "5"), rent(82, 165) + 2 * FEE),
}


@pytest.mark.parametrize("verb", VERBS)
def test_the_exact_amount_is_sufficient(house: House, verb: str) -> None:
    prepare, words, needed = VERBS[verb]
    holding(prepare(house), needed)
    outcome = house.cli(*words)
    assert outcome.code is ExitCode.OK, outcome.stderr
    assert balance(house) == 0


@pytest.mark.parametrize("verb", VERBS)
def test_one_lamport_less_sends_nothing(house: House, verb: str) -> None:
    prepare, words, needed = VERBS[verb]
    holding(prepare(house), needed - 1)
    refused_for_money(house, words, needed - 1, needed)


@pytest.mark.parametrize("verb", ["create-run", "set-paused"])
@pytest.mark.parametrize("left", [1, RENT_EXEMPT - 1])
def test_the_remaining_balance_must_be_rent_exempt(house: House, verb: str, left: int) -> None:
    prepare, words, needed = VERBS[verb]
    holds = needed + left
    holding(prepare(house), holds)
    if holds >= RENT_EXEMPT:
        refused_for_money(house, words, holds, needed)
    else:
        assert house.cli(*words).code is ExitCode.OK, "a wallet below the minimum may become poorer"
        return
    holding(house, needed + RENT_EXEMPT)
    assert house.cli(*words).code is ExitCode.OK
    assert balance(house) == RENT_EXEMPT


def refused_for_money(house: House, words: tuple[object, ...], holds: int, needed: int) -> Outcome:
    sent, requests = house.chain.sent, len(house.chain.requests)
    outcome = house.cli(*words, "--output", "json")
    assert outcome.code is ExitCode.REFUSED, outcome.stderr
    error = outcome.json["error"]
    assert error["code"] == "insufficient_funds"
    assert (error["context"]["balance"], error["context"]["needed"]) == (holds, needed)
    assert house.chain.sent == sent
    assert "simulateTransaction" not in house.chain.requests[requests:], "known without asking the programs"
    return outcome


@pytest.mark.parametrize("holds", [FEE, 2 * FEE - 1])
def test_an_update_in_two_transactions_needs_both_fees(house: House, tmp_path: Path, holds: int) -> None:
    """Otherwise the first one would land and the second one could not be paid."""
    house.run(treasurer=True, configured=False)
    big = tmp_path / "big.toml"
    big.write_text(largest_config())
    words = (
        "update-config", "--run-id", "test", "--config-path", big,
        "--name", "n" * 64, "--description", "d" * 280, "--client-version", "v" * 96,
    )  # fmt: skip
    refused_for_money(holding(house, holds), words, holds, 2 * FEE)
    assert house.dump()["coordinator_account"]["setup"]["metadata"]["name"] == ""
    outcome = holding(house, 2 * FEE).cli(*words)
    assert outcome.code is ExitCode.OK, outcome.stderr
    assert balance(house) == 0


def test_closing_a_run_requires_the_fee_in_advance(house: House) -> None:
    house.run(configured=False)
    words = ("close-run", "--run-id", "test", "--yes")
    refused_for_money(holding(house, FEE - 1), words, FEE - 1, FEE)
    assert holding(house, FEE).cli(*words).code is ExitCode.OK
    assert balance(house) == rent(119_160, 173)


@pytest.mark.parametrize("gift", [1, 5_000_000])
def test_lamports_sent_in_advance_count_towards_the_rent(house: House, gift: int) -> None:
    """Anyone can send lamports to the addresses of a run before it exists."""
    bank = house.chain.dispatcher.context.bank
    bank.set_account(instance_address("test"), Account(gift, b"", SYSTEM_PROGRAM))
    bank.set_account(authorization_address(address_of(house.owner), ANYONE), Account(gift, b"", SYSTEM_PROGRAM))
    needed = rent(119_160) + max(rent(173) - gift, 0) + 2 * FEE
    refused_for_money(holding(house, needed - 1), CREATE, needed - 1, needed)
    assert holding(house, needed).cli(*CREATE).code is ExitCode.OK
    assert balance(house) == 0
    needed = max(rent(108) - gift, 0) + FEE
    words = ("join-authorization-create", "--permissionless")
    refused_for_money(holding(house, needed - 1), words, needed - 1, needed)
    assert holding(house, needed).cli(*words).code is ExitCode.OK


def test_lamports_at_an_address_are_not_a_run(house: House) -> None:
    bank = house.chain.dispatcher.context.bank
    bank.set_account(instance_address("test"), Account(RENT_EXEMPT, b"", SYSTEM_PROGRAM))
    assert house.cli("json-dump-run", "--run-id", "test").code is ExitCode.NOT_FOUND


@pytest.mark.parametrize(
    "balance_before", [0, 1, 5_000, 890_879, 890_880, 890_881, 895_879, 895_880, 900_000, 5_000_000]
)
@pytest.mark.parametrize("spent", [0, 1, 5_000, 890_879, 890_880])
def test_the_rule_for_the_remaining_balance_matches_the_cluster(house: House, balance_before: int, spent: int) -> None:
    """Compared with transfers of these amounts in the real VM."""
    spent = min(spent, max(balance_before - FEE, 0))
    holding(house, balance_before)
    source, to = address_of(house.owner), address_of(house.stranger)
    try:
        house.send(transfer(TransferParams(from_pubkey=source, to_pubkey=to, lamports=spent)))
        allowed = True
    except PsycheError:
        allowed = False
    assert allowed is (first_short_balance(balance_before, (FEE, spent), RENT_EXEMPT) is None)


def test_an_unfunded_wallet(house: House) -> None:
    outcome = refused_for_money(holding(house, 0), CREATE, 0, rent(119_160, 173) + 2 * FEE)
    assert str(address_of(house.owner)) in outcome.json["error"]["hint"]


class Poorer:
    """Removes the wallet's lamports right after its balance was read."""

    def __init__(self, inner: Transport, house: House) -> None:
        self._inner, self._house = inner, house

    @property
    def label(self) -> str:
        return self._inner.label

    def send(self, body: bytes, *, timeout: float) -> bytes:
        answer = self._inner.send(body, timeout=timeout)
        if methods_of(body)[0] == "getMultipleAccounts":
            holding(self._house, 1)
        return answer

    def close(self) -> None:
        self._inner.close()


def test_the_simulation_detects_a_reduced_balance(house: House) -> None:
    poorer = CommandLine(house.cli.home, lambda url: Poorer(house.chain.transport(url), house), house.cli.variables)
    outcome = poorer(*CREATE, "--output", "json")
    assert outcome.json["error"]["code"] == "insufficient_funds"
    assert house.chain.sent == 0


def test_a_top_up_can_use_all_tokens_but_not_more(house: House) -> None:
    """To the base unit. Afterwards, the error for the empty token account shows its balance."""
    house.cli.json("create-run", "--run-id", "test", "--treasurer-collateral-mint", house.new_mint(amount="5.25"))
    words = ("treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount")
    sent = house.chain.sent
    refused = house.cli(*words, "5.250001", "--output", "json").json["error"]
    assert (refused["code"], house.chain.sent) == ("insufficient_funds", sent)
    assert house.cli.json(*words, "5.25")["vault_balance"]["base_units"] == 5_250_000
    refused = house.cli(*words, "0.000001", "--output", "json").json["error"]
    assert (refused["code"], refused["context"]["balance"]) == ("insufficient_funds", 0)
