"""Follows the processes of workers: how they end, and whether they register and give signs of life in time."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from psyche_cli.lifecycle.worker import CANCELLED, LOST, NOT_HEARD, NOT_REGISTERED, NOT_STARTED
from psyche_cli.workers.daemon.attention import Attention
from psyche_cli.workers.daemon.dispatcher import Dispatcher
from psyche_cli.workers.daemon.endings import Endings
from psyche_cli.workers.daemon.housekeeping import limit_logs_of_running
from psyche_cli.workers.daemon.place import Place
from psyche_cli.workers.daemon.site import Site, engine_name, key_of, launch_name
from psyche_cli.workers.daemon.waiting import wait_at_most
from psyche_cli.workers.engines.engine import Engine, Running
from psyche_cli.workers.registry.limits import limits_of
from psyche_cli.workers.registry.rows import Run, Worker

POLL_SECONDS: Final = 0.25
_PUBLISH_EVERY: Final = 4
"""Polls between two looks for what other processes have changed."""
_LOOK_SECONDS: Final = 1.0
"""How long a look waits for engines. Those that have not answered by then continue meanwhile."""
_LIMIT_LOGS_EVERY: Final = 40
"""Polls between two looks at the sizes of logs."""


class _Row(NamedTuple):
    """A worker that has a process, as the registry knows it."""

    worker: Worker
    run: Run
    is_late: bool
    is_silent: bool


class Monitor:
    """Looks at all workers that have a process, every POLL_SECONDS and when ``wake`` is called."""

    def __init__(self, site: Site, dispatcher: Dispatcher, endings: Endings) -> None:
        self._site = site
        self._dispatcher = dispatcher
        self._endings = endings
        self._wanted = asyncio.Event()
        self._attention = Attention(site.now())
        self._looks: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Look at the workers now."""
        self._wanted.set()

    async def run(self) -> None:
        """Follow the workers until cancelled."""
        try:
            await self._follow()
        finally:
            for task in self._looks.values():
                task.cancel()

    async def _follow(self) -> None:
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
        now = self._site.now()
        if self._attention.begin(now):
            await self._site.book.read(lambda registry: registry.limit_times(now))
        try:
            await self._look()
        finally:
            self._attention.end(self._site.now())

    async def _look(self) -> None:
        now = self._site.now()
        rows = await self._site.book.read(
            lambda registry: [
                _Row(worker, registry.run(worker.run_id), worker in late, worker in silent)
                for late, silent in [(registry.late(now), registry.silent(now))]
                for worker in registry.running()
            ]
        )
        of_engine: dict[str, list[_Row]] = {}
        for row in rows:
            of_engine.setdefault(engine_name(row.run.config), []).append(row)
        for name in of_engine.keys() - self._looks.keys():
            task = asyncio.create_task(self._look_at_all(of_engine[name]))
            self._looks[name] = task
            task.add_done_callback(lambda _, name=name: self._looks.pop(name))  # type: ignore[misc]
        if self._looks:
            # An engine that does not respond delays no other one.
            await asyncio.wait(self._looks.values(), timeout=_LOOK_SECONDS)

    async def _look_at_all(self, rows: list[_Row]) -> None:
        for row in rows:
            if key_of(row.worker) not in self._dispatcher.launching | self._endings.ending:
                try:
                    await self._look_at(row)
                except Exception as error:  # the next look may succeed
                    self._endings.problem(row.worker, error)
                else:
                    self._endings.problem(row.worker, None)

    async def _look_at(self, row: _Row) -> None:
        worker, run, is_late, is_silent = row
        place, handle = self._site.engines.of(run), worker.handle
        if handle is None:
            await self._find(worker, run, place)
            return
        condition = await place.call(lambda engine: engine.poll(handle))
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

    async def _find(self, worker: Worker, run: Run, place: Place) -> None:
        """Find the process of a worker whose launch was not recorded, because the daemon was killed meanwhile."""
        run_id, worker_id = key_of(worker)
        handle = await place.call(lambda engine: engine.find(launch_name(worker)))
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
