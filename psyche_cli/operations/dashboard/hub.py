"""Passes new documents on to those that listen. A listener that is slow gets only the newest document of each kind."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from psyche_cli.errors import MonitoringError

MOST_LISTENERS: Final = 64
LIST_TOPIC: Final = ""
"""The topic of the list of runs; that of a run is its address."""


class Update(NamedTuple):
    """A document for all that listen to a topic. ``event`` is its kind."""

    topic: str
    event: str
    text: str


class Listener:
    """What a listener has not received yet: at most one document of each kind. For the event loop's thread."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self._waiting: dict[str, str] = {}
        self._arrived = asyncio.Event()

    def put(self, event: str, text: str) -> None:
        """Add a document, in place of an earlier one of its kind."""
        self._waiting.pop(event, None)
        self._waiting[event] = text
        self._arrived.set()

    async def take(self, seconds: float) -> list[tuple[str, str]]:
        """The documents that have arrived, with their kinds; empty if there are none within ``seconds``."""
        try:
            await asyncio.wait_for(self._arrived.wait(), seconds)
        except asyncio.TimeoutError:
            return []
        self._arrived.clear()
        found = [*self._waiting.items()]
        self._waiting.clear()
        return found


class Hub:
    """All listeners. ``publish`` may be called in any thread, everything else in that of the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._listeners: set[Listener] = set()

    def listen(self, topic: str) -> Listener:
        """A new listener. Raises MonitoringError if there are too many."""
        if len(self._listeners) >= MOST_LISTENERS:
            raise MonitoringError(f"{MOST_LISTENERS} pages are open, which is the maximum.", hint="Close one of them.")
        listener = Listener(topic)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Remove a listener."""
        self._listeners.discard(listener)

    def has_listeners(self, topic: str) -> bool:
        """Whether anyone listens to a topic. May be called in any thread."""
        return any(one.topic == topic for one in self._listeners.copy())

    def publish(self, update: Update) -> None:
        """Pass a document on."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver, update)

    def _deliver(self, update: Update) -> None:
        for listener in self._listeners:
            if listener.topic == update.topic:
                listener.put(update.event, update.text)
