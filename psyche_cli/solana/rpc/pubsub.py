"""Subscriptions to accounts over a WebSocket, by Solana's PubSub methods."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.environment import Clock
from psyche_cli.errors import BadRpcResponse, Json, TimedOut
from psyche_cli.solana.rpc.answers import as_object, as_u64, read_account, slot_and_value
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.solana.rpc.jsonrpc import bad_response, encode_request, result_of

if TYPE_CHECKING:
    from psyche_cli.transport import WebSocket

_METHOD = "accountSubscribe"
_NOTIFICATION = "accountNotification"


class DataSlice(NamedTuple):
    """The part of an account's data that notifications contain, in bytes."""

    offset: int
    length: int


class AccountChange(NamedTuple):
    """An account was written in ``slot``. ``data`` is the requested part of its data then, shorter if it ends before.

    A closed account has no data.
    """

    address: Pubkey
    slot: int
    data: bytes


class AccountSubscriptions:
    """Subscriptions to the changes of accounts over one WebSocket, which it closes.

    A node may report several changes in a slot as one, and a change more than once.
    """

    def __init__(self, websocket: WebSocket, clock: Clock) -> None:
        self._websocket = websocket
        self._clock = clock
        self._slices: dict[int, tuple[Pubkey, DataSlice]] = {}
        self._early: list[dict[str, Json]] = []

    def subscribe(self, slices: Sequence[tuple[Pubkey, DataSlice]], commitment: str, timeout: float) -> None:
        """Subscribe to each account, within ``timeout`` seconds. Called once.

        Raises TimedOut, Unreachable, RpcError or BadRpcResponse; the WebSocket must then be closed.
        """
        for identity, (address, cut) in enumerate(slices):
            options: Json = {"commitment": commitment, "encoding": "base64", "dataSlice": dict(cut._asdict())}
            self._websocket.send(encode_request(identity, _METHOD, [str(address), options]).decode())
        pending = dict(enumerate(slices))
        deadline = Deadline(self._clock, timeout)
        label = self._websocket.label
        while pending:
            message = self._message(deadline.remaining)
            if message is None:
                if deadline.passed:
                    raise TimedOut(f"No response to {_METHOD} from {label} in time.", endpoint=label, request_sent=True)
            elif message.get("method") == _NOTIFICATION:
                self._early.append(message)
            else:
                given = message.get("id")
                identity = given if type(given) is int else -1
                result = result_of(message, identity, _METHOD, label)
                if identity not in pending or type(result) is not int:
                    raise bad_response(_METHOD, label, "it is not the id of a subscription")
                self._slices[result] = pending.pop(identity)

    def next(self, timeout: float) -> AccountChange | None:
        """The next change, or None if there is none within ``timeout`` seconds.

        It may return None earlier. Raises Unreachable once the connection is lost, BadRpcResponse.
        """
        message = self._early.pop(0) if self._early else self._message(timeout)
        if message is None or message.get("method") != _NOTIFICATION:
            return None
        try:
            params = as_object(message.get("params"))
            known = self._slices.get(as_u64(params.get("subscription")))
            if known is None:
                return None
            address, cut = known
            slot, value = slot_and_value(params.get("result"))
            account = read_account(address, value)
        except ValueError as error:
            raise bad_response(_NOTIFICATION, self._websocket.label, str(error)) from error
        data = b"" if account is None else account.data
        if len(data) > cut.length:  # from a node that ignores dataSlice
            data = data[cut.offset : cut.offset + cut.length]
        return AccountChange(address, slot, data)

    def is_alive(self, timeout: float) -> bool:
        """Whether the server answers a ping within ``timeout`` seconds. Raises Unreachable."""
        return self._websocket.ping(timeout)

    def close(self) -> None:
        """Close the WebSocket, which ends the subscriptions."""
        self._websocket.close()

    def _message(self, timeout: float) -> dict[str, Json] | None:
        text = self._websocket.receive(timeout)
        if text is None:
            return None
        try:
            return as_object(json.loads(text))
        except (ValueError, RecursionError) as error:
            label = self._websocket.label
            raise BadRpcResponse(f"A message from {label} is not a JSON object.", endpoint=label) from error
