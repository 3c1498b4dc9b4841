"""The messages that a client sends on a stream of a call."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from threading import Condition
from typing import Generic, TypeVar

Message = TypeVar("Message")


class Outgoing(Generic[Message]):
    """An iterator over messages that other threads add, for one call. It ends when it is closed."""

    def __init__(self, *first: Message) -> None:
        self._messages = deque(first)
        self._changed = Condition()
        self._closed = False

    def put(self, message: Message) -> None:
        """Add a message. Without effect once it is closed."""
        with self._changed:
            if not self._closed:
                self._messages.append(message)
                self._changed.notify()

    def close(self) -> None:
        """End the stream after the messages that were added."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Message]:
        return self

    def __next__(self) -> Message:
        with self._changed:
            self._changed.wait_for(lambda: self._messages or self._closed)
            if not self._messages:
                raise StopIteration
            return self._messages.popleft()
