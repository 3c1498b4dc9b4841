"""Random rehearsals with faults: registry, chain and report agree on who was alive when, and every liar is found.

All processes are real, but forked, and train nothing. A failure names its seed: ``--random-seed`` with the number at
its beginning repeats it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from psyche_cli.rehearsal.faults import Fault
from tests.support.forking import Forker

from .rehearsed import IMPORTED, Plan, Theater, drawn_plan, judge, play_and_judge, wrong_rounds

CHUNKS = 3
SCHEDULES = 1
"""Per chunk; MANY with ``--full``. All 300: ``python -m tests.faults.rehearsed --count 300``."""
MANY = 40


@pytest.fixture(scope="module")
def forker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    opened = Forker(tmp_path_factory.mktemp("fork"), *IMPORTED)
    yield opened
    assert opened.close() == []


@pytest.fixture
def theater(forker: Forker, tmp_path: Path) -> Iterator[Theater]:
    opened = Theater(forker, tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_registry_chain_and_report_agree(
    theater: Theater, forker: Forker, monkeypatch: pytest.MonkeyPatch, random_seed: int, full: bool, chunk: int
) -> None:
    wrong: list[str] = []
    kinds: set[str] = set()
    for number in range(MANY if full else SCHEDULES):
        seed = f"{random_seed}:rehearsal:{chunk}:{number}"
        plan = drawn_plan(seed)
        kinds |= {fault.kind for fault in plan.faults}
        with monkeypatch.context() as patching:
            faults = play_and_judge(theater, forker, plan, patching.setattr)
        if faults:
            text = "\n  ".join([f"{seed}: {plan}", *(fault.text for fault in plan.faults), *faults])
            wrong.append(text)
    assert not wrong, f"{len(wrong)} rehearsals:\n" + "\n".join(wrong[:5])
    assert not full or len(kinds) == 7


def test_the_judge_finds_what_is_wrong(theater: Theater, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(3, 16, 1, (Fault("lie", 2, at_step=2, seconds=5), Fault("kill", 3, at_step=5)), 1)
    found = theater.play(plan, monkeypatch.setattr)
    assert [*judge(plan, found)] == []
    [lie] = found.data.lies
    assert lie.steps
    not_found = replace(found.data, lies=(replace(lie, steps=()),))
    assert "and was not found" in "".join(judge(plan, found._replace(data=not_found)))
    accused = replace(found.data, lies=(lie, replace(lie, member=1)))
    assert "and has not lied" in "".join(judge(plan, found._replace(data=accused)))
    assert "no fault kills it" in "".join(judge(plan._replace(faults=plan.faults[:1]), found))
    fewer = replace(found.data, round_list=found.data.round_list[:-1], steps=found.data.steps - 1)
    assert {"the report has other rounds than the chain"} <= set(wrong_rounds(found._replace(data=fewer)))
    revived = replace(found.data.member_list[2], worker="TERMINATED")
    alive = replace(found.data, member_list=(*found.data.member_list[:2], revived))
    assert "the report has TERMINATED" in "".join(judge(plan, found._replace(data=alive)))
