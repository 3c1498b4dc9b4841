"""Ends workers, and records how they ended."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from typing import Final

from psyche_cli.errors import IllegalTransition, PsycheError, WorkerRunNotFound
from psyche_cli.lifecycle.worker import CANCELLED, EXITED, LOST
from psyche_cli.workers.daemon.housekeeping import write_results
from psyche_cli.workers.daemon.place import Place
from psyche_cli.workers.daemon.site import Key, Site, key_of, unsent_file
from psyche_cli.workers.engines.engine import Condition, Engine, Exited, Lost, Running
from psyche_cli.workers.registry.rows import Run, Worker

_POLL_SECONDS: Final = 0.05
_LOG_PART: Final = 1 << 20
_MOST_LINES: Final = 50
_SIGNALLED: Final = 128
_MOST_STDERR_BYTES: Final = 64 << 10


class Endings:
    """Ends workers: SIGTERM to the group, SIGKILL after a grace, and the record once no process is left."""

    def __init__(self, site: Site, ended: Callable[[], None]) -> None:
        self._site = site
        self._ended = ended
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._recording: set[asyncio.Task[None]] = set()
        self._problems: dict[Key, str] = {}

    @property
    def ending(self) -> frozenset[Key]:
        """The workers that are being ended."""
        return frozenset(self._tasks)

    def begin(self, worker: Worker, run: Run, event: str, grace: float, reason: str = "") -> None:
        """End a worker because of an event of its life cycle. Without effect if that has begun."""
        key = key_of(worker)
        if key not in self._tasks and worker.handle is not None:
            self._site.log.line(f"{worker.run_id} {worker.worker_id}: ending: {event}")
            task = asyncio.create_task(self._end(worker, run, event, grace, reason))
            self._tasks[key] = task
            task.add_done_callback(lambda _: self._tasks.pop(key, None))

    def problem(self, worker: Worker, error: Exception | None) -> None:
        """Note why a worker cannot be reached or ended now, and log it if that is new; None: it can."""
        key = key_of(worker)
        if error is None:
            self._problems.pop(key, None)
            return
        text = error.message if isinstance(error, PsycheError) else type(error).__name__
        if self._problems.get(key) != text:
            self._problems[key] = text
            self._site.log.failure(f"{worker.run_id} {worker.worker_id}", error)

    async def not_ended_by(self, until: float) -> list[str]:
        """Wait until all workers that are being ended have ended, at most until a time of the event loop's clock.

        Returns those that have a process and were to end, each with the reason.
        """
        await self._wait(until)
        rows = await self._site.book.read(
            lambda registry: [(worker, registry.run(worker.run_id)) for worker in registry.running()]
        )
        found = [
            f"{worker.run_id} {worker.worker_id} ({self._reason(key_of(worker))})"
            for worker, run in rows
            if run.cancel_requested_at is not None or key_of(worker) in self._tasks
        ]
        for task in (*self._tasks.values(), *self._recording):
            task.cancel()
        return found

    async def _wait(self, until: float) -> None:
        """Wait until all workers that are being ended have ended."""
        loop = asyncio.get_running_loop()
        while (waiting := [*self._tasks.values(), *self._recording]) and (left := until - loop.time()) > 0:
            await asyncio.wait(waiting, timeout=left)

    def _reason(self, key: Key) -> str:
        pid = self._site.book.pids.get(key)
        return self._problems.get(key) or ("its process was not found" if pid is None else f"process {pid} still runs")

    async def record(self, worker: Worker, condition: Exited | Lost, event: str = "", reason: str = "") -> None:
        """Record the end of a worker, of which no process is left. ``event`` is why it was ended, if it was.

        A daemon that ends finishes this: what the engine keeps about the worker would otherwise stay, such as its place
        on a cluster.
        """
        task = asyncio.create_task(self._record(worker, condition, event, reason))
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)
        await asyncio.shield(task)

    async def _record(self, worker: Worker, condition: Exited | Lost, event: str, reason: str) -> None:
        site, (run_id, worker_id) = self._site, key_of(worker)
        run = await site.book.read(lambda registry: registry.run(run_id))
        handle = worker.handle
        assert handle is not None
        place = site.engines.of(run)
        condition = without_proxy(condition)
        await self._collect_unsent(run, worker)
        error_lines = await place.call(lambda engine: last_lines(engine, handle))
        facts = ["group-gone"]
        code = exit_signal = None
        if isinstance(condition, Exited):
            code, exit_signal = condition.code, condition.signal
            facts += ["exit-code-0"] if code == 0 else []
        how = LOST if isinstance(condition, Lost) else EXITED
        how_reason = condition.reason if isinstance(condition, Lost) else "" if code == 0 else f"It ended: {condition}."
        cancelled = run.cancel_requested_at is not None or event == CANCELLED
        attempts = [(how, how_reason), (CANCELLED, "")]
        # A cancellation may be requested at any moment, and a worker that was silent may have come back.
        attempts = [(CANCELLED, ""), *attempts[:1]] if cancelled else [*([(event, reason)] if event else []), *attempts]
        for name, text in attempts:
            try:
                await site.book.change(
                    run_id,
                    lambda registry: registry.transition(
                        run_id,
                        worker_id,
                        name,  # noqa: B023
                        facts,
                        at=site.now(),
                        reason=text,  # noqa: B023
                        exit_code=code,
                        exit_signal=exit_signal,
                        error_lines=error_lines,
                    ),
                )
            except IllegalTransition:
                continue
            site.log.line(f"{run_id} {worker_id}: {name}: {condition}")
            break
        await write_results(site, run_id)
        await place.call(lambda engine: engine.forget(handle))
        site.book.pids.pop(key_of(worker), None)
        self._problems.pop(key_of(worker), None)
        self._ended()

    async def _collect_unsent(self, run: Run, worker: Worker) -> None:
        site, (run_id, worker_id) = self._site, key_of(worker)
        path = unsent_file(site.folder.run(run_id, is_evaluation=run.is_evaluation, several=False), worker_id)
        try:
            if await asyncio.to_thread(site.ingest.collect_unsent, run_id, worker_id, path):
                await site.book.change(
                    run_id,
                    lambda registry: registry.heard_from(run_id, worker_id, at=site.now(), telemetry=True),
                )
        except Exception as error:  # its end is recorded in any case
            site.log.failure(f"{run_id} {worker_id}: unsent telemetry", error)

    async def _end(self, worker: Worker, run: Run, event: str, grace: float, reason: str) -> None:
        site = self._site
        assert worker.handle is not None
        try:
            place = site.engines.of(run)
            condition = await self._gone(place, worker.handle, signal.SIGTERM, grace)
            while isinstance(condition, Running):
                condition = await self._gone(place, worker.handle, signal.SIGKILL, 1.0)
            await self.record(worker, condition, event, reason)
        except WorkerRunNotFound:
            pass
        except Exception as error:  # the monitor tries again
            self.problem(worker, error)
            await asyncio.sleep(1)

    async def _gone(self, place: Place, handle: str, number: int, seconds: float) -> Condition:
        """Send a signal, and return the condition once the worker has ended, at the latest after some seconds."""
        await place.call(lambda engine: engine.signal(handle, number))
        until = time.monotonic() + seconds
        while True:
            condition = await place.call(lambda engine: engine.poll(handle))
            if not isinstance(condition, Running) or time.monotonic() >= until:
                return condition
            await asyncio.sleep(min(_POLL_SECONDS, max(until - time.monotonic(), 0)))


def without_proxy(condition: Exited | Lost) -> Exited | Lost:
    """How a worker ended, whose proxy has the exit code 128 + n if signal n ended it."""
    if isinstance(condition, Exited) and condition.code is not None and condition.code > _SIGNALLED:
        return Exited(signal=condition.code - _SIGNALLED)
    return condition


def last_lines(engine: Engine, handle: str) -> list[str]:
    """The last lines that a worker wrote to its standard error."""
    offset, kept = 0, b""
    try:
        while part := engine.read_log(handle, "stderr", offset, _LOG_PART):
            offset += len(part)
            kept = (kept + part)[-_MOST_STDERR_BYTES:]
    except PsycheError:
        return []
    return kept.decode(errors="replace").splitlines()[-_MOST_LINES:]
