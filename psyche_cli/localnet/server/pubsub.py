"""PubSub: requests to subscribe and to unsubscribe, independent of sockets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from psyche_cli.json_values import Json
from psyche_cli.localnet.rpc.context import RpcContext
from psyche_cli.localnet.rpc.encoding.json_text import plain_text
from psyche_cli.localnet.rpc.fault import UNSUPPORTED_VERSION, RpcFault, invalid_params
from psyche_cli.localnet.rpc.requests import InvalidRequest, Request, read_body
from psyche_cli.localnet.server.notifications import Notifications
from psyche_cli.localnet.server.subscriptions import Connection, Later, Subscription, Subscriptions
from psyche_cli.localnet.server.topics import UNSUBSCRIBE, interest, methods
from psyche_cli.solana.rpc.codes import INVALID_REQUEST


def _at_once(work: Callable[[], None]) -> None:
    work()


class PubSub(Notifications):
    """The subscriptions of all connections; a listener of the bank.

    ``later`` runs work for many subscribers in parts, and ``soon`` what follows the answer to a subscription after a
    moment, in which the client begins to wait for it; both by default at once.
    """

    def __init__(self, context: RpcContext, later: Later = _at_once, soon: Later = _at_once) -> None:
        super().__init__(context, Subscriptions(), later)
        self._soon = soon

    def __len__(self) -> int:
        """The number of subscriptions."""
        return len(self._subscriptions)

    def methods(self) -> list[str]:
        """The names of the supported methods."""
        return methods()

    def disconnect(self, connection: Connection) -> None:
        """Remove all subscriptions of a connection."""
        self._subscriptions.disconnect(connection)

    def handle(self, connection: Connection, text: str | bytes) -> None:
        """Answer one message of a connection, a request or a batch."""
        try:
            requests, is_batch = read_body(text)
        except RpcFault as fault:
            connection.push(_failure(None, fault))
            return
        self._context.bank.catch_up()
        new: list[Subscription] = []
        answers = [answer for request in requests if (answer := self._answer(connection, request, new))]
        if answers:
            connection.push(f"[{','.join(answers)}]" if is_batch else answers[0])
        # In parts: after many landings, it takes a millisecond for each of up to 1000 subscriptions of a batch.
        later = self._later if len(new) > 1 else _at_once
        newest = self._context.bank.unseen.newest
        for subscription in dict.fromkeys(new):
            if connection in subscription.connections:
                later(partial(self._report_past, connection, subscription, self._soon, newest))

    def _answer(self, connection: Connection, request: Request | InvalidRequest, new: list[Subscription]) -> str:
        """The response to one request, empty for a notification. Its subscription is added to ``new``."""
        if isinstance(request, InvalidRequest):
            return _failure(request.identity, RpcFault(INVALID_REQUEST, "Invalid request"))
        if not request.has_version:
            answer = plain_text({"error": UNSUPPORTED_VERSION.to_json(), "id": request.identity})
            return "" if request.is_notification else answer
        try:
            result = self._result(connection, request, new)
        except RpcFault as fault:
            answer = _failure(request.identity, fault)
        else:
            answer = plain_text({"jsonrpc": "2.0", "result": result, "id": request.identity})
        return "" if request.is_notification else answer

    def _result(self, connection: Connection, request: Request, new: list[Subscription]) -> Json:
        if request.method not in UNSUBSCRIBE:
            new.append(self._subscriptions.add(connection, interest(request.method, request.params)))
            return new[-1].identity
        params = request.params if isinstance(request.params, list) else []
        subscription = self._subscriptions.find(connection, params[0] if params else None)
        if subscription is None:
            raise invalid_params("Invalid subscription id.")
        self._subscriptions.remove(connection, subscription)
        return True


def _failure(identity: Json, fault: RpcFault) -> str:
    return plain_text({"jsonrpc": "2.0", "error": fault.to_json(), "id": identity})
