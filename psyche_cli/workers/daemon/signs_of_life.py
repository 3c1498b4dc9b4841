"""Records when workers were last heard, not more often than necessary."""

from __future__ import annotations

import time
from typing import Final

from psyche_cli.workers.daemon.site import Key, Site
from psyche_cli.workers.registry.checking import RUNNING
from psyche_cli.workers.registry.limits import limits_of
from psyche_cli.workers.service import worker_pb2

_MOST_SECONDS: Final = 5.0
_PER_SILENCE: Final = 10


class SignsOfLife:
    """Every call and all telemetry of a worker is a sign of life. One in a tenth of the allowed silence is recorded."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._next: dict[Key, float] = {}
        self._executing: set[Key] = set()
        self._early: set[Key] = set()

    async def heard(self, key: Key, *, telemetry: bool = False) -> None:
        """Record a sign of life of a worker. Its first telemetry makes it EXECUTING."""
        now = time.monotonic()
        is_first = telemetry and key not in self._executing
        if not is_first and now < self._next.get(key, 0):
            return
        run_id, worker_id = key
        config = (await self._site.book.read(lambda registry: registry.run(run_id))).config
        self._next[key] = now + min(_MOST_SECONDS, limits_of(config).silence / _PER_SILENCE)
        worker = await self._site.book.change(
            run_id,
            lambda registry: registry.heard_from(run_id, worker_id, at=self._site.now(), telemetry=telemetry),
        )
        if worker.state == "EXECUTING":
            self._executing.add(key)
        elif telemetry and worker.state == "HANDSHAKE":
            self._early.add(key)

    async def registered(self, key: Key) -> None:
        """A worker has registered. It is EXECUTING if it had printed telemetry before."""
        if key in self._early:
            self._early.discard(key)
            await self.heard(key, telemetry=True)

    def run_changed(self, run: worker_pb2.Run) -> None:
        """Forget the workers of a run that have ended or are started again."""
        for worker in run.workers:
            key = (run.run_id, worker.worker_id)
            if worker.state not in RUNNING:
                self._next.pop(key, None)
                self._executing.discard(key)
                self._early.discard(key)
