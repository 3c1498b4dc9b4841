"""Transactions and airdrops through several endpoints of one cluster: what is resent, and what a failure proves."""

from __future__ import annotations

import pytest
from solders.transaction import Transaction

from psyche_cli.errors import (
    HttpStatusError,
    NetworkError,
    TransactionExpired,
    TransactionUnknown,
    Unreachable,
)
from psyche_cli.solana.sending.sender import Sender

from .stage import PAYMENT, WALLET
from .test_failover import DEAD, LOST, A, Fault, Net, status


def sender_of(net: Net) -> Sender:
    return Sender(net.rpc, net.clock, lambda _: None)


def sent_to(net: Net) -> list[int]:
    return [node.asked.count("sendTransaction") for node in net.nodes]


def test_each_resend_starts_with_another_endpoint() -> None:
    net = Net({}, {}, {})
    net.balance()
    net.cluster.handlers["getSignatureStatuses"] = lambda params: net.cluster.status(False)
    net.cluster.handlers["getTransaction"] = lambda params: None
    with pytest.raises(TransactionExpired):
        sender_of(net).send([PAYMENT], WALLET)
    assert max(sent_to(net)) - min(sent_to(net)) <= 1
    assert len(set(net.cluster.sent)) == 1


def test_bytes_that_one_endpoint_cannot_take_go_to_the_next_at_once() -> None:
    for fault in (DEAD, LOST, status(403), status(429, 10), {"code": -32003, "message": "signature"}):
        net = Net({}, {})
        net.balance()
        net.nodes[0].faults["sendTransaction"] = fault
        receipt = sender_of(net).send([PAYMENT], WALLET)
        assert receipt.signature == str(Transaction.from_bytes(net.cluster.sent[0]).signatures[0])
        assert sent_to(net) == [1, 1]


@pytest.mark.parametrize("refusing", [status(403), {"code": -32003, "message": "signature"}], ids=repr)
@pytest.mark.parametrize("first", [0, 1])
def test_a_refusal_proves_nothing_if_another_endpoint_may_have_taken_the_bytes(refusing: Fault, first: int) -> None:
    net = Net({}, {})
    net.balance()
    net.nodes[first].faults["sendTransaction"] = LOST
    net.nodes[1 - first].faults["sendTransaction"] = refusing
    net.cluster.handlers["getSignatureStatuses"] = lambda params: net.cluster.status(False)
    net.cluster.handlers["getTransaction"] = lambda params: None
    with pytest.raises((TransactionExpired, TransactionUnknown)) as caught:
        sender_of(net).send([PAYMENT], WALLET)
    assert caught.value.sent is True


def test_bytes_that_every_endpoint_refuses_were_not_sent() -> None:
    net = Net({}, {})
    net.balance()
    for node in net.nodes:
        node.faults["sendTransaction"] = status(403)
    with pytest.raises(HttpStatusError) as caught:
        sender_of(net).send([PAYMENT], WALLET)
    assert caught.value.sent is False


def test_bytes_that_no_endpoint_received_were_not_sent() -> None:
    for second in (DEAD, status(403)):
        net = Net({}, {})
        net.balance()
        net.nodes[0].faults["sendTransaction"] = DEAD
        net.nodes[1].faults["sendTransaction"] = second
        with pytest.raises(NetworkError) as caught:
            sender_of(net).send([PAYMENT], WALLET)
        assert caught.value.sent is False


def test_bytes_are_not_sent_while_all_endpoints_have_told_how_long_to_wait() -> None:
    net = Net({}, {})
    net.balance()
    net.nodes[0].faults["getBalance"] = net.nodes[1].faults["getBalance"] = status(429, 3000)
    with pytest.raises(HttpStatusError):
        net.balance()
    with pytest.raises(Unreachable) as caught:
        net.rpc.send_transaction(bytes(10))
    assert caught.value.request_sent is False
    assert caught.value.message == "None of the endpoints http://a, http://b can be used now."


def test_an_airdrop_is_only_repeated_if_it_cannot_have_been_received() -> None:
    for fault, second in ((DEAD, 1), (LOST, 0), (status(503), 0), ({"code": -32603, "message": "dry"}, 0)):
        net = Net({}, {})
        net.balance()
        net.nodes[0].faults["requestAirdrop"] = fault
        if second:
            net.rpc.request_airdrop(A, 1)
        else:
            with pytest.raises(NetworkError):
                net.rpc.request_airdrop(A, 1)
        assert [node.asked.count("requestAirdrop") for node in net.nodes] == [1, second]
