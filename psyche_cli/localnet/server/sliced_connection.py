"""A connection whose work is done in slices of time, and only as fast as the client reads the responses."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from psyche_cli.localnet.server.slices import Slices


class SlicedConnection(asyncio.Protocol, ABC):
    """A connection whose work is shared with others by ``slices``. Nothing is read while work waits."""

    def __init__(self, slices: Slices) -> None:
        self._slices = slices
        self._transport: asyncio.Transport
        self._is_scheduled = False
        self._is_blocked = False
        self._is_lost = False

    @abstractmethod
    def _work(self) -> None:
        """Do what is to be done, for the time of one slice, and call ``_continue_later`` if that is not all."""

    def pause_writing(self) -> None:
        """Called by asyncio when the client does not read as fast as responses are written."""
        self._is_blocked = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Called by asyncio when the client has read enough."""
        self._is_blocked = False
        # Not at once: asyncio does not expect that the connection is closed here.
        if not self._is_scheduled:
            self._continue_later()

    def _send(self, content: bytes) -> None:
        self._transport.write(content)

    def _continue_later(self) -> None:
        self._is_scheduled = True
        self._transport.pause_reading()
        self._slices.add(self._continue)

    def _continue(self) -> None:
        self._is_scheduled = False
        self._work()
