"""Random runs of workers under a daemon that is killed at random moments, and what must be true afterward.

Everything follows from a seed, except for how far each process has come at a moment.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from psyche_cli.errors import DaemonUnavailable
from psyche_cli.workers.client import DaemonClient, connect
from psyche_cli.workers.registry.registry import Registry
from psyche_cli.workers.registry.rows import Move, Run, Worker
from psyche_cli.workers.storage.layout import WorkersFolder
from psyche_cli.workers.telemetry.events import Stream
from psyche_cli.workers.telemetry.ingest import Ingest
from tests.support.forking import Forker

GPUS = 4
PROGRAM = "tests.workers.program"
PATIENCE = 60.0
"""How long anything may take, in seconds."""
SILENCE = 3.0
HANDSHAKE = 3.0
"""Longer than a forked worker takes to register on a busy machine."""


class Plan(NamedTuple):
    """A worker: what its program does, and how it may end if its run is not cancelled."""

    worker_id: str
    config: dict[str, Any]
    gpus: int
    mandatory: bool
    end: str
    steps: int = 0


class Schedule(NamedTuple):
    """The runs of a seed, the moments at which the daemon is killed, and the runs that are cancelled."""

    runs: tuple[tuple[Plan, ...], ...]
    kills: tuple[float, ...]
    """Seconds after the previous daemon has started."""
    cancelled: dict[int, float]
    """By the index of a run: seconds after it was submitted."""


def drawn_schedule(seed: str, *, kills: int) -> Schedule:
    """The schedule of a seed."""
    chance = random.Random(seed)
    runs = tuple(
        tuple(_drawn_plan(chance, f"w{number}") for number in range(chance.randrange(1, 5)))
        for _ in range(chance.randrange(1, 3))
    )
    stays = [index for index, plans in enumerate(runs) if any(plan.end == "stays" for plan in plans)]
    cancelled = {index: chance.uniform(0.0, 1.5) for index in range(len(runs)) if chance.random() < 0.3}
    # What would never end is cancelled.
    cancelled = {**{index: chance.uniform(0.2, 1.5) for index in stays}, **cancelled}
    return Schedule(runs, tuple(chance.uniform(0.0, 0.8) for _ in range(kills)), cancelled)


def _drawn_plan(chance: random.Random, worker_id: str) -> Plan:
    kind = chance.choice(("ends", "ends", "fails", "crashes", "stays", "never registers", "hangs"))
    steps = chance.choice((0, 1, 50, 400))
    config: dict[str, Any] = {"steps": steps}
    end = kind
    match kind:
        case "ends":
            end = "TERMINATED"
        case "fails":
            config["exit"] = chance.choice((1, 3, 77))
            end = f"code {config['exit']}"
        case "crashes":
            config["signal"] = chance.choice((6, 9, 11, 15))
            end = f"signal {config['signal']}"
        case "stays":
            config["stay"] = True
            config["ignore_sigterm"] = chance.random() < 0.3
        case "never registers":
            config, steps = {"never_register": True}, 0
            config["ignore_sigterm"] = chance.random() < 0.3
        case "hangs":
            config["hang"] = True
    return Plan(worker_id, config, chance.choice((0, 0, 1, 2)), chance.random() < 0.5, end, steps)


class Supervised:
    """A state folder, the daemon that is forked for it, and what happened."""

    def __init__(self, forker: Forker, state: Path, seed: str) -> None:
        state.mkdir()
        self.folder = WorkersFolder.of_state(state)
        self._forker = forker
        self._state = state
        self._seed = seed
        self.pid = forker.start_daemon(state, gpus=GPUS)
        self.restarts = 0

    @contextlib.contextmanager
    def client(self) -> Iterator[DaemonClient]:
        """A client of the daemon, which is not started by it."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                client = connect(self._state, start=False)
                break
            except DaemonUnavailable:
                assert time.monotonic() < until, f"{self._seed}: the daemon does not start: {self.log}"
                _pause(0.005)
        with client:
            yield client

    @property
    def log(self) -> str:
        """The end of the daemon's log."""
        paths = (self.folder.daemon_log, self._state / "forked-daemon.log")
        return "\n".join(path.read_text(errors="replace")[-4000:] for path in paths if path.exists())

    def restart(self) -> None:
        """Kill the daemon, and start another one."""
        self._forker.kill_daemon(self.pid)
        self.pid = self._forker.start_daemon(self._state, gpus=GPUS)
        self.restarts += 1

    def carry_out(self, schedule: Schedule) -> list[str]:
        """Carry out a schedule until all of its runs have ended. Returns their ids."""
        run_ids: list[str] = []
        kills = list(schedule.kills)
        kill_at = time.monotonic() + kills.pop(0) if kills else float("inf")
        for number, plans in enumerate(schedule.runs):
            run_ids.append(self._submitted(number, plans))
        begun = time.monotonic()
        cancels = dict(schedule.cancelled)
        until = begun + PATIENCE
        while True:
            now = time.monotonic()
            if now >= kill_at:
                self.restart()
                kill_at = time.monotonic() + kills.pop(0) if kills else float("inf")
            for number, after in list(cancels.items()):
                if now >= begun + after:
                    with contextlib.suppress(DaemonUnavailable), self.client() as client:
                        client.cancel(run_ids[number])
                        del cancels[number]
            runs = self._runs(run_ids)
            if not cancels and not kills and kill_at == float("inf") and all(run.finished_at for run in runs):
                return run_ids
            assert now < until, f"{self._seed}: not all runs have ended: {runs}\n{self.log}"
            _pause(0.02)

    def _submitted(self, number: int, plans: tuple[Plan, ...]) -> str:
        configuration = {
            "metadata": {
                "run_name": f"{self._seed} {number}",
                "workers": [
                    {
                        "worker_id": plan.worker_id,
                        "module": PROGRAM,
                        "config": plan.config,
                        "gpus": {"requested": plan.gpus, "mandatory": plan.mandatory},
                    }
                    for plan in plans
                ],
            },
            "payload": {
                "limits": {"handshake_seconds": HANDSHAKE, "silence_seconds": SILENCE, "grace_seconds": 0.3},
            },
        }
        with self.client() as client:
            first = client.submit(configuration).run.run_id
            assert client.submit(configuration).run.run_id == first
        return first

    def _runs(self, run_ids: list[str]) -> list[Run]:
        registry = Registry(self.folder.registry)
        try:
            return [registry.run(run_id) for run_id in run_ids]
        finally:
            registry.close()


