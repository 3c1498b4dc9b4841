"""Continues after a daemon that has ended: its workers are adopted, and what nobody knows is killed."""

from __future__ import annotations

import asyncio
from typing import Final

from psyche_cli.errors import PsycheError
from psyche_cli.lifecycle.worker import RESTARTED
from psyche_cli.workers.daemon.endings import Endings
from psyche_cli.workers.daemon.monitor import forget_strangers
from psyche_cli.workers.daemon.place import Place
from psyche_cli.workers.daemon.site import UNSENT, Site, engine_name, key_of, launch_name
from psyche_cli.workers.engines.engine import Running
from psyche_cli.workers.registry.registry import Registry
from psyche_cli.workers.registry.rows import Worker

_ENGINE_SECONDS: Final = 10.0
"""How long an engine may take to answer before the daemon accepts calls. The monitor continues with its workers."""
_MOST_STARTS: Final = 3
"""A worker that was started this often before it registered is not started again."""


async def recover(site: Site, endings: Endings) -> int:
    """Adopt the workers that still run, record how others ended, and start again those that had not registered.

    Returns the number of adopted workers.
    """
    adopted = 0
    await site.book.read(lambda registry: registry.limit_times(site.now()))
    found = await site.book.read(lambda registry: registry.recover())
    unreachable: set[str] = set()
    for worker in found.running:
        run_id = worker.run_id
        name = engine_name((await site.book.read(lambda registry: registry.run(run_id))).config)  # noqa: B023
        if name in unreachable:
            continue
        try:
            adopted += await asyncio.wait_for(_recover(site, endings, worker), _ENGINE_SECONDS)
        except asyncio.TimeoutError:
            unreachable.add(name)
            site.log.line(f"{name}: no answer within {_ENGINE_SECONDS:g} seconds; recovering its workers later")
        except PsycheError as error:  # the monitor continues with it
            site.log.failure(f"{worker.run_id} {worker.worker_id}: recovery", error)
    for name, place in site.engines.all():
        known = frozenset(map(launch_name, await site.book.read(lambda registry: registry.running())))
        if name not in unreachable:
            for stranger in await place.call(lambda engine: forget_strangers(engine, known)):  # noqa: B023
                site.log.line(f"{stranger}: killed, because no run has this worker")
    await _collect_left(site)
    if found.freed:
        site.log.line(f"freed the GPU slots {', '.join(map(str, found.freed))}")
    return adopted


async def _collect_left(site: Site) -> None:
    """Store telemetry of workers that have ended, which the daemon could not store then."""
    for path in sorted(site.folder.path.glob(f"*/*/*/*{UNSENT}")):
        run_id, worker_id = path.parents[1].name, path.name.removesuffix(UNSENT)
        try:
            # Any worker can write a file into its folder; its name is not trusted.
            known = await site.book.read(lambda registry: registry.workers(run_id))  # noqa: B023
            if worker_id in {worker.worker_id for worker in known}:
                await asyncio.to_thread(site.ingest.collect_unsent, run_id, worker_id, path)
        except Exception as error:  # it is left for the next daemon
            site.log.failure(f"{run_id} {worker_id}: unsent telemetry", error)


async def _recover(site: Site, endings: Endings, worker: Worker) -> bool:
    """Continue with a worker. Returns whether it is adopted."""
    run_id, worker_id = key_of(worker)
    run = await site.book.read(lambda registry: registry.run(run_id))
    place = site.engines.of(run)
    handle = worker.handle or await place.call(lambda engine: engine.find(launch_name(worker)))
    condition = None if handle is None else await place.call(lambda engine: engine.poll(handle))
    if isinstance(condition, Running):
        assert handle is not None
        await _adopt(site, worker, handle)
        return True
    if run.cancel_requested_at is None and worker.state == "HANDSHAKE" and worker.starts < _MOST_STARTS:
        await _start_again(site, place, worker, handle)
    elif condition is not None and handle is not None:
        await site.book.change(run_id, lambda registry: registry.set_handle(run_id, worker_id, handle))
        await endings.record(worker._replace(handle=handle), condition)
    # Without a handle, the monitor records that it was never started.
    return False


async def _adopt(site: Site, worker: Worker, handle: str) -> None:
    """Keep a worker. It could not give signs of life while there was no daemon."""
    run_id, worker_id = key_of(worker)

    def record(registry: Registry) -> None:
        registry.set_handle(run_id, worker_id, handle)
        registry.heard_from(run_id, worker_id, at=site.now())

    await site.book.change(run_id, record)
    site.log.line(f"{run_id} {worker_id}: adopted")


async def _start_again(site: Site, place: Place, worker: Worker, handle: str | None) -> None:
    run_id, worker_id = key_of(worker)
    if handle is not None:
        await place.call(lambda engine: engine.forget(handle))
    await site.book.change(
        run_id, lambda registry: registry.transition(run_id, worker_id, RESTARTED, ("group-gone",), at=site.now())
    )
    site.log.line(f"{run_id} {worker_id}: not registered before the daemon ended; starting again")
