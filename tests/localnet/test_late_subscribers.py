"""Subscribers that arrive just after a landing learn of it, as they would on a cluster, which takes longer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.unseen_landings import SECONDS
from psyche_cli.localnet.server.pubsub import PubSub
from tests.localnet.harness import BASE64, SOL, Chain
from tests.localnet.test_pubsub_as_a_node import Listener, listener, pubsub, request
from tests.localnet.tokens import new_mint

__all__ = ["listener", "pubsub"]

Work = Callable[[], None]
SYSTEM = "11111111111111111111111111111111"


def airdropped(chain: Chain) -> tuple[str, str]:
    """An account that has just got 1 SOL, and the signature."""
    to = str(Pubkey.new_unique())
    return to, chain.result("requestAirdrop", to, SOL)


def test_an_account_that_changed_just_before(listener: Listener) -> None:
    to, _ = airdropped(listener.chain)
    identity = listener.subscribe("accountSubscribe", to)
    [result] = listener.results(identity)
    assert result["value"]["lamports"] == SOL


def test_a_program_whose_account_changed_just_before(listener: Listener) -> None:
    to, _ = airdropped(listener.chain)
    identity = listener.subscribe("programSubscribe", SYSTEM, {"encoding": "base64", "filters": [{"dataSize": 0}]})
    assert to in [result["value"]["pubkey"] for result in listener.results(identity)]
    _, _ = airdropped(listener.chain)
    listener.results()
    other = listener.subscribe("programSubscribe", SYSTEM, {"encoding": "base64", "filters": [{"dataSize": 1}]})
    assert listener.results(other) == []


@pytest.mark.parametrize("mentioned", [True, False])
def test_logs_of_just_before(listener: Listener, mentioned: bool) -> None:
    to, signature = airdropped(listener.chain)
    identity = listener.subscribe("logsSubscribe", {"mentions": [to]} if mentioned else "all")
    [result] = listener.results(identity)
    assert result["value"]["signature"] == signature
    assert len(result["value"]["logs"]) == 2


def test_several_changes_of_an_account_are_one(listener: Listener) -> None:
    to = str(Pubkey.new_unique())
    for _ in range(3):
        listener.chain.result("requestAirdrop", to, SOL)
    identity = listener.subscribe("accountSubscribe", to, {"commitment": "confirmed"})
    assert [result["value"]["lamports"] for result in listener.results(identity)] == [3 * SOL]


def test_a_batch_learns_of_the_past_in_parts_and_of_the_present_once(chain: Chain) -> None:
    to, _ = airdropped(chain)
    parts: list[Callable[[], None]] = []
    listener = Listener(chain, PubSub(chain.dispatcher.context, parts.append))
    other = str(Pubkey.new_unique())
    asked = [
        request("accountSubscribe", to),
        request("programSubscribe", SYSTEM, BASE64),
        request("accountSubscribe", other),
    ]
    assert [answer["result"] for answer in listener.ask(*asked)] == [0, 1, 2]
    assert listener.results() == []
    chain.result("requestAirdrop", other, SOL)
    assert [result["value"]["lamports"] for result in listener.results(2)] == [SOL]
    for part in parts:
        part()
    past = listener.results()
    assert [result["value"]["lamports"] for result in past if "pubkey" not in result["value"]] == [SOL]
    named = [result["value"]["pubkey"] for result in past if "pubkey" in result["value"]]
    assert to in named
    assert other not in named


def nothing(_chain: Chain, _to: str, _signature: str) -> None:
    """What a client that has not looked does."""


def asks_for_the_status(chain: Chain, _to: str, signature: str) -> None:
    chain.status(signature)


def asks_for_the_transaction(chain: Chain, _to: str, signature: str) -> None:
    chain.result("getTransaction", signature)


def asks_for_the_transaction_when_confirmed(chain: Chain, _to: str, signature: str) -> None:
    chain.result("getTransaction", signature, {"commitment": "confirmed"})


def asks_for_the_block(chain: Chain, _to: str, _signature: str) -> None:
    chain.result("getBlock", chain.result("getSlot"))


def asks_for_the_signatures(chain: Chain, to: str, _signature: str) -> None:
    chain.result("getSignaturesForAddress", to)


def reads(method: str, **options: Any) -> Any:
    """An action that reads the account, alone or with others."""

    def action(chain: Chain, to: str, _signature: str) -> None:
        about = {"getMultipleAccounts": [SYSTEM, to], "getProgramAccounts": SYSTEM}.get(method, to)
        chain.result(method, about, options)

    return action


def reads_another_account(chain: Chain, _to: str, _signature: str) -> None:
    chain.result("getBalance", SYSTEM)


def waits(chain: Chain, _to: str, _signature: str) -> None:
    chain.clock.sleep(SECONDS + 0.01)


def restores(chain: Chain, _to: str, _signature: str) -> None:
    chain.result("localnet_restoreSnapshot", chain.result("localnet_takeSnapshot"))


@pytest.mark.parametrize(
    ("action", "options", "count"),
    [
        (nothing, {}, 1),
        (nothing, {"commitment": "processed"}, 0),
        (asks_for_the_status, {}, 0),
        (asks_for_the_transaction, {}, 0),
        (asks_for_the_transaction_when_confirmed, {}, 1),
        (asks_for_the_transaction_when_confirmed, {"commitment": "confirmed"}, 0),
        (asks_for_the_block, {}, 0),
        (asks_for_the_signatures, {}, 0),
        (reads("getBalance"), {}, 0),
        (reads("getAccountInfo", encoding="base64"), {}, 0),
        (reads("getMultipleAccounts"), {}, 0),
        (reads("getProgramAccounts", encoding="base64"), {}, 0),
        (reads("getBalance", commitment="confirmed"), {}, 1),
        (reads("getBalance", commitment="confirmed"), {"commitment": "confirmed"}, 0),
        (reads("getBalance", commitment="processed"), {"commitment": "confirmed"}, 1),
        (reads_another_account, {}, 1),
        (waits, {}, 0),
        (restores, {}, 0),
    ],
)
def test_only_landings_that_nobody_knows_of_are_reported(
    listener: Listener, action: Any, options: dict[str, str], count: int
) -> None:
    to, signature = airdropped(listener.chain)
    action(listener.chain, to, signature)
    identity = listener.subscribe("accountSubscribe", to, options)
    assert len(listener.results(identity)) == count


def test_a_landing_after_the_account_was_read_is_reported(listener: Listener) -> None:
    to, _ = airdropped(listener.chain)
    listener.chain.result("getBalance", to)
    listener.chain.result("requestAirdrop", to, SOL)
    account = listener.subscribe("accountSubscribe", to)
    assert [result["value"]["lamports"] for result in listener.results(account)] == [2 * SOL]
    assert len(listener.results(listener.subscribe("logsSubscribe", {"mentions": [to]}))) == 1
    assert len(listener.results(listener.subscribe("logsSubscribe", "all"))) == 2


@pytest.mark.parametrize("method", ["getTokenAccountBalance", "getTokenAccountsByOwner", "getTokenLargestAccounts"])
def test_a_token_account_that_was_read_is_known(listener: Listener, method: str) -> None:
    chain, owner = listener.chain, str(listener.chain.payer.pubkey())
    made = new_mint(chain.payer.pubkey(), rent=1_461_600, decimals=6, base_units=5)
    chain.send(chain.sign(*made.instructions, others=(made.mint,)))
    parameters: dict[str, list[Any]] = {
        "getTokenAccountBalance": [str(made.holder)],
        "getTokenAccountsByOwner": [owner, {"mint": str(made.address)}, BASE64],
        "getTokenLargestAccounts": [str(made.address)],
    }
    chain.result(method, *parameters[method])
    assert listener.results(listener.subscribe("accountSubscribe", str(made.holder))) == []
    assert len(listener.results(listener.subscribe("accountSubscribe", owner))) == 1


def test_all_subscriptions_of_one_moment_are_notified(listener: Listener, pubsub: PubSub) -> None:
    to, signature = airdropped(listener.chain)
    other = Listener(listener.chain, pubsub)
    for each in (listener, other):
        assert len(each.results(each.subscribe("accountSubscribe", to))) == 1
        assert len(each.results(each.subscribe("logsSubscribe", {"mentions": [to]}))) == 1
        assert len(each.results(each.subscribe("programSubscribe", SYSTEM, {"encoding": "base64"}))) > 1
    assert len(other.results(other.subscribe("signatureSubscribe", signature))) == 1
    assert listener.results(listener.subscribe("accountSubscribe", to, BASE64)) == []


@pytest.mark.parametrize(("kind", "count"), [("account", 1), ("logs", 1), ("signature", 0)])
def test_notifications_of_signatures_are_knowledge(listener: Listener, pubsub: PubSub, kind: str, count: int) -> None:
    first = Listener(listener.chain, pubsub)
    transaction = listener.chain.transfer(to := Pubkey.new_unique(), SOL)
    about = {"account": str(to), "logs": "all", "signature": str(transaction.signatures[0])}[kind]
    first.subscribe(f"{kind}Subscribe", about)
    listener.chain.send(transaction)
    assert len(first.results()) == 1
    identity = listener.subscribe("accountSubscribe", str(to))
    assert len(listener.results(identity)) == count


@pytest.fixture
def due() -> list[Work]:
    """What is due a moment after a subscription."""
    return []


@pytest.fixture
def late(chain: Chain, due: list[Work]) -> Listener:
    """A connection that gets notifications of the past only on request."""
    return Listener(chain, PubSub(chain.dispatcher.context, soon=due.append))


def run_all(due: list[Work]) -> None:
    while due:
        due.pop(0)()


def landed(late: Listener) -> str:
    return late.chain.send(late.chain.transfer(Pubkey.new_unique(), SOL))


@pytest.mark.parametrize("commitment", ["processed", "confirmed", "finalized"])
def test_a_landed_signature_is_reported_once_and_later(late: Listener, due: list[Work], commitment: str) -> None:
    signature = landed(late)
    identity = late.subscribe("signatureSubscribe", signature, {"commitment": commitment})
    assert late.subscribe("signatureSubscribe", signature, {"commitment": commitment}) == identity
    assert late.results() == []
    run_all(due)
    assert [result["value"] for result in late.results(identity)] == [{"err": None}]
    assert late.subscribe("signatureSubscribe", signature, {"commitment": commitment}) != identity


@pytest.mark.parametrize("ask", [asks_for_the_status, asks_for_the_transaction])
@pytest.mark.parametrize("moment", [nothing, waits])
def test_a_landed_signature_is_reported_before_somebody_asks_for_it(
    late: Listener, due: list[Work], ask: Any, moment: Any
) -> None:
    signature, other = landed(late), landed(late)
    moment(late.chain, "", signature)
    identity = late.subscribe("signatureSubscribe", signature)
    assert late.subscribe("signatureSubscribe", other) != identity
    ask(late.chain, "", signature)
    assert len(late.results(identity)) == 1
    run_all(due)
    assert len(late.results()) == 1
    ask(late.chain, "", signature)
    assert late.results() == []


def test_what_lands_after_a_subscription_is_reported_at_once(late: Listener, due: list[Work]) -> None:
    transaction = late.chain.transfer(to := Pubkey.new_unique(), SOL)
    late.subscribe("signatureSubscribe", str(transaction.signatures[0]))
    late.subscribe("accountSubscribe", str(to))
    late.chain.send(transaction)
    assert len(late.results()) == 2
    assert due == []


def test_an_ended_subscription_has_no_notifications(late: Listener, due: list[Work]) -> None:
    signature = landed(late)
    identity = late.subscribe("signatureSubscribe", signature)
    assert late.ask(request("signatureUnsubscribe", identity))["result"] is True
    late.subscribe("signatureSubscribe", landed(late))
    late.disconnect()
    run_all(due)
    assert late.results() == []
