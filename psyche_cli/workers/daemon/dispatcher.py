"""Starts the workers that wait in INIT."""

from __future__ import annotations

import asyncio
from typing import Final

from psyche_cli.errors import IllegalTransition, PsycheError, SlotsNotFree, WorkerRunNotFound
from psyche_cli.lifecycle.worker import NOT_STARTED
from psyche_cli.workers.daemon.site import Key, Site, key_of, launch_name, unsent_file
from psyche_cli.workers.daemon.waiting import wait_at_most
from psyche_cli.workers.engines.engine import Engine, Launch
from psyche_cli.workers.registry.rows import Run, Worker
from psyche_cli.workers.registry.submission import Submission, parse_submission
from psyche_cli.workers.service import contract
from psyche_cli.workers.storage.configs import write_configs
from psyche_cli.workers.telemetry.proxy import command_line

POLL_SECONDS: Final = 2.0
_AT_ONCE: Final = 8


class Dispatcher:
    """Starts workers as soon as ``wake`` is called, and looks for some every POLL_SECONDS."""

    def __init__(self, site: Site) -> None:
        self.launching: set[Key] = set()
        """The workers that are being started."""
        self.accepts = True
        self._site = site
        self._wanted = asyncio.Event()
        self._places = asyncio.Semaphore(_AT_ONCE)

    def wake(self) -> None:
        """Look for waiting workers now."""
        self._wanted.set()

    async def run(self) -> None:
        """Start workers until cancelled."""
        while True:
            try:
                await self._start_waiting()
            except Exception as error:  # the next attempt may succeed
                self._site.log.failure("dispatcher", error)
            await wait_at_most(self._wanted, POLL_SECONDS)
            self._wanted.clear()

    async def _start_waiting(self) -> None:
        waiting = await self._site.book.read(lambda registry: registry.waiting())
        new = [worker for worker in waiting if key_of(worker) not in self.launching]
        if self.accepts and new:
            await asyncio.gather(*map(self._start, new))

    async def _start(self, worker: Worker) -> None:
        key = key_of(worker)
        async with self._places:
            if not self.accepts:
                return
            self.launching.add(key)
            try:
                # A daemon that ends finishes what it has begun.
                await asyncio.shield(self._start_now(worker))
            except (SlotsNotFree, IllegalTransition, WorkerRunNotFound):
                pass  # it waits for slots, was cancelled, or was removed
            finally:
                self.launching.discard(key)

    async def _start_now(self, worker: Worker) -> None:
        site, (run_id, worker_id) = self._site, key_of(worker)
        run = await site.book.read(lambda registry: registry.run(run_id))
        try:
            place = site.engines.of(run)
        except PsycheError as error:
            # The life cycle has no failed start before HANDSHAKE.
            await site.book.change(run_id, lambda registry: registry.start(run_id, worker_id, at=site.now()))
            await self._fail(worker, error)
            return
        started = await site.book.change(
            run_id,
            lambda registry: registry.start(run_id, worker_id, at=site.now(), assign_slots=not place.has_scheduler),
        )
        try:
            launch = await self._prepared(run, started)
            handle = await place.call(lambda engine: engine.launch(launch))
        except (PsycheError, OSError) as error:
            await place.call(lambda engine: _forget(engine, launch_name(started)))
            await self._fail(started, error)
            return
        await site.book.change(run_id, lambda registry: registry.set_handle(run_id, worker_id, handle))
        site.log.line(f"{run_id} {worker_id}: started")

    async def _prepared(self, run: Run, worker: Worker) -> Launch:
        """Write the configuration of a worker, and describe its launch."""
        site, (run_id, worker_id) = self._site, key_of(worker)
        submission = parse_submission(run.config)
        part = next(part for part in submission.workers if part.worker_id == worker_id)
        several = len(submission.workers) > 1
        folder = site.folder.run(run_id, is_evaluation=run.is_evaluation, several=several)
        await asyncio.to_thread(self._write_files, run, submission)
        launch_token, publish_token = await site.book.read(
            lambda registry: (
                registry.issue_token(run_id, worker_id, "launch", at=site.now()),
                registry.issue_token(run_id, worker_id, "publish", at=site.now()),
            )
        )
        return Launch(
            name=launch_name(worker),
            argv=command_line(part.argv, unsent_file(folder, worker_id)),
            env={
                contract.RUN_VARIABLE: run_id,
                contract.WORKER_VARIABLE: worker_id,
                contract.CONFIG_VARIABLE: str(site.folder.worker_config(run_id, worker_id, several=several)),
                contract.TARGET_VARIABLE: site.address,
                contract.LAUNCH_TOKEN_VARIABLE: launch_token,
                contract.PUBLISH_TOKEN_VARIABLE: publish_token,
            },
            folder=folder.path,
            stdout_log=folder.log(worker_id, "stdout"),
            stderr_log=folder.log(worker_id, "stderr"),
            slots=worker.slots,
            gpus=part.gpus,
            cpus=part.cpus,
        )

    def _write_files(self, run: Run, submission: Submission) -> None:
        several = len(submission.workers) > 1
        self._site.folder.run(run.run_id, is_evaluation=run.is_evaluation, several=several).create()
        write_configs(self._site.folder, run.run_id, submission)

    async def _fail(self, worker: Worker, error: Exception) -> None:
        site, (run_id, worker_id) = self._site, key_of(worker)
        reason = error.message if isinstance(error, PsycheError) else f"Its files cannot be written: {error}."
        site.log.failure(f"{run_id} {worker_id}: start", error)
        await site.book.change(
            run_id,
            lambda registry: registry.transition(run_id, worker_id, NOT_STARTED, at=site.now(), reason=reason),
        )


def _forget(engine: Engine, name: str) -> None:
    """Kill and forget what a failed launch may have left."""
    try:
        if (handle := engine.find(name)) is not None:
            engine.forget(handle)
    except PsycheError:
        pass  # the engine cannot be reached; the next daemon looks for it
