"""Answers the calls of workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc

from psyche_cli.errors import IllegalTransition
from psyche_cli.workers.daemon.control import WorkerLine
from psyche_cli.workers.daemon.guard import caller, refusal
from psyche_cli.workers.daemon.signs_of_life import SignsOfLife
from psyche_cli.workers.daemon.site import Key, Site
from psyche_cli.workers.registry.limits import limits_of
from psyche_cli.workers.service import worker_pb2
from psyche_cli.workers.service.contract import PROTOCOL_VERSION, TOKEN

_MOST_HEARTBEAT_SECONDS: Final = 30.0
_HEARTBEATS_PER_SILENCE: Final = 5


class WorkerCalls:
    """The calls that register a worker, keep it alive, and control it."""

    def __init__(self, site: Site, signs: SignsOfLife) -> None:
        self._site = site
        self._signs = signs

    async def RegisterWorker(
        self, request: worker_pb2.RegisterWorkerRequest, context: Any
    ) -> worker_pb2.RegisterWorkerResponse:
        """Check the version of a worker, and give it a session token."""
        run_id, worker_id = caller(context)
        if request.protocol_version != PROTOCOL_VERSION:
            raise await refusal(
                context,
                grpc.StatusCode.FAILED_PRECONDITION,
                f"The worker has protocol version {request.protocol_version}, and the daemon {PROTOCOL_VERSION}.",
            )
        launch_token = dict(context.invocation_metadata()).get(TOKEN, "")
        run = await self._site.book.read(lambda registry: registry.run(run_id))
        try:
            token = await self._site.book.change(
                run_id,
                lambda registry: registry.register(run_id, worker_id, launch_token, accepted=True, at=self._site.now()),
            )
        except IllegalTransition as error:
            raise await refusal(context, grpc.StatusCode.FAILED_PRECONDITION, error.message) from error
        if token is None:
            raise await refusal(context, grpc.StatusCode.UNAUTHENTICATED, "The launch token is not valid.")
        self._site.log.line(f"{run_id} {worker_id}: registered")
        await self._signs.registered((run_id, worker_id))
        return worker_pb2.RegisterWorkerResponse(
            protocol_version=PROTOCOL_VERSION,
            session_token=token,
            heartbeat_seconds=min(_MOST_HEARTBEAT_SECONDS, limits_of(run.config).silence / _HEARTBEATS_PER_SILENCE),
        )

    async def Heartbeat(self, request: worker_pb2.HeartbeatRequest, context: Any) -> worker_pb2.HeartbeatResponse:  # noqa: ARG002
        """Record a sign of life."""
        run_id, worker_id = caller(context)
        await self._signs.heard((run_id, worker_id))
        run = await self._site.book.read(lambda registry: registry.run(run_id))
        return worker_pb2.HeartbeatResponse(now=self._site.now(), cancelling=run.cancel_requested_at is not None)

    async def ControlStream(
        self, request_iterator: AsyncIterator[worker_pb2.WorkerMessage], context: Any
    ) -> AsyncIterator[worker_pb2.ControlEvent]:
        """Send control events to a worker, and receive its reports."""
        key = caller(context)
        control, book = self._site.control, self._site.book
        await self._signs.heard(key)
        line = control.line(key)
        stream = line.open()
        receiving = asyncio.create_task(self._receive(key, line, stream, request_iterator))
        book.connected.add(key)
        await book.publish(key[0])
        try:
            while (event := await line.take(stream)) is not None:
                yield event
        finally:
            receiving.cancel()
            if line.stream is stream:
                line.stream = None
            if line.stream is None:
                book.connected.discard(key)
                await asyncio.shield(book.publish(key[0]))

    async def _receive(
        self, key: Key, line: WorkerLine, stream: object, messages: AsyncIterator[worker_pb2.WorkerMessage]
    ) -> None:
        async for message in messages:
            await self._signs.heard(key)
            if message.WhichOneof("message") == "report":
                self._site.control.report(*key, message.report)
            elif line.stream is stream:
                line.credits += message.credits
                line.changed.set()
        # The worker has closed its side.
        if line.stream is stream:
            line.stream = None
            line.changed.set()