def judge(supervised: Supervised, schedule: Schedule, run_ids: list[str], ended: dict[str, list[int]]) -> Iterator[str]:
    """What is wrong after a schedule was carried out. ``ended`` is how the processes of each launch really ended."""
    registry = Registry(supervised.folder.registry)
    ingest = Ingest(supervised.folder.telemetry.parent)
    try:
        held = [slot for slot in registry.slots() if slot.run_id is not None]
        if held:
            yield f"slots are still held: {held}"
        for number, (run_id, plans) in enumerate(zip(run_ids, schedule.runs, strict=True)):
            run, workers = registry.run(run_id), {one.worker_id: one for one in registry.workers(run_id)}
            histories: dict[str, list[Move]] = {}
            for move in registry.history(run_id):
                histories.setdefault(move.worker_id, []).append(move)
            wanted = _status(list(workers.values()))
            if run.status != wanted:
                yield f"the run is {run.status}, and its workers make it {wanted}"
            for plan in plans:
                worker = workers[plan.worker_id]
                found = [
                    *_wrong_history(worker, histories[plan.worker_id]),
                    *_wrong_end(worker, plan, run, number in schedule.cancelled, supervised.restarts),
                    *_wrong_process(worker, ended),
                ]
                yield from (f"{run_id} {plan.worker_id} ({plan.end}, {worker.state}): {text}" for text in found)
            yield from _wrong_telemetry(ingest, run_id, plans, workers)
    finally:
        registry.close()
        ingest.close()


