"""The registry as the daemon uses it: outside of the event loop, and with news about every change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from psyche_cli.errors import WorkerRunNotFound
from psyche_cli.workers.daemon.views import run_message
from psyche_cli.workers.registry.registry import Registry
from psyche_cli.workers.service import worker_pb2

MOST_LISTED: Final = 200
"""The maximum number of runs in a response."""
_MOST_PAGE_BYTES: Final = 3 << 20
"""The size of a response with several runs; the maximum of a message is 4 MiB."""

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
        self._open: dict[str, worker_pb2.Run] = {}
        self._changes: dict[str, float] = {}
        self._version: int | None = None

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

    async def page(
        self,
        run_ids: frozenset[str] = frozenset(),
        *,
        open_only: bool = False,
        limit: int = MOST_LISTED,
        before: str = "",
    ) -> worker_pb2.ListRunsResponse:
        """The latest of the runs, or of those with these ids, that were submitted before another one.

        There are at most MOST_LISTED, and fewer if they do not fit into a message.
        """
        most = min(limit or MOST_LISTED, MOST_LISTED)
        found = await self.read(lambda registry: registry.page(run_ids, open_only=open_only, limit=most, before=before))
        kept: list[worker_pb2.Run] = []
        size = 0
        for run, workers in reversed(found.with_workers()):
            message = run_message(run, workers, self.connected, self.pids)
            size += message.ByteSize()
            if kept and size > _MOST_PAGE_BYTES:
                break
            kept.append(message)
        left_out = found.left_out + len(found.runs) - len(kept)
        return worker_pb2.ListRunsResponse(runs=kept[::-1], left_out=left_out)

    async def runs(self, run_ids: frozenset[str]) -> AsyncIterator[worker_pb2.Run]:
        """The runs with these ids, or all, the latest ones first. They are read in pages."""
        before = ""
        while True:
            page = await self.page(run_ids, before=before)
            for run in reversed(page.runs):
                yield run
            if page.left_out == 0:
                return
            before = page.runs[0].run_id

    async def run(self, run_id: str) -> worker_pb2.Run:
        """A run. Raises WorkerRunNotFound."""
        run, workers = await self.read(lambda registry: (registry.run(run_id), registry.workers(run_id)))
        return run_message(run, workers, self.connected, self.pids)

    async def publish(self, run_id: str) -> None:
        """Report a run to those who follow it, if it has changed."""
        try:
            run = await self.run(run_id)
        except WorkerRunNotFound:
            self._forget(run_id)
            return
        known = self._open.get(run_id)
        is_told = known is None and run.finished_at != 0 and self._changes.get(run_id) == run.updated_at
        if known != run and not is_told:
            self._changes[run_id] = run.updated_at
            if run.finished_at:
                self._open.pop(run_id, None)  # only its removal can follow
            else:
                self._open[run_id] = run
            self._tell(run_id, worker_pb2.RunChange(run=run))
            for listener in self.listeners:
                listener(run)

    async def publish_all(self) -> None:
        """Report what other processes have changed since the last call; the first call reports nothing."""
        version = await self.read(lambda registry: registry.version())
        if version == self._version:
            return
        changes = await self.read(lambda registry: registry.changes())
        if self._version is None:
            self._changes = {**changes, **self._changes}
        self._version = version
        for run_id in [run_id for run_id, at in changes.items() if self._changes.get(run_id) != at]:
            await self.publish(run_id)
        for run_id in self._changes.keys() - changes.keys():
            await self.publish(run_id)  # it may have been submitted since

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

    def _forget(self, run_id: str) -> None:
        self._open.pop(run_id, None)
        if self._changes.pop(run_id, None) is not None:
            self._tell(run_id, worker_pb2.RunChange(deleted=run_id))

    def _tell(self, run_id: str, change: worker_pb2.RunChange) -> None:
        for watcher in self._watchers:
            watcher.put(run_id, change)
