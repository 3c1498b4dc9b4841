"""Answers the calls of proxies, which publish telemetry, and of its listeners."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final

import grpc

from psyche_cli.errors import TelemetryError
from psyche_cli.workers.daemon.guard import caller, refusal
from psyche_cli.workers.daemon.signs_of_life import SignsOfLife
from psyche_cli.workers.daemon.site import Site
from psyche_cli.workers.daemon.waiting import wait_at_most
from psyche_cli.workers.service import worker_pb2
from psyche_cli.workers.telemetry import wire
from psyche_cli.workers.telemetry.events import Delivery, Stream
from psyche_cli.workers.telemetry.ingest import TelemetryBusy, TelemetryClosed
from psyche_cli.workers.telemetry.rings import Listener

_LOOK_SECONDS: Final = 0.5
"""How often a listener that waits for events looks whether the run has ended."""


class TelemetryCalls:
    """The calls that publish steps and episodes, and those that follow them."""

    def __init__(self, site: Site, signs: SignsOfLife) -> None:
        self._site = site
        self._signs = signs
        self._ingest = site.ingest
        self.listeners = 0
        """How many clients follow telemetry."""
        self._problem = ""

    async def PublishRunSteps(
        self, request_iterator: AsyncIterator[worker_pb2.EventBatch], context: Any
    ) -> worker_pb2.PublishResponse:
        """Store steps of a worker."""
        return await self._publish(Stream.STEPS, request_iterator, context)

    async def PublishRunEpisodes(
        self, request_iterator: AsyncIterator[worker_pb2.EventBatch], context: Any
    ) -> worker_pb2.PublishResponse:
        """Store episodes of a worker."""
        return await self._publish(Stream.EPISODES, request_iterator, context)

    async def StreamRunSteps(
        self, request_iterator: AsyncIterator[worker_pb2.ListenRequest], context: Any
    ) -> AsyncIterator[worker_pb2.EventDelivery]:
        """The steps of a run, from the database and as they come."""
        async with contextlib.aclosing(self._listen(Stream.STEPS, request_iterator, context)) as deliveries:
            async for delivery in deliveries:
                yield wire.delivery_message(delivery)

    async def StreamRunEpisodes(
        self, request_iterator: AsyncIterator[worker_pb2.ListenRequest], context: Any
    ) -> AsyncIterator[worker_pb2.EventDelivery]:
        """The episodes of a run, from the database and as they come."""
        async with contextlib.aclosing(self._listen(Stream.EPISODES, request_iterator, context)) as deliveries:
            async for delivery in deliveries:
                yield wire.delivery_message(delivery)

    async def _publish(
        self, stream: Stream, messages: AsyncIterator[worker_pb2.EventBatch], context: Any
    ) -> worker_pb2.PublishResponse:
        run_id, worker_id = caller(context)
        accepted = received = 0
        async for message in messages:
            try:
                batch = wire.batch_of(message, stream)
                future = self._ingest.publish(run_id, worker_id, batch)
            except wire.InvalidBatch as error:
                raise await refusal(context, grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error
            except (TelemetryBusy, TelemetryClosed) as error:
                raise await refusal(context, grpc.StatusCode.UNAVAILABLE, str(error)) from error
            try:
                receipt = await asyncio.wrap_future(future)
                self._report("")
            except TelemetryError as error:
                self._report(error.message)
                raise
            finally:  # the worker lives, also if what it says cannot be kept
                await self._signs.heard((run_id, worker_id), telemetry=bool(batch.events))
            accepted += receipt.accepted
            received += len(batch.events)
        return worker_pb2.PublishResponse(accepted=accepted, dropped=received - accepted)

    def _report(self, problem: str) -> None:
        """Write to the log when the database begins to fail, for what reason, and when it works again."""
        if problem != self._problem:
            self._problem = problem
            self._site.log.line(problem or "telemetry is stored again")

    async def _listen(
        self, stream: Stream, requests: AsyncIterator[worker_pb2.ListenRequest], context: Any
    ) -> AsyncGenerator[Delivery, None]:
        first = await anext(aiter(requests), None)
        if first is None:
            raise await refusal(context, grpc.StatusCode.INVALID_ARGUMENT, "The first request names the run.")
        await self._site.book.run(first.run_id)
        loop, ready = asyncio.get_running_loop(), asyncio.Event()

        def notify() -> None:
            with contextlib.suppress(RuntimeError):  # the daemon has ended
                loop.call_soon_threadsafe(ready.set)

        listener = self._ingest.listen(first.run_id, stream, first.since_seq, notify)
        granting = asyncio.create_task(_grant(listener, requests))
        self.listeners += 1
        try:
            is_over = not first.follow
            while True:
                ready.clear()
                delivery = await asyncio.to_thread(listener.take) if listener.needs_database else listener.take()
                if delivery.events:
                    yield delivery
                    if granting.done():  # the client gives no credits; it has read these
                        listener.grant(len(delivery.events))
                elif is_over and listener.credits > 0 and not listener.is_ready:
                    return
                elif not listener.is_ready:
                    if granting.done() and listener.credits == 0:
                        listener.grant(1)
                    if not is_over and listener.credits > 0 and (await self._site.book.run(first.run_id)).finished_at:
                        is_over = True
                        continue
                    await wait_at_most(ready, _LOOK_SECONDS)
        finally:
            self.listeners -= 1
            granting.cancel()
            listener.close()


async def _grant(listener: Listener, requests: AsyncIterator[worker_pb2.ListenRequest]) -> None:
    async for request in requests:
        listener.grant(request.credits)
