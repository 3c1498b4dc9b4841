"""The proxy's connection to the daemon: sends batches until they are accepted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Event as Flag
from typing import TYPE_CHECKING, Final, cast

from psyche_cli.errors import WorkersError
from psyche_cli.workers.service import contract
from psyche_cli.workers.telemetry.events import Batch, Stream
from psyche_cli.workers.telemetry.outbox import Outbox

if TYPE_CHECKING:
    import grpc

RETRY_SECONDS: Final = 0.2
MOST_RETRY_SECONDS: Final = 1.0
"""The pauses between attempts to send a batch: the first one, and the longest."""
CALL_SECONDS: Final = 15.0
"""How long the daemon may take to store a batch."""
FINAL_SECONDS: Final = 5.0
"""How long to try to reach the daemon after the worker has ended."""


class Publisher:
    """Takes batches from an outbox and sends them, one at a time and in order.

    ``report`` writes a message for people. Everything is sent at least once or returned by ``run``; the daemon
    recognizes batches that it receives twice.
    """

    def __init__(self, variables: Mapping[str, str], outbox: Outbox, report: Callable[[str], None]) -> None:
        self._target = variables[contract.TARGET_VARIABLE]
        self._metadata = contract.call_metadata(
            variables[contract.PUBLISH_TOKEN_VARIABLE],
            variables[contract.RUN_VARIABLE],
            variables[contract.WORKER_VARIABLE],
        )
        self._outbox = outbox
        self._report = report
        self._ending = Flag()
        self._deadline = float("inf")

    def end(self) -> None:
        """The worker has ended: the outbox is closed, and ``run`` begins no call after FINAL_SECONDS."""
        self._deadline = time.monotonic() + FINAL_SECONDS
        self._outbox.close()
        self._ending.set()

    def run(self) -> list[Batch]:
        """Send batches until the outbox is closed and empty. Returns those that could not be sent, in order."""
        try:
            contract.require_grpc()
        except WorkersError as error:
            self._report(error.message)
            self._ending.wait()
            return self._rest()
        import grpc

        with grpc.insecure_channel(self._target, contract.CHANNEL_OPTIONS) as channel:
            send = _Sender(channel, self._metadata)
            while (batch := self._outbox.next_batch()) is not None:
                if not self._deliver(send, batch):
                    return [batch, *self._rest()]
        return []

    def _deliver(self, send: _Sender, batch: Batch) -> bool:
        """Send a batch until it is accepted or discarded; False if the time for that has passed."""
        import grpc

        unreachable, pause = False, RETRY_SECONDS
        while True:
            left = self._deadline - time.monotonic()
            if left <= 0:
                return False
            try:
                send(batch, min(left, CALL_SECONDS))
            except grpc.RpcError as error:
                answer = cast("grpc.Call", error)
                if answer.code() is grpc.StatusCode.INVALID_ARGUMENT:
                    self._outbox.discard(batch)
                    self._report(f"the daemon refuses {len(batch.events)} events: {answer.details()}")
                    return True
                if not unreachable:
                    unreachable = True
                    explained = dict(answer.trailing_metadata() or ()).get(contract.ERROR)
                    reason = answer.details() if explained else f"The daemon does not take it ({answer.code().name})."
                    self._report(f"telemetry waits: {reason}")
                time.sleep(pause)
                pause = min(2 * pause, MOST_RETRY_SECONDS)
                continue
            if unreachable:
                self._report("the daemon takes telemetry again")
            return True

    def _rest(self) -> list[Batch]:
        batches = []
        while (batch := self._outbox.next_batch()) is not None:
            batches.append(batch)
        return batches


class _Sender:
    """Sends a batch in a call of its own, so that the answer means that this batch is in the database."""

    def __init__(self, channel: grpc.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        from psyche_cli.workers.service.worker_pb2_grpc import WorkerServiceStub
        from psyche_cli.workers.telemetry import wire

        self._stub = WorkerServiceStub(channel)
        self._wire = wire
        self._metadata = metadata

    def __call__(self, batch: Batch, timeout: float) -> None:
        """Raises grpc.RpcError."""
        publish = self._stub.PublishRunSteps if batch.stream is Stream.STEPS else self._stub.PublishRunEpisodes
        publish(iter((self._wire.batch_message(batch),)), timeout=timeout, metadata=self._metadata)
