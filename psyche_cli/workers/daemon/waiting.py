"""Waits for events of the event loop, for a limited time."""

from __future__ import annotations

import asyncio


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Wait until an event is set, at most ``seconds``.

    Before Python 3.12, ``asyncio.wait_for`` ignores a cancellation that comes when the event has just been set. A loop
    that waits with it then never ends.
    """
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((waiting,), timeout=seconds)
    finally:
        waiting.cancel()
