"""A daemon that only receives telemetry, on a Unix socket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from psyche_cli.workers.service import contract

contract.require_grpc()

import grpc  # noqa: E402

from psyche_cli.workers.service.worker_pb2 import DESCRIPTOR, EventBatch, PublishResponse  # noqa: E402
from psyche_cli.workers.telemetry import wire  # noqa: E402
from psyche_cli.workers.telemetry.events import Stored, Stream  # noqa: E402
from psyche_cli.workers.telemetry.ingest import Ingest  # noqa: E402

TOKEN = "publish-token"


class Receiver:
    """Stores what proxies publish in ``folder``. ``lose_answers`` answers are lost after the events were stored."""

    def __init__(self, folder: Path, *, lose_answers: int = 0) -> None:
        self.ingest = Ingest(folder)
        self.lose_answers = lose_answers
        self._server = grpc.server(ThreadPoolExecutor(32), options=contract.CHANNEL_OPTIONS)
        handlers = {
            name: grpc.stream_unary_rpc_method_handler(
                partial(self._receive, stream),
                request_deserializer=EventBatch.FromString,
                response_serializer=PublishResponse.SerializeToString,
            )
            for name, stream in (("PublishRunSteps", Stream.STEPS), ("PublishRunEpisodes", Stream.EPISODES))
        }
        service = DESCRIPTOR.services_by_name["WorkerService"].full_name
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        self.target = f"unix:{folder}/socket"
        self._server.add_insecure_port(self.target)
        self._server.start()

    def variables(self, worker: str = "w", run: str = "run") -> dict[str, str]:
        """The environment of a proxy."""
        return {
            **os.environ,
            "RUN_ID": run,
            "WORKER_ID": worker,
            "DAEMON_TARGET": self.target,
            "PUBLISH_TOKEN": TOKEN,
        }

    def stop(self) -> None:
        self._server.stop(None).wait()
        self.ingest.close()

    def _receive(
        self, stream: Stream, messages: Iterator[EventBatch], context: grpc.ServicerContext
    ) -> PublishResponse:
        metadata = dict(context.invocation_metadata())
        if metadata[contract.TOKEN] != TOKEN:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "wrong token")
        accepted = 0
        for message in messages:
            try:
                batch = wire.batch_of(message, stream)
            except wire.InvalidBatch as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            run, worker = str(metadata[contract.RUN_ID]), str(metadata[contract.WORKER_ID])
            accepted += self.ingest.publish(run, worker, batch).result().accepted
        if self.lose_answers > 0:
            self.lose_answers -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "lost")
        return PublishResponse(accepted=accepted)

    def stored(self, stream: Stream = Stream.STEPS, run: str = "run") -> list[Stored]:
        """Every event of a run in the database."""
        return self.ingest._database.events(run, stream, 0, 1_000_000)
