"""What the daemon does with the files of runs: it limits logs, and writes what remains of a run that has ended."""

from __future__ import annotations

import asyncio

from psyche_cli.errors import TelemetryError
from psyche_cli.workers.daemon.site import Site
from psyche_cli.workers.storage.analytics import write_analytics
from psyche_cli.workers.storage.logs import limit_logs


async def limit_logs_of_running(site: Site) -> None:
    """Limit the logs of the runs that have a process."""
    runs = await site.book.read(
        lambda registry: [registry.run(run_id) for run_id in {worker.run_id for worker in registry.running()}]
    )
    for run in runs:
        folder = site.folder.run(run.run_id, is_evaluation=run.is_evaluation, several=False)
        await asyncio.to_thread(limit_logs, folder)


async def write_results(site: Site, run_id: str) -> None:
    """Write analytics.json, and eval_summary.json of an evaluation run, if the run has ended."""
    run, workers = await site.book.read(lambda registry: (registry.run(run_id), registry.workers(run_id)))
    if run.finished_at is None:
        return
    telemetry: dict[str, dict[str, int]] = {}
    try:
        totals = await asyncio.to_thread(site.ingest.totals, run_id)
        telemetry = {worker_id: one._asdict() for worker_id, one in totals.items()}
    except TelemetryError as error:
        site.log.failure(f"{run_id}: numbers of telemetry events", error)
    try:
        await asyncio.to_thread(write_analytics, site.folder, run, workers, telemetry)
    except OSError as error:
        site.log.failure(f"{run_id}: analytics.json", error)
