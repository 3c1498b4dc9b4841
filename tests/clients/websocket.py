"""solana-py's WebSocket client, with a queue of its messages."""

from __future__ import annotations

import asyncio
import warnings
from collections import deque
from typing import Any, TypeVar

from solders.rpc.responses import SubscriptionResult

from tests.support.patience import PATIENCE

with warnings.catch_warnings():
    # It is written for the older interface of the websockets package, which says so when imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    from solana.rpc.websocket_api import SolanaWsClientProtocol, connect

__all__ = ["Feed", "SolanaWsClientProtocol", "connect"]

T = TypeVar("T")


class Feed:
    """The messages of one WebSocket, taken by kind in whatever order they arrive."""

    def __init__(self, websocket: SolanaWsClientProtocol) -> None:
        self.websocket = websocket
        self._waiting: deque[Any] = deque()

    async def subscribed(self) -> int:
        """The id in the response to the last subscription request."""
        return (await self.next(SubscriptionResult)).result

    async def next(self, kind: type[T]) -> T:
        """The next message of a kind; others are kept for later. A bare answer (bool) to unsubscribing is one, too."""
        for message in self._waiting:
            if isinstance(message, kind):
                self._waiting.remove(message)
                return message
        while True:
            messages: list[Any] = list(await asyncio.wait_for(self.websocket.recv(), PATIENCE))
            self._waiting.extend(messages)
            for message in messages:
                if isinstance(message, kind):
                    self._waiting.remove(message)
                    return message

    def holds(self, kind: type) -> bool:
        """Whether an unread message of a kind has arrived."""
        return any(isinstance(message, kind) for message in self._waiting)
