"""Subscriptions to accounts: requests, responses and notifications, and everything that is not one of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest
from solders.pubkey import Pubkey

from psyche_cli.errors import BadRpcResponse, RpcError, TimedOut, Unreachable
from psyche_cli.solana.programs import SYSTEM_PROGRAM
from psyche_cli.solana.rpc.pubsub import AccountChange, AccountSubscriptions, DataSlice
from tests.solana.scripted import FakeClock

A, B = Pubkey.new_unique(), Pubkey.new_unique()
SLICES = ((A, DataSlice(2, 3)), (B, DataSlice(0, 0)))


class Scripted:
    """A WebSocket that receives ``messages``: a text, a JSON value, None for silence, ... for an early
    return without a message, or an error to raise."""

    label = "ws://scripted"

    def __init__(self, clock: FakeClock, *messages: Any) -> None:
        self.clock, self.messages = clock, list(messages)
        self.sent: list[Any] = []
        self.timeouts: list[float] = []
        self.closed = False

    def send(self, text: str) -> None:
        self.sent.append(json.loads(text))

    def receive(self, timeout: float) -> str | None:
        self.timeouts.append(timeout)
        message = self.messages.pop(0) if self.messages else None
        if isinstance(message, Exception):
            raise message
        if message is ...:
            return None
        if message is None:
            self.clock.sleep(timeout)
            return None
        return message if isinstance(message, str) else json.dumps(message)

    def ping(self, timeout: float) -> bool:
        return timeout > 1

    def close(self) -> None:
        self.closed = True


def answer(identity: Any, result: Any) -> Any:
    return {"jsonrpc": "2.0", "id": identity, "result": result}


def notification(subscription: Any, data: bytes | None, slot: Any = 7) -> Any:
    value = None
    if data is not None:
        encoded = [base64.b64encode(data).decode(), "base64"]
        value = {"owner": str(SYSTEM_PROGRAM), "lamports": 1, "executable": False, "data": encoded}
    result = {"context": {"slot": slot}, "value": value}
    params = {"subscription": subscription, "result": result}
    return {"jsonrpc": "2.0", "method": "accountNotification", "params": params}


def subscribed(*messages: Any, answers: Sequence[Any] = (answer(0, 40), answer(1, 41))) -> AccountSubscriptions:
    clock = FakeClock()
    subscriptions = AccountSubscriptions(Scripted(clock, *answers, *messages), clock)
    subscriptions.subscribe(SLICES, "confirmed", 10.0)
    return subscriptions


def test_requests() -> None:
    clock = FakeClock()
    websocket = Scripted(clock, answer(1, 5), ..., answer(0, 4))
    AccountSubscriptions(websocket, clock).subscribe(SLICES, "finalized", 10.0)
    first = {"commitment": "finalized", "encoding": "base64", "dataSlice": {"offset": 2, "length": 3}}
    assert websocket.sent[0] == {"jsonrpc": "2.0", "id": 0, "method": "accountSubscribe", "params": [str(A), first]}
    assert websocket.sent[1]["params"][1]["dataSlice"] == {"offset": 0, "length": 0}


def test_that_a_subscription_has_a_deadline() -> None:
    with pytest.raises(TimedOut, match="No response to accountSubscribe from ws://scripted in time"):
        subscribed(answers=[answer(0, 40)])


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"jsonrpc": "2.0", "id": 0, "error": {"code": -32601, "message": "Method not found"}}, RpcError),
        ({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "Invalid"}}, RpcError),
        (answer(9, 1), BadRpcResponse),
        (answer(0, "x"), BadRpcResponse),
        (answer(0, True), BadRpcResponse),
        (answer(None, 5), BadRpcResponse),
        (answer("0", 5), BadRpcResponse),
        ("[]", BadRpcResponse),
        ("{", BadRpcResponse),
        ("[" * 100_000, BadRpcResponse),
        (Unreachable("lost"), Unreachable),
    ],
)
def test_rejected_subscriptions(message: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        subscribed(answers=[message])


def test_notifications() -> None:
    subscriptions = subscribed(
        notification(40, b"abc"),
        notification(41, b"", slot=8),
        notification(40, None),
        notification(40, b"0123456789"),  # from a node that ignores dataSlice
        notification(41, b"0123456789"),
    )
    found = [subscriptions.next(1.0) for _ in range(5)]
    assert found == [
        AccountChange(A, 7, b"abc"),
        AccountChange(B, 8, b""),
        AccountChange(A, 7, b""),
        AccountChange(A, 7, b"234"),
        AccountChange(B, 7, b""),
    ]


def test_that_no_notification_arrives() -> None:
    subscriptions = subscribed(None, {"jsonrpc": "2.0", "method": "other"}, answer(8, 1), notification(99, b""))
    assert [subscriptions.next(0.5) for _ in range(4)] == [None] * 4


def test_notifications_before_the_last_response() -> None:
    subscriptions = subscribed(answers=[answer(0, 40), notification(40, b"abc"), answer(1, 41)])
    assert subscriptions.next(0.0) == AccountChange(A, 7, b"abc")
    assert subscriptions.next(0.0) is None


@pytest.mark.parametrize(
    "message",
    [
        {"method": "accountNotification"},
        {"method": "accountNotification", "params": {"subscription": "x"}},
        {"method": "accountNotification", "params": {"subscription": 40, "result": 5}},
        notification(40, b"abc", slot=-1),
        {"method": "accountNotification", "params": {"subscription": 40, "result": {"context": {"slot": 1}}}},
    ],
)
def test_invalid_notifications(message: Any) -> None:
    with pytest.raises(BadRpcResponse, match="Invalid response from ws://scripted to accountNotification"):
        subscribed(message).next(1.0)


def test_pings_and_the_end() -> None:
    clock = FakeClock()
    websocket = Scripted(clock)
    subscriptions = AccountSubscriptions(websocket, clock)
    assert (subscriptions.is_alive(1.0), subscriptions.is_alive(2.0)) == (False, True)
    subscriptions.close()
    assert websocket.closed
