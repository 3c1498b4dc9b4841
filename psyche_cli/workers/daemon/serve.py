"""Runs the daemon: opens everything, answers calls, and closes everything again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from grpc import aio

from psyche_cli.errors import DaemonUnavailable
from psyche_cli.stop_signals import STOP_SIGNALS
from psyche_cli.workers.daemon.book import Book
from psyche_cli.workers.daemon.control import Control
from psyche_cli.workers.daemon.daemon_log import DaemonLog
from psyche_cli.workers.daemon.dispatcher import Dispatcher
from psyche_cli.workers.daemon.endings import Endings
from psyche_cli.workers.daemon.guard import Guard
from psyche_cli.workers.daemon.monitor import Monitor
from psyche_cli.workers.daemon.owner_calls import DaemonFacts, OwnerCalls, Stop
from psyche_cli.workers.daemon.recovery import recover
from psyche_cli.workers.daemon.signs_of_life import SignsOfLife
from psyche_cli.workers.daemon.singleton import Singleton
from psyche_cli.workers.daemon.site import Engines, Site
from psyche_cli.workers.daemon.telemetry_calls import TelemetryCalls
from psyche_cli.workers.daemon.worker_calls import WorkerCalls
from psyche_cli.workers.daemon_file import DaemonFile
from psyche_cli.workers.registry.registry import Registry
from psyche_cli.workers.registry.tokens import Kind
from psyche_cli.workers.service import contract, worker_pb2_grpc
from psyche_cli.workers.storage.layout import WorkersFolder
from psyche_cli.workers.telemetry.ingest import Ingest

IDLE_SECONDS: Final = 60.0
"""After how long a daemon that was started on demand ends, when it has no open run and no client."""
ENDINGS_SECONDS: Final = 60.0
"""How long workers may take to end when the daemon stops, unless the call that stops it says otherwise."""
_MOST_STOP_SECONDS: Final = 86_400.0
_STOP_SECONDS: Final = 0.2
_LOOK_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.1


class DaemonOptions(NamedTuple):
    """How to run the daemon.

    ``listen`` is ``HOST:PORT`` for TCP; empty: a Unix socket in the folder if its path is not too long, else a free
    port of 127.0.0.1. ``gpus`` is the number of GPU slots, which is remembered for later daemons. None: the number that
    is remembered; "auto", or if there is none: the GPUs of NVIDIA that this machine has.
    """

    folder: WorkersFolder
    listen: str = ""
    gpus: int | Literal["auto"] | None = None
    on_demand: bool = False
    idle_seconds: float = IDLE_SECONDS


class Ready(NamedTuple):
    """A daemon that accepts calls, and the number of workers that it has adopted."""

    file: DaemonFile
    adopted: int


class Outcome(NamedTuple):
    """How the daemon ended. ``left`` is the number of workers that continue to run.

    ``not_ended`` are those among them that were to end and have not in time, each with the reason.
    """

    left: int
    not_ended: tuple[str, ...] = ()


class _Service(OwnerCalls, WorkerCalls, TelemetryCalls, worker_pb2_grpc.WorkerServiceServicer):
    """All calls of the service."""

    def __init__(
        self,
        site: Site,
        signs: SignsOfLife,
        dispatcher: Dispatcher,
        monitor: Monitor,
        facts: DaemonFacts,
        stop: Stop,
    ) -> None:
        OwnerCalls.__init__(self, site, dispatcher, monitor, facts, stop)
        WorkerCalls.__init__(self, site, signs)
        TelemetryCalls.__init__(self, site, signs)


def serve(options: DaemonOptions, ready: Callable[[Ready], None]) -> Outcome:
    """Run the daemon until it is stopped by a signal or a call, or is no longer needed.

    ``ready`` is called once it accepts calls. Raises DaemonRunning and DaemonUnavailable.
    """
    contract.require_grpc()
    mask = os.umask(0o077)
    singleton = Singleton(options.folder)
    keep_file = True
    try:
        outcome = asyncio.run(_serve(options, singleton, ready))
        keep_file = outcome.left > 0
        return outcome
    finally:
        singleton.close(keep_file=keep_file)
        os.umask(mask)


def gpu_count() -> int:
    """The number of GPUs of NVIDIA in this machine."""
    try:
        return len(os.listdir("/proc/driver/nvidia/gpus"))  # noqa: PTH208
    except OSError:
        return 0


async def _serve(options: DaemonOptions, singleton: Singleton, ready: Callable[[Ready], None]) -> Outcome:
    folder = options.folder
    log = DaemonLog(folder.daemon_log)
    registry = Registry(folder.registry)
    registry.set_slot_count(gpu_count(), options.gpus)
    book = Book(registry)

    async def is_valid(run_id: str, worker_id: str, kind: Kind, token: str) -> bool:
        return await book.read(lambda registry: registry.check_token(run_id, worker_id, kind, token))

    server = aio.server(interceptors=(Guard(singleton.token, is_valid, log),), options=contract.SERVER_OPTIONS)
    address = bind(server, options.listen, folder, singleton.previous)
    ingest = Ingest(folder.telemetry.parent)
    site = Site(folder, address, book, Control(), Engines(folder), ingest, log)
    daemon = _Daemon(site, options)
    worker_pb2_grpc.add_WorkerServiceServicer_to_server(daemon.service, server)
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        if signal.getsignal(number) == signal.SIG_IGN:  # as with nohup
            continue
        loop.add_signal_handler(number, daemon.stopping.set)
    try:
        log.line(f"daemon {os.getpid()} started at {address}")
        adopted = await recover(site, daemon.endings)
        await server.start()
        ready(Ready(singleton.publish(address), adopted))
        outcome = await daemon.run()
        await server.stop(_STOP_SECONDS)
        log.line(f"daemon {os.getpid()} ends; {outcome.left} workers continue")
        for worker in outcome.not_ended:
            log.line(f"not ended: {worker}")
        return outcome
    finally:
        await asyncio.to_thread(ingest.close)
        book.close()
        site.engines.close()
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)


class _Daemon:
    """The parts of a running daemon."""

    def __init__(self, site: Site, options: DaemonOptions) -> None:
        self.stopping = asyncio.Event()
        self._site = site
        self._options = options
        self._cancel_runs = False
        self._seconds = ENDINGS_SECONDS
        self._outcome: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self._dispatcher = Dispatcher(site)
        self.endings = Endings(site, self._dispatcher.wake)
        self._monitor = Monitor(site, self._dispatcher, self.endings)
        signs = SignsOfLife(site)
        facts = DaemonFacts(site.now(), options.on_demand)
        self.service = _Service(site, signs, self._dispatcher, self._monitor, facts, self._stop)
        site.book.listeners += [site.control.run_changed, signs.run_changed]

    async def run(self) -> Outcome:
        """Supervise workers until the daemon is stopped."""
        loop = asyncio.get_running_loop()
        loops = [asyncio.create_task(part.run()) for part in (self._dispatcher, self._monitor)]
        if self._options.on_demand:
            loops.append(asyncio.create_task(self._end_when_idle()))
        until = loop.time()
        try:
            await self.stopping.wait()
            until = loop.time() + self._seconds
            self._dispatcher.accepts = False
            if self._cancel_runs:
                await self._cancel_all(until)
        finally:
            for task in loops:
                task.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            not_ended = await self.endings.not_ended_by(until)
            self._outcome.set_result(not_ended)
        return Outcome(len(await self._site.book.read(lambda registry: registry.running())), tuple(not_ended))

    async def _stop(self, cancel_runs: bool, seconds: float) -> list[str]:
        self._cancel_runs = self._cancel_runs or cancel_runs
        self._seconds = min(max(seconds, 0), _MOST_STOP_SECONDS) or ENDINGS_SECONDS
        self.stopping.set()
        return await asyncio.shield(self._outcome)

    async def _cancel_all(self, until: float) -> None:
        """Cancel all runs, and wait until they have ended, until a time of the event loop's clock."""
        book, loop = self._site.book, asyncio.get_running_loop()
        while loop.time() < until and (is_open := await book.read(lambda registry: registry.open_run_ids())):
            for run_id in is_open:
                if (await book.read(lambda registry: registry.run(run_id))).cancel_requested_at is None:  # noqa: B023
                    await book.change(run_id, lambda registry: registry.cancel(run_id, at=self._site.now()))  # noqa: B023
            self._monitor.wake()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _end_when_idle(self) -> None:
        while True:
            await asyncio.sleep(min(_LOOK_SECONDS, self._options.idle_seconds))
            is_used = self._site.book.is_watched or self._site.control.owners != [] or self.service.listeners > 0
            is_open = await self._site.book.read(lambda registry: registry.open_run_ids())
            if is_used or is_open:
                self.service.note_call()
            elif self._site.now() - self.service.last_call_at >= self._options.idle_seconds:
                self.stopping.set()


def bind(server: aio.Server, listen: str, folder: WorkersFolder, previous: DaemonFile | None) -> str:
    """Bind the server, and return its address as a gRPC target. Raises DaemonUnavailable.

    The address of a previous daemon that left workers is preferred, because they know no other.
    """
    if not listen and len(os.fsencode(folder.daemon_socket)) <= contract.MOST_SOCKET_PATH:
        target = f"unix:{folder.daemon_socket}"
        try:
            server.add_insecure_port(target)
        except RuntimeError:
            raise _not_bound(str(folder.daemon_socket)) from None
        return target
    wanted = listen or "127.0.0.1:0"
    host = wanted.rpartition(":")[0]
    if previous is not None and wanted.endswith(":0") and previous.address.rpartition(":")[0] == host:
        with contextlib.suppress(RuntimeError):
            server.add_insecure_port(previous.address)
            return previous.address
    try:
        port = server.add_insecure_port(wanted)
    except RuntimeError:
        raise _not_bound(wanted) from None
    return f"{host}:{port}"


def _not_bound(address: str) -> DaemonUnavailable:
    return DaemonUnavailable(
        f"The worker daemon cannot listen at {address}.", hint="Choose another address with --listen.", address=address
    )
