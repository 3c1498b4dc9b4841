"""The registry as the daemon uses it: outside of the event loop, and with news about every change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from psyche_cli.errors import WorkerRunNotFound
from psyche_cli.workers.daemon.views import run_message
from psyche_cli.workers.registry.registry import Registry
from psyche_cli.workers.service import worker_pb2

_Result = TypeVar("_Result")


class Watcher:
    """A client that follows runs. Of a run that changes repeatedly before it is taken, only the latest is kept."""

    def __init__(self, run_ids: frozenset[str]) -> None:
        self.run_ids = run_ids
        self._pending: dict[str, worker_pb2.RunChange] = {}
        self._ready = asyncio.Event()

    def put(self, run_id: str, change: worker_pb2.RunChange) -> None:
        """Add a change, unless the run is not followed."""
        if not self.run_ids or run_id in self.run_ids:
            self._pending[run_id] = change
            self._ready.set()

    async def take(self) -> list[worker_pb2.RunChange]:
        """The changes since the last call. Waits for one."""
        await self._ready.wait()
        self._ready.clear()
        taken, self._pending = self._pending, {}
        return list(taken.values())


class Book:
    """The registry. ``connected`` are the workers with a control stream, and ``pids`` known process ids."""

    def __init__(self, registry: Registry) -> None:
        self.connected: set[tuple[str, str]] = set()
        self.pids: dict[tuple[str, str], int] = {}
        self.listeners: list[Callable[[worker_pb2.Run], None]] = []
        """Called with each run that has changed."""
        self._registry = registry
        # SQLite writes one transaction at a time.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="registry")
        self._watchers: list[Watcher] = []
        self._known: dict[str, worker_pb2.Run] = {}

    async def read(self, what: Callable[[Registry], _Result]) -> _Result:
        """Call a function with the registry that changes nothing."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, what, self._registry)

    async def change(self, run_id: str, what: Callable[[Registry], _Result]) -> _Result:
        """Call a function with the registry that changes a run, and report the change."""
        try:
            # A caller that is cancelled, because its client has gone, does not keep others from hearing of the change.
            return await asyncio.shield(self.read(what))
        finally:
            await asyncio.shield(self.publish(run_id))

    async def runs(self, run_ids: frozenset[str] = frozenset()) -> list[worker_pb2.Run]:
        """The runs with these ids, or all."""
        rows = await self.read(
            lambda registry: [
                (run, registry.workers(run.run_id)) for run in registry.runs() if not run_ids or run.run_id in run_ids
            ]
        )
        return [run_message(run, workers, self.connected, self.pids) for run, workers in rows]

    async def run(self, run_id: str) -> worker_pb2.Run:
        """A run. Raises WorkerRunNotFound."""
        run, workers = await self.read(lambda registry: (registry.run(run_id), registry.workers(run_id)))
        return run_message(run, workers, self.connected, self.pids)

    async def publish(self, run_id: str) -> None:
        """Report a run to those who follow it, if it has changed."""
        try:
            run = await self.run(run_id)
        except WorkerRunNotFound:
            if self._known.pop(run_id, None) is not None:
                self._tell(run_id, worker_pb2.RunChange(deleted=run_id))
            return
        if self._known.get(run_id) != run:
            self._known[run_id] = run
            self._tell(run_id, worker_pb2.RunChange(run=run))
            for listener in self.listeners:
                listener(run)

    async def publish_all(self) -> None:
        """Report what other processes have changed."""
        stamps = await self.read(lambda registry: {run.run_id: run.updated_at for run in registry.runs()})
        for run_id, updated_at in stamps.items():
            known = self._known.get(run_id)
            if known is None or known.updated_at != updated_at:
                await self.publish(run_id)
        for run_id in self._known.keys() - stamps.keys():
            await self.publish(run_id)

    def watch(self, run_ids: frozenset[str]) -> Watcher:
        """Follow runs, or all."""
        watcher = Watcher(run_ids)
        self._watchers.append(watcher)
        return watcher

    def unwatch(self, watcher: Watcher) -> None:
        """Stop following."""
        self._watchers.remove(watcher)

    @property
    def is_watched(self) -> bool:
        """Whether a client follows runs."""
        return bool(self._watchers)

    def close(self) -> None:
        """Finish what was begun, and close the file."""
        self._thread.shutdown()
        self._registry.close()

    def _tell(self, run_id: str, change: worker_pb2.RunChange) -> None:
        for watcher in self._watchers:
            watcher.put(run_id, change)
