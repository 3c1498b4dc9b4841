"""Answers the calls of the owner."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple, TypeAlias

from psyche_cli import __version__
from psyche_cli.errors import DaemonError
from psyche_cli.workers.daemon.control import OwnerLine
from psyche_cli.workers.daemon.dispatcher import Dispatcher
from psyche_cli.workers.daemon.monitor import Monitor
from psyche_cli.workers.daemon.site import Site, engine_name
from psyche_cli.workers.engines.names import LOCAL
from psyche_cli.workers.registry.checking import ENDS, OPEN
from psyche_cli.workers.registry.submission import parse_submission
from psyche_cli.workers.service import worker_pb2
from psyche_cli.workers.service.contract import PROTOCOL_VERSION

Stop: TypeAlias = Callable[[bool, float], Awaitable[list[str]]]
"""Ends the daemon, after cancelling all runs or not, within some seconds. Returns the workers that have not ended."""


class DaemonFacts(NamedTuple):
    """What the daemon says about itself."""

    started_at: float
    on_demand: bool


class OwnerCalls:
    """The calls that submit, cancel, follow and direct runs. ``stop`` ends the daemon."""

    def __init__(
        self,
        site: Site,
        dispatcher: Dispatcher,
        monitor: Monitor,
        facts: DaemonFacts,
        stop: Stop,
    ) -> None:
        self._site = site
        self._dispatcher = dispatcher
        self._monitor = monitor
        self._facts = facts
        self._stop = stop
        self.last_call_at = site.now()
        """When an owner last made a call, in Unix time."""

    async def SubmitRun(self, request: worker_pb2.SubmitRunRequest, context: Any) -> worker_pb2.SubmitRunResponse:  # noqa: ARG002
        """Record a run and have it started."""
        self.note_call()
        if not self._dispatcher.accepts:
            raise DaemonError("The worker daemon is ending.", hint="Submit the run again.")
        submission = await asyncio.to_thread(parse_submission, request.config_json)
        book = self._site.book
        slots = len(await book.read(lambda registry: registry.slots()))
        most = slots if engine_name(submission.config) == LOCAL else None
        submitted = await book.read(lambda registry: registry.submit(submission, at=self._site.now(), most_gpus=most))
        self._dispatcher.wake()
        run_id = submitted.run.run_id
        await book.publish(run_id)
        if submitted.created:
            self._site.log.line(f"{run_id}: submitted")
        return worker_pb2.SubmitRunResponse(run=await book.run(run_id), created=submitted.created)

    async def CancelRun(self, request: worker_pb2.CancelRunRequest, context: Any) -> worker_pb2.CancelRunResponse:  # noqa: ARG002
        """Request the cancellation of a run."""
        self.note_call()
        book, run_id = self._site.book, request.run_id
        before = await book.read(lambda registry: registry.run(run_id))
        await book.change(run_id, lambda registry: registry.cancel(run_id, at=self._site.now()))
        self._monitor.wake()
        changed = before.cancel_requested_at is None and before.finished_at is None
        if changed:
            self._site.log.line(f"{run_id}: cancellation requested")
        return worker_pb2.CancelRunResponse(run=await book.run(run_id), changed=changed)

    async def ListRuns(self, request: worker_pb2.ListRunsRequest, context: Any) -> worker_pb2.ListRunsResponse:  # noqa: ARG002
        """The runs."""
        self.note_call()
        return await self._site.book.page(
            frozenset(request.run_ids), open_only=request.open_only, limit=request.limit, before=request.before
        )

    async def WatchRuns(
        self,
        request: worker_pb2.WatchRunsRequest,
        context: Any,  # noqa: ARG002
    ) -> AsyncIterator[worker_pb2.RunChange]:
        """The runs, and then their changes."""
        self.note_call()
        run_ids = frozenset(request.run_ids)
        watcher = self._site.book.watch(run_ids)
        try:
            async for run in self._site.book.runs(run_ids):
                yield worker_pb2.RunChange(run=run)
            yield worker_pb2.RunChange(current=True)
            while True:
                for change in await watcher.take():
                    yield change
        finally:
            self._site.book.unwatch(watcher)
            self.note_call()

    async def DirectWorkers(
        self,
        request_iterator: AsyncIterator[worker_pb2.Direction],
        context: Any,  # noqa: ARG002
    ) -> AsyncIterator[worker_pb2.WorkerNews]:
        """Pass events to workers, and their reports to the owner."""
        self.note_call()
        owner = OwnerLine()
        self._site.control.owners.append(owner)
        sending = asyncio.create_task(self._direct(owner, request_iterator))
        try:
            while True:
                taking = asyncio.ensure_future(owner.take())
                done, _ = await asyncio.wait((taking, sending), return_when=asyncio.FIRST_COMPLETED)
                if taking in done:
                    yield taking.result()
                    continue
                taking.cancel()
                sending.result()
                return
        finally:
            sending.cancel()
            self._site.control.owners.remove(owner)
            self.note_call()

    async def GetHealth(self, request: worker_pb2.GetHealthRequest, context: Any) -> worker_pb2.GetHealthResponse:  # noqa: ARG002
        """What the daemon says about itself."""
        self.note_call()
        gpus, workers, is_open = await self._site.book.read(
            lambda registry: (registry.gpus(), registry.running(), registry.open_run_ids())
        )
        return worker_pb2.GetHealthResponse(
            pid=os.getpid(),
            version=__version__,
            protocol_version=PROTOCOL_VERSION,
            started_at=self._facts.started_at,
            now=self._site.now(),
            address=self._site.address,
            on_demand=self._facts.on_demand,
            open_runs=len(is_open),
            running_workers=len(workers),
            gpu_slots=len(gpus.slots),
            gpu_slots_told=gpus.told,
            free_gpu_slots=gpus.free,
            engine=", ".join(self._site.engines.names()),
            telemetry=worker_pb2.Telemetry(**self._site.ingest.health()._asdict()),
        )

    async def StopDaemon(self, request: worker_pb2.StopDaemonRequest, context: Any) -> worker_pb2.StopDaemonResponse:  # noqa: ARG002
        """End the daemon."""
        is_open = await self._site.book.read(lambda registry: registry.open_run_ids())
        if is_open and not (request.cancel_runs or request.leave_workers):
            raise DaemonError(
                f"The worker daemon has {len(is_open)} open runs.", hint="Cancel them, or wait for their end."
            )
        return worker_pb2.StopDaemonResponse(not_ended=await self._stop(request.cancel_runs, request.seconds))

    async def _direct(self, owner: OwnerLine, directions: AsyncIterator[worker_pb2.Direction]) -> None:
        async for direction in directions:
            run = await self._site.book.run(direction.run_id)
            if direction.run_id not in owner.run_ids:
                owner.run_ids.add(direction.run_id)
                for worker in run.workers:
                    owner.put(worker_pb2.WorkerNews(run_id=run.run_id, worker_id=worker.worker_id, worker=worker))
            if not direction.HasField("event"):
                continue
            states = {worker.worker_id: worker.state for worker in run.workers}
            for worker_id in [direction.worker_id] if direction.worker_id else states:
                problem = ""
                if states.get(worker_id) not in OPEN:
                    problem = "It has ended." if states.get(worker_id) in ENDS else "It does not exist."
                elif not self._site.control.send(run.run_id, worker_id, direction.event):
                    problem = "Too many events wait for it."
                if problem and direction.worker_id:
                    owner.put(worker_pb2.WorkerNews(run_id=run.run_id, worker_id=worker_id, undelivered=problem))

    def note_call(self) -> None:
        """The daemon is being used."""
        self.last_call_at = self._site.now()
