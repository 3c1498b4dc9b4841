"""The daemon is killed at random moments while it supervises random workers: nothing is lost, and nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.forking import Forker

from .supervised import Supervised, drawn_schedule, judge, launches_in, processes_of

CHUNKS = 2
KILLED = 4
"""How many times a daemon is killed, per chunk; 25 with ``--full``, which makes 50."""


@pytest.fixture(scope="module")
def forker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    opened = Forker(tmp_path_factory.mktemp("fork"))
    yield opened
    assert opened.close() == []


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_daemon_that_is_killed_loses_nothing(
    forker: Forker, tmp_path: Path, random_seed: int, full: bool, chunk: int
) -> None:
    wrong: list[str] = []
    left = 25 if full else KILLED
    number = 0
    while left > 0:
        seed = f"{random_seed}:supervised:{chunk}:{number}"
        kills = min(number % 4, left)
        wrong += supervise(forker, tmp_path / str(number), seed, kills)
        left -= kills
        number += 1
    assert not wrong, f"{len(wrong)} problems:\n" + "\n".join(wrong[:10])


def supervise(forker: Forker, state: Path, seed: str, kills: int) -> list[str]:
    """Carry out the schedule of a seed. Returns what is wrong."""
    schedule = drawn_schedule(seed, kills=kills)
    supervised = Supervised(forker, state, seed)
    try:
        run_ids = supervised.carry_out(schedule)
    finally:
        forker.kill_daemon(supervised.pid)
    faults = [*judge(supervised, schedule, run_ids, launches_in(forker.ended))]
    if left := processes_of(state):
        faults.append(f"processes are left: {left}")
    return [f"{seed}: {fault}" for fault in faults] + ([supervised.log] if faults else [])
