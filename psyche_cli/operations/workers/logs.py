"""Show the output of a worker, or follow it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from psyche_cli.environment import Clock
from psyche_cli.errors import UsageError
from psyche_cli.operations.workers.opening import OpenWorkers
from psyche_cli.operations.workers.payloads import WorkersLogsData
from psyche_cli.results import PlainText
from psyche_cli.workers.engines.engine import Stream
from psyche_cli.workers.registry.rows import Worker
from psyche_cli.workers.storage.logs import LogReader

_POLL_SECONDS: Final = 0.2


def last_log_lines(
    workers: OpenWorkers, run_id: str, worker_id: str | None, stream: Stream, lines: int
) -> PlainText[WorkersLogsData]:
    """The last ``lines`` lines of a worker's output.

    ``worker_id`` can be omitted for a run with one worker. Raises UsageError, WorkerRunNotFound, RegistryError.
    """
    worker = _worker(workers, run_id, worker_id)
    path = workers.run_folder(run_id).log(worker.worker_id, stream)
    reader = LogReader(path)
    found = reader.last(lines)
    found = (found + reader.more(whole=True))[-lines:] if lines > 0 else []
    return PlainText(
        "\n".join(line.expandtabs() for line in found),
        WorkersLogsData(run_id=run_id, worker_id=worker.worker_id, stream=stream, path=str(path), lines=found),
    )


def follow_log(
    workers: OpenWorkers,
    run_id: str,
    worker_id: str | None,
    stream: Stream,
    lines: int,
    *,
    show: Callable[[str], None],
    clock: Clock,
) -> None:
    """Call ``show`` with the last ``lines`` lines of a worker's output and with each later one, until it has ended.

    Raises UsageError, WorkerRunNotFound, RegistryError.
    """
    worker = _worker(workers, run_id, worker_id)
    reader = LogReader(workers.run_folder(run_id).log(worker.worker_id, stream))
    for line in reader.last(lines):
        show(line.expandtabs())
    while True:
        ended = workers.registry.worker(run_id, worker.worker_id).finished_at is not None
        while found := reader.more(whole=ended):
            for line in found:
                show(line.expandtabs())
        if ended:
            return
        clock.sleep(_POLL_SECONDS)


def _worker(workers: OpenWorkers, run_id: str, worker_id: str | None) -> Worker:
    if worker_id is not None:
        return workers.registry.worker(run_id, worker_id)
    found = workers.registry.workers(run_id)
    if len(found) > 1:
        raise UsageError(
            f"The run {run_id} has {len(found)} workers.",
            hint=f"Choose one with --worker, such as {found[0].worker_id}.",
            name="--worker",
        )
    return found[0]