def _status(workers: list[Worker]) -> str:
    states = {worker.state for worker in workers}
    return next(state for state in ("CANCELLED", "FAULTED", "TERMINATED") if state in states)


def _wrong_history(worker: Worker, moves: list[Move]) -> Iterator[str]:
    path = [move.target for move in moves]
    if moves[0].source is not None or any(after.source != before.target for before, after in pairwise(moves)):
        yield f"its history is not a path: {path}"
    if path[-1] != worker.state or worker.finished_at is None:
        yield f"its history ends with {path[-1]}"
    if len([state for state in path if state in ("TERMINATED", "FAULTED", "CANCELLED")]) != 1:
        yield f"it has ended more than once: {path}"
    times = [move.at for move in moves]
    if times != sorted(times):
        yield f"its transitions are not in order: {times}"


def _wrong_end(worker: Worker, plan: Plan, run: Run, cancelled: bool, restarts: int) -> Iterator[str]:
    if worker.state == "CANCELLED":
        if not cancelled or run.cancel_requested_at is None:
            yield "it is CANCELLED, and nobody has requested that"
        return
    if worker.state == "FAULTED" and not worker.reason:
        yield "it is FAULTED without a reason"
    if worker.starts > 1 + restarts:
        yield f"it was started {worker.starts} times"
    if plan.end == "TERMINATED":
        right = worker.state == "TERMINATED" and worker.exit_code == 0
    elif plan.end.startswith("code "):
        right = worker.state == "FAULTED" and worker.exit_code == int(plan.end.removeprefix("code "))
    elif plan.end.startswith("signal "):
        right = worker.state == "FAULTED" and worker.exit_signal == int(plan.end.removeprefix("signal "))
    else:
        right = worker.state == "FAULTED" and plan.end != "stays"
    if not right:
        yield f"it has ended with code {worker.exit_code}, signal {worker.exit_signal}: {worker.reason}"


def _wrong_process(worker: Worker, ended: dict[str, list[int]]) -> Iterator[str]:
    """Compare with the results of the processes: 128 + n for a worker that signal n ended."""
    results = [
        result
        for start in range(1, worker.starts + 1)
        for result in ended.get(f"{worker.run_id}.{worker.worker_id}.{start}", [])
    ]
    if worker.state == "TERMINATED" and results[-1:] != [0]:
        yield f"it is TERMINATED, and its processes have ended with {results}"
    if worker.state == "FAULTED" and results[-1:] == [0] and "EXECUTING" in worker.reached:
        yield "it is FAULTED, and its process has ended with 0"


def _wrong_telemetry(ingest: Ingest, run_id: str, plans: tuple[Plan, ...], workers: dict[str, Worker]) -> Iterator[str]:
    stored = ingest._database.events(run_id, Stream.STEPS, 0, 1_000_000)
    if [event.seq for event in stored] != list(range(1, len(stored) + 1)):
        yield f"{run_id}: the numbers of the steps have gaps"
    for plan in plans:
        numbers = [event.read().number for event in stored if event.worker == plan.worker_id]
        if len(set(numbers)) != len(numbers):
            yield f"{run_id} {plan.worker_id}: steps were stored more than once"
        if workers[plan.worker_id].state == "TERMINATED" and len(numbers) != plan.steps:
            yield f"{run_id} {plan.worker_id}: {len(numbers)} of {plan.steps} steps were stored"


def processes_of(folder: Path) -> list[int]:
    """The processes that have a file of ``folder`` open, or were started for it."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            targets = [str(one.readlink()) for one in (process / "fd").iterdir()]
            if any(target.startswith(str(folder)) for target in targets):
                found.append(int(process.name))
    return found


def launches_in(path: Path) -> dict[str, list[int]]:
    """How the processes of each launch ended, as the forker has recorded it."""
    ended: dict[str, list[int]] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        name, result = json.loads(line)
        ended.setdefault(name, []).append(result)
    return ended


def _pause(seconds: float) -> None:
    time.sleep(seconds)
