"""Continues after a daemon that has ended: its workers are adopted, and what nobody knows is killed."""

from __future__ import annotations

import asyncio
from typing import Final

from psyche_cli.errors import PsycheError
from psyche_cli.lifecycle.worker import RESTARTED
from psyche_cli.workers.daemon.endings import Endings
from psyche_cli.workers.daemon.monitor import forget_strangers
from psyche_cli.workers.daemon.site import Site, key_of, launch_name
from psyche_cli.workers.engines.engine import Engine, Running
from psyche_cli.workers.registry.registry import Registry
from psyche_cli.workers.registry.rows import Worker

_MOST_STARTS: Final = 3
"""A worker that was started this often before it registered is not started again."""


async def recover(site: Site, endings: Endings) -> int:
    """Adopt the workers that still run, record how others ended, and start again those that had not registered.

    Returns the number of adopted workers.
    """
    adopted = 0
    found = await site.book.read(lambda registry: registry.recover())
    for worker in found.running:
        try:
            adopted += await _recover(site, endings, worker)
        except PsycheError as error:  # the monitor continues with it
            site.log.failure(f"{worker.run_id} {worker.worker_id}: recovery", error)
    for engine in site.engines.all():
        known = frozenset(map(launch_name, await site.book.read(lambda registry: registry.running())))
        for name in await asyncio.to_thread(forget_strangers, engine, known):
            site.log.line(f"{name}: killed, because no run has this worker")
    if found.freed:
        site.log.line(f"freed the GPU slots {', '.join(map(str, found.freed))}")
    return adopted


async def _recover(site: Site, endings: Endings, worker: Worker) -> bool:
    """Continue with a worker. Returns whether it is adopted."""
    run_id, worker_id = key_of(worker)
    run = await site.book.read(lambda registry: registry.run(run_id))
    engine = site.engines.of(run)
    handle = worker.handle or await asyncio.to_thread(engine.find, launch_name(worker))
    condition = None if handle is None else await asyncio.to_thread(engine.poll, handle)
    if isinstance(condition, Running):
        assert handle is not None
        await _adopt(site, worker, handle)
        return True
    if run.cancel_requested_at is None and worker.state == "HANDSHAKE" and worker.starts < _MOST_STARTS:
        await _start_again(site, engine, worker, handle)
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


async def _start_again(site: Site, engine: Engine, worker: Worker, handle: str | None) -> None:
    run_id, worker_id = key_of(worker)
    if handle is not None:
        await asyncio.to_thread(engine.forget, handle)
    await site.book.change(
        run_id, lambda registry: registry.transition(run_id, worker_id, RESTARTED, ("group-gone",), at=site.now())
    )
    site.log.line(f"{run_id} {worker_id}: not registered before the daemon ended; starting again")
