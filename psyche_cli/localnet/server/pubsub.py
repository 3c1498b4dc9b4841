"""PubSub: subscriptions and notifications, independent of sockets."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from solders.account import Account
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.localnet.rpc.context import RpcContext
from psyche_cli.localnet.rpc.encoding.accounts import AccountView
from psyche_cli.localnet.rpc.fault import RpcFault, invalid_params, is_identity
from psyche_cli.localnet.rpc.methods.accounts import AccountTest, account_filters
from psyche_cli.localnet.rpc.params import Params, pubkey_of
from psyche_cli.localnet.rpc.signatures import SUBSCRIPTIONS
from psyche_cli.solana.programs import SYSTEM_PROGRAM
from psyche_cli.solana.rpc.codes import INVALID_REQUEST, METHOD_NOT_FOUND, PARSE_ERROR, SERVER_ERROR

MAX_SUBSCRIPTIONS: Final = 10_000
"""The maximum number of subscriptions per connection."""

Topic: TypeAlias = "tuple[str, Pubkey | Signature | None]"
"""The subject of a subscription: a kind and, depending on the kind, an address or signature."""


class Connection(Protocol):
    """The connection of one subscriber."""

    def push(self, text: str) -> None:
        """Queue a message; a connection that does not keep up with its messages is closed."""
        ...


@dataclass(eq=False)
class Subscription:
    """The subscription of one connection to one topic."""

    identity: int
    topic: Topic
    connection: Connection
    view: AccountView = field(default_factory=lambda: AccountView("base64"))
    tests: list[AccountTest] = field(default_factory=list)
    received: bool = False

    def notify(self, result: Json) -> None:
        """Send a notification."""
        self.notify_text(_compact(result))

    def notify_text(self, result: str) -> None:
        """Send a notification whose result is already encoded as JSON."""
        self.connection.push(
            f'{{"jsonrpc":"2.0","method":"{self.topic[0]}Notification",'
            f'"params":{{"result":{result},"subscription":{self.identity}}}}}'
        )


class PubSub:
    """The subscriptions of all connections; a listener of the bank."""

    def __init__(self, context: RpcContext) -> None:
        self._context = context
        self._identities = itertools.count(1)
        self._topics: dict[Topic, dict[int, Subscription]] = {}
        self._connections: dict[Connection, dict[int, Subscription]] = {}
        self._subscribe: dict[str, Callable[[Connection, Params], Subscription]] = {
            "accountSubscribe": self._account,
            "programSubscribe": self._program,
            "logsSubscribe": self._logs,
            "signatureSubscribe": self._signature,
            "slotSubscribe": lambda connection, _: self._new("slot", None, connection),
            "rootSubscribe": lambda connection, _: self._new("root", None, connection),
        }
        self._unsubscribe = {name.replace("Subscribe", "Unsubscribe") for name in self._subscribe}
        context.bank.listeners.append(self)

    # -- requests

    def methods(self) -> list[str]:
        """The names of the supported methods."""
        return sorted({*self._subscribe, *self._unsubscribe})

    def handle(self, connection: Connection, text: str | bytes) -> None:
        """Answer one message of a connection."""
        try:
            request = json.loads(text)
        except (ValueError, RecursionError):
            _answer(connection, None, RpcFault(PARSE_ERROR, "Parse error"))
            return
        self._context.bank.catch_up()
        for item in request if isinstance(request, list) and request else [request]:
            self._handle_one(connection, item)

    def _handle_one(self, connection: Connection, request: Json) -> None:
        if (
            not isinstance(request, dict)
            or not isinstance(request.get("method"), str)
            or not is_identity(request.get("id"))
        ):
            _answer(connection, None, RpcFault(INVALID_REQUEST, "Invalid request"))
            return
        identity, name = request.get("id"), request["method"]
        try:
            params = request.get("params") or []
            if not isinstance(params, list):
                raise invalid_params("Invalid params: expected a list of positional parameters.")
            if name in self._unsubscribe:
                _answer(connection, identity, self._cancel(connection, Params(params).raw(0)))
                return
            if name not in self._subscribe:
                raise RpcFault(METHOD_NOT_FOUND, "Method not found")
            if len(self._connections.get(connection, ())) >= MAX_SUBSCRIPTIONS:
                raise RpcFault(SERVER_ERROR, f"Too many subscriptions; max {MAX_SUBSCRIPTIONS}")
            subscription = self._subscribe[name](connection, Params(SUBSCRIPTIONS[name].read(params)))
        except RpcFault as fault:
            _answer(connection, identity, fault)
            return
        self._topics.setdefault(subscription.topic, {})[subscription.identity] = subscription
        self._connections.setdefault(connection, {})[subscription.identity] = subscription
        _answer(connection, identity, subscription.identity)
        self._report_past(subscription)

    def _new(self, kind: str, about: Pubkey | Signature | None, connection: Connection) -> Subscription:
        return Subscription(next(self._identities), (kind, about), connection)

    def _account(self, connection: Connection, params: Params) -> Subscription:
        subscription = self._new("account", params.pubkey(0), connection)
        subscription.view = AccountView.of(params.config(1), default="binary")
        return subscription

    def _program(self, connection: Connection, params: Params) -> Subscription:
        subscription = self._new("program", params.pubkey(0), connection)
        config = params.config(1)
        subscription.view = AccountView.of(config, default="binary")
        subscription.tests = account_filters(config)
        return subscription

    def _logs(self, connection: Connection, params: Params) -> Subscription:
        wanted = params.required(0)
        params.config(1)
        if wanted in ("all", "allWithVotes"):
            return self._new("logs", None, connection)
        mentions = wanted.get("mentions") if isinstance(wanted, dict) else None
        if not isinstance(mentions, list) or len(mentions) != 1:
            raise invalid_params("Invalid Request: Only 1 address supported")
        return self._new("logs", pubkey_of(mentions[0]), connection)

    def _signature(self, connection: Connection, params: Params) -> Subscription:
        subscription = self._new("signature", params.signature(0), connection)
        subscription.received = params.config(1).flag("enableReceivedNotification")
        return subscription

    def _cancel(self, connection: Connection, identity: Json) -> Json:
        subscription = self._connections.get(connection, {}).get(identity) if type(identity) is int else None
        if subscription is None:
            return invalid_params("Invalid subscription id.")
        self._drop(subscription)
        return True

    def _drop(self, subscription: Subscription) -> None:
        interested = self._topics[subscription.topic]
        del interested[subscription.identity]
        if not interested:
            del self._topics[subscription.topic]
        held = self._connections[subscription.connection]
        del held[subscription.identity]
        if not held:
            del self._connections[subscription.connection]

    def disconnect(self, connection: Connection) -> None:
        """Remove all subscriptions of a connection."""
        for subscription in list(self._connections.get(connection, {}).values()):
            self._drop(subscription)

    def __len__(self) -> int:
        return sum(len(held) for held in self._connections.values())

    # -- events

    def _interested(self, topic: Topic) -> list[Subscription]:
        return list(self._topics.get(topic, {}).values())

    def _with_slot(self, value: Json) -> Json:
        return {"context": {"slot": self._context.bank.slot}, "value": value}

    def _report_past(self, subscription: Subscription) -> None:
        """Immediately report a signature that was executed before the subscription."""
        kind, about = subscription.topic
        if kind == "signature" and isinstance(about, Signature):
            record = self._context.bank.history.find(about)
            if record is not None:
                self._report_signature(subscription, record)

    def _report_signature(self, subscription: Subscription, record: TransactionRecord) -> None:
        if subscription.received:
            subscription.notify({"context": {"slot": record.slot}, "value": "receivedSignature"})
        subscription.notify({"context": {"slot": record.slot}, "value": {"err": record.error}})
        self._drop(subscription)

    def on_transaction(self, record: TransactionRecord) -> None:
        """Notify subscribers of the transaction's signature, logs and changed accounts."""
        if not self._topics:
            return
        for subscription in self._interested(("signature", record.signature)):
            self._report_signature(subscription, record)
        logs = {"signature": str(record.signature), "err": record.error, "logs": list(record.logs)}
        for topic in (("logs", None), *(("logs", key) for key in record.keys)):
            for subscription in self._interested(topic):
                subscription.notify(self._with_slot(logs))
        for address in record.changed:
            self.on_account(address)

    def on_account(self, address: Pubkey) -> None:
        """Notify subscribers of an account's new content; a closed account is empty and holds 0 lamports."""
        topic: Topic = ("account", address)
        owner = self._context.bank.accounts.index.owner_of(address)
        program_topic: Topic = ("program", owner)
        if topic not in self._topics and program_topic not in self._topics:
            return
        bank = self._context.bank
        account = bank.accounts.get(address) or Account(0, b"", SYSTEM_PROGRAM)
        # A large account may have many subscribers: it is encoded once per requested encoding.
        texts: dict[tuple[str, AccountView], str] = {}
        for subscription in self._interested(topic):
            key = ("account", subscription.view)
            if key not in texts:
                texts[key] = _compact(self._with_slot(subscription.view.account(address, account, bank.accounts.get)))
            subscription.notify_text(texts[key])
        for subscription in self._interested(program_topic):
            if not all(test(account) for test in subscription.tests):
                continue
            key = ("program", subscription.view)
            if key not in texts:
                texts[key] = _compact(self._with_slot(subscription.view.keyed(address, account, bank.accounts.get)))
            subscription.notify_text(texts[key])

    def on_block(self, block: Block) -> None:
        """Notify subscribers of a new slot, which is also the root: no slot is ever rolled back."""
        for subscription in self._interested(("slot", None)):
            subscription.notify({"slot": block.slot, "parent": block.parent_slot, "root": block.slot})
        for subscription in self._interested(("root", None)):
            subscription.notify(block.slot)

    def on_restore(self) -> None:
        """Changed accounts were already reported; past signatures and logs need no notification."""


def _answer(connection: Connection, identity: Json, result: Json) -> None:
    content = {"error": result.to_json()} if isinstance(result, RpcFault) else {"result": result}
    connection.push(_compact({"jsonrpc": "2.0", **content, "id": identity}))


def _compact(content: Json) -> str:
    return json.dumps(content, separators=(",", ":"))
