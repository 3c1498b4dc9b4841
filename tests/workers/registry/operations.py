"""Random operations on a registry, and what must hold after any of them. Run as a program, it performs some."""

from __future__ import annotations

import random
import sys
from contextlib import closing
from pathlib import Path

from psyche_cli.errors import IllegalTransition, SlotsNotFree
from psyche_cli.lifecycle.worker import (
    CANCELLED,
    EXITED,
    LOST,
    NOT_HEARD,
    NOT_REGISTERED,
    NOT_STARTED,
    REGISTERED,
    RESTARTED,
    TELEMETRY,
    WORKER,
)
from psyche_cli.workers.registry.checking import ENDS, RUNNING, status_of, target_of
from psyche_cli.workers.registry.registry import Registry
from psyche_cli.workers.registry.rows import Worker
from tests.workers.registry.submissions import submission

EVENTS = (REGISTERED, TELEMETRY, EXITED, LOST, NOT_HEARD, NOT_REGISTERED, NOT_STARTED, RESTARTED, CANCELLED)
FACTS = tuple(WORKER.conditions_by_name)
_SHARED_RUNS = 4


def act(registry: Registry, choice: random.Random) -> None:
    """Do something, which may be refused."""
    at = float(choice.randrange(1000, 2000))
    kind = choice.randrange(8)
    known = registry.page().workers
    if kind == 0 or not known:
        name = str(choice.randrange(_SHARED_RUNS))
        number = int(name)
        registry.submit(submission(name, number + 1, gpus=number * 2, mandatory=number % 2 == 1), at=at)
        return
    worker = choice.choice(known)
    key = (worker.run_id, worker.worker_id)
    try:
        if kind in (1, 2):
            registry.start(*key, at=at)
        elif kind == 3:
            token = registry.issue_token(*key, "launch", at=at)
            registry.register(*key, token, accepted=True, at=at)
        elif kind == 4:
            registry.heard_from(*key, at=at, telemetry=True)
        elif kind == 5 and choice.randrange(3) == 0:
            registry.cancel(worker.run_id, at=at)
        elif kind == 6 and choice.randrange(3) == 0:
            assert registry.recover().freed == ()
        else:
            facts = [name for name in FACTS if choice.randrange(2)]
            registry.transition(*key, choice.choice(EVENTS), facts, at=at, reason="a reason")
    except (IllegalTransition, SlotsNotFree):
        pass


def check(registry: Registry) -> None:
    """Fail unless the rows of the registry agree with each other."""
    (runs, found, _), *_, gpus = registry.overview()
    slots = gpus.slots
    held = [(slot.run_id, slot.worker_id, slot.number) for slot in slots if slot.run_id is not None]
    has = [(one.run_id, one.worker_id, slot) for one in found if one.state in RUNNING for slot in one.slots]
    assert sorted(held) == sorted(has)
    assert [slot.number for slot in slots] == list(range(8))
    for run_id in [run.run_id for run in runs]:
        run, of_run, moves = registry.details(run_id)
        assert run.status == status_of([(one.state, one.reached) for one in of_run])
        assert (run.finished_at is not None) == all(one.state in ENDS for one in of_run) == (run.status in ENDS)
        replayed: dict[str, str] = {}
        for move in moves:
            source = replayed.get(move.worker_id)
            assert move.source == source
            assert source not in ENDS
            assert move.target == ("INIT" if source is None else target_of(source, move.event, move.facts))
            replayed[move.worker_id] = move.target
        assert replayed == {one.worker_id: one.state for one in of_run}
        for one in of_run:
            _check_worker(one)


def _check_worker(worker: Worker) -> None:
    assert (worker.finished_at is not None) == (worker.state in ENDS)
    assert len(worker.slots) <= worker.gpus
    if worker.mandatory and worker.state in RUNNING:
        assert len(worker.slots) == worker.gpus


def main(path: str, seed: str, count: str) -> None:
    """Perform operations on the registry at ``path``, and say so."""
    choice = random.Random(int(seed))
    with closing(Registry(Path(path))) as registry:
        for _ in range(int(count)):
            act(registry, choice)


if __name__ == "__main__":
    main(*sys.argv[1:])
