"""Landings that no client knows of yet.

A cluster confirms a transaction about one slot after it has landed, and then notifies all who have subscribed by then.
Here it is confirmed at once; so that a client whose subscription arrives a moment later misses nothing, the newest
landings are remembered until a client has learned of them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from solders.signature import Signature

from psyche_cli.environment import Clock
from psyche_cli.localnet.chain.history import TransactionRecord

SECONDS: Final = 0.4
"""How long a landing is remembered."""

_MOST: Final = 1000


class UnseenLandings:
    """The landings of the last 0.4 seconds that nobody has learned of, at most 1000."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._landed: OrderedDict[Signature, tuple[float, TransactionRecord]] = OrderedDict()

    def add(self, record: TransactionRecord) -> None:
        """Remember a landing."""
        now = self._clock.monotonic()
        self._landed[record.signature] = (now, record)
        self._forget(now - SECONDS)

    def _forget(self, before: float) -> None:
        landed = self._landed
        while landed and (len(landed) > _MOST or next(iter(landed.values()))[0] < before):
            landed.popitem(last=False)

    def seen(self, signature: Signature) -> None:
        """Forget a landing, since a client has learned of it: by its status, its transaction or a notification."""
        self._landed.pop(signature, None)

    def records(self) -> list[TransactionRecord]:
        """The landings that nobody has learned of, oldest first."""
        self._forget(self._clock.monotonic() - SECONDS)
        return [record for _, record in self._landed.values()]

    def clear(self) -> None:
        """Forget all landings."""
        self._landed.clear()
