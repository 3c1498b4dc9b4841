"""The subscriptions of all PubSub connections, by topic and by connection."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.localnet.chain.commitment import Commitment
from psyche_cli.localnet.rpc.encoding.accounts import AccountView
from psyche_cli.localnet.rpc.encoding.blocks import BlockView
from psyche_cli.localnet.rpc.fault import RpcFault
from psyche_cli.localnet.rpc.methods.accounts import AccountTest
from psyche_cli.solana.rpc.codes import SERVER_ERROR

MAX_SUBSCRIPTIONS: Final = 10_000
"""The maximum number of subscriptions per connection."""

Topic: TypeAlias = "tuple[str, Pubkey | Signature | None]"
"""The subject of a subscription: a kind and, depending on the kind, an address or signature."""

Later: TypeAlias = "Callable[[Callable[[], None]], None]"
"""Calls a function soon, when other connections have been served."""


class Connection(Protocol):
    """The connection of one subscriber."""

    def push(self, text: str) -> None:
        """Send a message; a connection that does not keep up with its messages is closed."""
        ...

    def flush(self) -> None:
        """Send messages now, not together with those that follow."""
        ...


@dataclass(frozen=True)
class Interest:
    """What a client wants to be notified of, and in which form. ``key`` is the same for the same parameters."""

    topic: Topic
    key: str = ""
    commitment: Commitment = Commitment.FINALIZED
    view: AccountView = field(default_factory=lambda: AccountView("base64"))
    tests: tuple[AccountTest, ...] = ()
    block: BlockView | None = None


@dataclass(eq=False)
class Subscription:
    """A subscription, which all connections with the same interest share."""

    identity: int
    interest: Interest
    connections: dict[Connection, None] = field(default_factory=dict)

    def text(self, result: str) -> str:
        """A notification, whose result is JSON text."""
        return (
            f'{{"jsonrpc":"2.0","method":"{self.interest.topic[0]}Notification",'
            f'"params":{{"result":{result},"subscription":{self.identity}}}}}'
        )

    def notify(self, result: str) -> None:
        """Send a notification to all connections."""
        text = self.text(result)
        for connection in list(self.connections):
            connection.push(text)


class Subscriptions:
    """All subscriptions.

    As on a node, their ids begin with 0, and connections that subscribe with the same parameters share a subscription:
    one that subscribes again gets the same id again, and each notification once.
    """

    def __init__(self) -> None:
        self._identities = itertools.count()
        self._topics: dict[Topic, dict[str, Subscription]] = {}
        self._connections: dict[Connection, dict[int, Subscription]] = {}

    def __len__(self) -> int:
        return sum(len(held) for held in self._connections.values())

    def add(self, connection: Connection, interest: Interest) -> Subscription:
        """The subscription of a connection to something. Raises RpcFault if the connection has too many."""
        held = self._connections.get(connection, {})
        if len(held) >= MAX_SUBSCRIPTIONS:
            raise RpcFault(SERVER_ERROR, f"Too many subscriptions; max {MAX_SUBSCRIPTIONS}")
        interested = self._topics.setdefault(interest.topic, {})
        subscription = interested.get(interest.key)
        if subscription is None:
            subscription = interested[interest.key] = Subscription(next(self._identities), interest)
        subscription.connections[connection] = None
        self._connections.setdefault(connection, {})[subscription.identity] = subscription
        return subscription

    def find(self, connection: Connection, identity: object) -> Subscription | None:
        """The subscription of a connection with this id."""
        return self._connections.get(connection, {}).get(identity) if type(identity) is int else None

    def remove(self, connection: Connection, subscription: Subscription) -> None:
        """End the subscription of a connection."""
        held = self._connections[connection]
        del held[subscription.identity]
        if not held:
            del self._connections[connection]
        del subscription.connections[connection]
        if not subscription.connections:
            topic = subscription.interest.topic
            del self._topics[topic][subscription.interest.key]
            if not self._topics[topic]:
                del self._topics[topic]

    def disconnect(self, connection: Connection) -> None:
        """End all subscriptions of a connection."""
        for subscription in list(self._connections.get(connection, {}).values()):
            self.remove(connection, subscription)

    def of_topic(self, *topics: Topic) -> list[Subscription]:
        """The subscriptions to any of these topics."""
        return [subscription for topic in topics for subscription in self._topics.get(topic, {}).values()]

    def has(self, *topics: Topic) -> bool:
        """Whether anybody has subscribed to one of these topics."""
        return any(topic in self._topics for topic in topics)
