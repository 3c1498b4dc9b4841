"""Random operations on one registry from several threads and processes, and what is left when they are killed."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psyche_cli.errors import IllegalTransition
from psyche_cli.lifecycle.machine import Possibility, outlooks
from psyche_cli.lifecycle.worker import WORKER
from psyche_cli.workers.registry.checking import RUNNING, NotAllowed, target_of
from psyche_cli.workers.registry.registry import Registry
from tests.workers.registry.operations import act, check
from tests.workers.registry.submissions import submission

OPERATIONS = "tests.workers.registry.operations"
SEEDS = st.integers(0, 2**32)


@contextmanager
def registries(count: int) -> Iterator[list[Registry]]:
    """Several registries on the same new file."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        path = Path(folder) / "registry.db"
        yield [stack.enter_context(closing(Registry(path))) for _ in range(count)]


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, choices=st.lists(st.integers(0, 1), min_size=1, max_size=60))
def test_the_rows_agree_after_every_operation(seed: int, choices: list[int]) -> None:
    choice = random.Random(seed)
    with registries(2) as both:
        for number in choices:
            act(both[number], choice)
            check(both[1 - number])


@settings(max_examples=10, deadline=None)
@given(seeds=st.lists(SEEDS, min_size=3, max_size=3, unique=True))
def test_the_rows_agree_after_operations_of_several_threads(seeds: list[int]) -> None:
    def work(registry: Registry, seed: int) -> None:
        choice = random.Random(seed)
        for _ in range(25):
            act(registry, choice)
            if choice.randrange(10) == 0:
                check(registry)

    with registries(2) as found:
        check_all = [found[0], found[0], found[1]]  # two of the threads share one
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(work, check_all, seeds))
        check(found[0])


@pytest.mark.parametrize("killed", [False, True])
def test_the_rows_agree_after_operations_of_several_processes(tmp_path: Path, killed: bool) -> None:
    path = tmp_path / "registry.db"
    count = "1000000" if killed else "150"
    processes = [subprocess.Popen([sys.executable, "-m", OPERATIONS, str(path), str(seed), count]) for seed in range(3)]
    with closing(Registry(path)) as registry:
        if killed:
            while len(registry.page().workers) < 8:
                check(registry)
            for process in processes:
                process.kill()
        codes = [process.wait() for process in processes]
        assert codes == [-9 if killed else 0] * 3
        check(registry)
        assert registry.recover().freed == ()
        choice = random.Random(1)
        for _ in range(20):
            act(registry, choice)
        check(registry)


def test_processes_that_create_the_registry_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "workers" / "registry.db"
    processes = [subprocess.Popen([sys.executable, "-m", OPERATIONS, str(path), str(seed), "1"]) for seed in range(6)]
    assert [process.wait() for process in processes] == [0] * 6
    with closing(Registry(path)) as registry:
        check(registry)


def test_the_same_configuration_from_several_threads_is_one_run() -> None:
    with registries(4) as found:
        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda one: one.submit(submission(workers=3), at=1000), found))
        assert sum(one.created for one in done) == 1
        assert len({one.run.run_id for one in done}) == len(found[0].runs()) == 1
        check(found[0])


def test_one_of_several_threads_starts_a_worker() -> None:
    with registries(4) as found:
        run_id = found[0].submit(submission(gpus=1), at=1000).run.run_id

        def start(registry: Registry) -> bool:
            try:
                registry.start(run_id, "worker-001", at=1001)
            except IllegalTransition:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(start, found)) == 1
        check(found[0])


@given(
    state=st.sampled_from([state.name for state in WORKER.states]),
    event=st.sampled_from(sorted({one.trigger for one in WORKER.transitions})),
    facts=st.sets(st.sampled_from([one.name for one in WORKER.conditions])),
)
def test_an_event_has_one_target_at_most(state: str, event: str, facts: set[str]) -> None:
    given_facts = [name if name in facts else f"not-{name}" for name in WORKER.conditions_by_name]
    possible = {
        one.transition.target
        for one in outlooks(WORKER, state, given_facts)
        if one.transition.trigger == event and one.possibility is Possibility.POSSIBLE
    }
    assert len(possible) <= 1
    try:
        assert {target_of(state, event, facts)} == possible
    except NotAllowed:
        assert possible == set()


def test_a_process_that_has_ended_can_always_be_recorded() -> None:
    """Whether or not a cancellation was requested, there is an end for a worker whose processes have gone."""
    for state in RUNNING:
        for code in ([], ["exit-code-0"]):
            assert target_of(state, "worker exits", ["group-gone", *code]) in ("TERMINATED", "FAULTED")
            requested = ["group-gone", "cancel-requested", *code]
            assert target_of(state, "CancelRun", requested) == "CANCELLED"
