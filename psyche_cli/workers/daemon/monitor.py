"""Follows the processes of workers: how they end, and whether they register and give signs of life in time."""

from __future__ import annotations

import asyncio
from typing import Final

from psyche_cli.errors import EngineUnavailable, PsycheError
from psyche_cli.lifecycle.worker import CANCELLED, LOST, NOT_HEARD, NOT_REGISTERED, NOT_STARTED
from psyche_cli.workers.daemon.attention import Attention
from psyche_cli.workers.daemon.dispatcher import Dispatcher
from psyche_cli.workers.daemon.endings import Endings
from psyche_cli.workers.daemon.housekeeping import limit_logs_of_running
from psyche_cli.workers.daemon.site import Site, key_of, launch_name
from psyche_cli.workers.daemon.waiting import wait_at_most
from psyche_cli.workers.engines.engine import Condition, Engine, Running
from psyche_cli.workers.registry.limits import limits_of
from psyche_cli.workers.registry.rows import Run, Worker

POLL_SECONDS: Final = 0.25
_PUBLISH_EVERY: Final = 4
"""Polls between two looks for what other processes have changed."""
_LIMIT_LOGS_EVERY: Final = 40
"""Polls between two looks at the sizes of logs."""


class Monitor:
    """Looks at all workers that have a process, every POLL_SECONDS and when ``wake`` is called."""

    def __init__(self, site: Site, dispatcher: Dispatcher, endings: Endings) -> None:
        self._site = site
        self._dispatcher = dispatcher
        self._endings = endings
        self._wanted = asyncio.Event()
        self._attention = Attention(site.now())
        self._unreachable: set[str] = set()

    def wake(self) -> None:
        """Look at the workers now."""
        self._wanted.set()

    async def run(self) -> None:
        """Follow the workers until cancelled."""
        polls = 0
        while True:
            try:
                await self._look_with_attention()
                polls += 1
                if polls % _PUBLISH_EVERY == 0:
                    await self._site.book.publish_all()
                if polls % _LIMIT_LOGS_EVERY == 0:
                    await limit_logs_of_running(self._site)
            except Exception as error:  # the next look may succeed
                self._site.log.failure("monitor", error)
            await wait_at_most(self._wanted, POLL_SECONDS)
            self._wanted.clear()

    async def _look_with_attention(self) -> None:
        self._attention.begin(self._site.now())
        try:
            await self._look()
        finally:
            self._attention.end(self._site.now())

    async def _look(self) -> None:
        now = self._site.now()
        rows = await self._site.book.read(
            lambda registry: [
                (worker, registry.run(worker.run_id), worker in late, worker in silent)
                for late, silent in [(registry.late(now), registry.silent(now))]
                for worker in registry.running()
            ]
        )
        busy = self._dispatcher.launching | self._endings.ending
        for worker, run, is_late, is_silent in rows:
            if key_of(worker) not in busy:
                try:
                    await self._look_at(worker, run, is_late=is_late, is_silent=is_silent)
                except PsycheError as error:
                    self._site.log.failure(f"{worker.run_id} {worker.worker_id}", error)

    async def _look_at(self, worker: Worker, run: Run, *, is_late: bool, is_silent: bool) -> None:
        engine = self._site.engines.of(run)
        if worker.handle is None:
            await self._find(worker, run, engine)
            return
        condition = await self._poll(engine, worker.handle)
        if condition is None:
            return
        if not isinstance(condition, Running):
            await self._endings.record(worker, condition)
            return
        key, limits = key_of(worker), limits_of(run.config)
        if self._site.book.pids.get(key) != condition.pid:
            self._site.book.pids[key] = condition.pid
            await self._site.book.publish(worker.run_id)
        if run.cancel_requested_at is not None:
            self._endings.begin(worker, run, CANCELLED, limits.grace)
        elif is_late and self._attention.lasts(limits.handshake):
            reason = f"It did not register within {limits.handshake:g} seconds."
            self._endings.begin(worker, run, NOT_REGISTERED, limits.grace, reason)
        elif worker.state == "HANDSHAKE":  # the other limit applies
            return
        elif is_silent and self._attention.lasts(limits.silence):
            reason = f"It gave no sign of life for {limits.silence:g} seconds."
            self._endings.begin(worker, run, NOT_HEARD, limits.grace, reason)

    async def _poll(self, engine: Engine, handle: str) -> Condition | None:
        """The condition of a worker; None while its engine cannot be reached."""
        name = type(engine).__name__
        try:
            condition = await asyncio.to_thread(engine.poll, handle)
        except EngineUnavailable as error:
            if name not in self._unreachable:
                self._unreachable.add(name)
                self._site.log.failure("monitor", error)
            return None
        self._unreachable.discard(name)
        return condition

    async def _find(self, worker: Worker, run: Run, engine: Engine) -> None:
        """Find the process of a worker whose launch was not recorded, because the daemon was killed meanwhile."""
        run_id, worker_id = key_of(worker)
        handle = await asyncio.to_thread(engine.find, launch_name(worker))
        if handle is not None:
            await self._site.book.change(run_id, lambda registry: registry.set_handle(run_id, worker_id, handle))
            return
        event = CANCELLED if run.cancel_requested_at is not None else LOST
        if event == LOST and worker.state == "HANDSHAKE":
            event = NOT_STARTED
        await self._site.book.change(
            run_id,
            lambda registry: registry.transition(
                run_id, worker_id, event, ("group-gone",), at=self._site.now(), reason="Its process was not found."
            ),
        )


def forget_strangers(engine: Engine, known: frozenset[str]) -> list[str]:
    """Kill and forget the workers of an engine that no run has, and return their names."""
    strangers = [name for name in engine.names() if name not in known]
    for name in strangers:
        if (handle := engine.find(name)) is not None:
            engine.forget(handle)
    return strangers
