"""Random rehearsals with faults: registry, chain and report agree on who was alive when, and every liar is found.

All processes are real, but forked, and train nothing. A failure names its seed: ``--random-seed`` with the number at
its beginning repeats it.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.rehearsal.faults import Fault
from tests.support.forking import Forker

from .rehearsal_judge import judge, outcomes
from .rehearsal_runs import IMPORTED, Plan, Rehearsals, Rehearsed, drawn_plan
from .rehearsed import rehearse_and_judge
from .sabotage import SABOTAGES, VARIABLE
from .supervised import processes_of

CHUNKS = 3
SCHEDULES = 1
"""Per chunk; MANY with ``--full``, which makes 300. ``python -m tests.faults.rehearsed --count 300`` makes as many."""
MANY = 100
PLAN = Plan(
    5,
    16,
    1,
    (
        Fault("lie", 2, at_step=2, seconds=8, how="scaled"),
        Fault("lie", 4, at_step=3, seconds=8, how="wrong-hash"),
        Fault("kill", 3, at_step=4),
    ),
    1,
    batch=5,
)
LYING_ALIKE = Plan(3, 16, 1, tuple(Fault("lie", one, at_step=2, how="false-check") for one in (2, 3)), 1)


@pytest.fixture(scope="module")
def forker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    opened = Forker(tmp_path_factory.mktemp("fork"), *IMPORTED)
    yield opened
    assert opened.close() == []


@contextmanager
def opened(forker: Forker, folder: Path) -> Iterator[Rehearsals]:
    """Rehearsals in a folder. A process that is left is killed."""
    rehearsals = Rehearsals(forker, folder)
    try:
        yield rehearsals
    finally:
        rehearsals.close()
        for pid in processes_of(folder):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_registry_chain_and_report_agree(
    forker: Forker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, random_seed: int, full: bool, chunk: int
) -> None:
    wrong: list[str] = []
    kinds: set[str] = set()
    with opened(forker, tmp_path) as rehearsals:
        for number in range(MANY if full else SCHEDULES):
            seed = f"{random_seed}:rehearsal:{chunk}:{number}"
            plan = drawn_plan(seed)
            kinds |= {fault.kind for fault in plan.faults}
            with monkeypatch.context() as patching:
                faults, _ = rehearse_and_judge(rehearsals, forker, plan, patching.setattr)
            if faults:
                text = "\n  ".join([f"{seed}: {plan}", *(fault.text for fault in plan.faults), *faults])
                wrong.append(text)
    assert not wrong, f"{len(wrong)} rehearsals:\n" + "\n".join(wrong[:5])
    assert not full or len(kinds) == 7


def test_two_members_that_lie_alike_win_against_the_third_and_the_report_says_so(
    forker: Forker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(forker, tmp_path) as rehearsals:
        found = rehearsals.rehearse(LYING_ALIKE, monkeypatch.setattr)
    assert [*judge(LYING_ALIKE, found)] == []
    assert outcomes(LYING_ALIKE, found)["honest members outvoted"] > 0
    lies = {lie.member: lie for lie in found.data.lies}
    assert lies[1].accused_at
    assert (lies[1].rounds, lies[1].steps, lies[1].planned) == (0, (), False)


# --- whether the judge notices what is wrong --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found(forker: Forker, tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    """A rehearsal in which nothing is wrong."""
    with pytest.MonkeyPatch.context() as patching, opened(forker, tmp_path_factory.mktemp("right")) as rehearsals:
        found = rehearsals.rehearse(PLAN, patching.setattr)
    assert [*judge(PLAN, found)] == []
    counts = outcomes(PLAN, found)
    assert min(counts["refuted by an honest majority"], counts["malformed"]) > 0
    return found


def _lie(found: Rehearsed, of: int, **changed: Any) -> Rehearsed:
    lies = tuple(replace(lie, **changed) if lie.member == of else lie for lie in found.data.lies)
    return found._replace(data=replace(found.data, lies=lies))


def _member(found: Rehearsed, **changed: Any) -> Rehearsed:
    first, *others = found.data.member_list
    return found._replace(data=replace(found.data, member_list=(replace(first, **changed), *others)))


def _row(found: Rehearsed, **changed: Any) -> Rehearsed:
    rows = list(found.data.round_list)
    rows[-2] = replace(rows[-2], **changed)
    return found._replace(data=replace(found.data, round_list=tuple(rows)))


def _witnessed_after_death(found: Rehearsed) -> Rehearsed:
    """The chain and the report have a witness whose worker had ended by the registry."""
    record = found.evidence.record
    last = record.rounds[-1]
    dead = found.evidence.wallets[2]
    rounds = [*record.rounds[:-1], last._replace(witnesses=(*last.witnesses, dead), clients=(*last.clients, dead))]
    changed: Any = _Record(record, rounds)
    rows = tuple(
        replace(row, witnesses=(*row.witnesses, 3), clients=(*row.clients, 3)) if row.step == last.step else row
        for row in found.data.round_list
    )
    evidence = found.evidence._replace(record=changed)
    return found._replace(evidence=evidence, data=replace(found.data, round_list=rows))


class _Record:
    """A record with other rounds."""

    def __init__(self, record: Any, rounds: list[Any]) -> None:
        self._record = record
        self.rounds = rounds
        self.all_rounds = [*rounds, *record.all_rounds[len(rounds) :]]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._record, name)


ALTERATIONS: dict[str, tuple[Callable[[Rehearsed], Rehearsed], str]] = {
    "a lie that is not reported": (lambda found: _lie(found, 2, steps=()), "member 2 lied, and was not found"),
    "bytes without meaning that are not reported": (lambda found: _lie(found, 4, steps=()), "member 4 lied, and was"),
    "an accused honest member": (lambda found: _lie(found, 2, member=1), "member 1 is accused, and has not lied"),
    "a lie of another kind": (lambda found: _lie(found, 2, how=("copied",)), "lies of the kinds"),
    "a worker in another state": (lambda found: _member(found, worker="FAULTED"), "the report has FAULTED"),
    "a witness that did not report": (lambda found: _row(found, witnesses=(1,)), "the report has witnesses (1,)"),
    "a result that did not count": (lambda found: _row(found, counted=()), "the report has counted ()"),
    "a client too many": (lambda found: _row(found, clients=(1, 2, 3, 4, 5, 6)), "the report has clients"),
    "a round of another length": (lambda found: _row(found, seconds=99), "the report has seconds 99"),
    "a missing round": (
        lambda found: found._replace(data=replace(found.data, round_list=found.data.round_list[1:])),
        "the report has other rounds than the chain",
    ),
    "other weights": (lambda found: found._replace(data=replace(found.data, agreed=False)), "different weights"),
    "a witness that was dead": (_witnessed_after_death, "the registry has its end before step"),
    "a worker that has no end": (
        lambda found: found._replace(moves=[move for move in found.moves if move.target != "TERMINATED"]),
        "member 1: the registry has ['INIT', 'HANDSHAKE', 'READY', 'EXECUTING'] for it",
    ),
}


@pytest.mark.parametrize("name", ALTERATIONS)
def test_the_judge_notices_what_was_altered_afterward(found: Rehearsed, name: str) -> None:
    alter, message = ALTERATIONS[name]
    assert message in "\n".join(judge(PLAN, alter(found)))


def test_the_judge_notices_a_death_that_no_fault_explains(found: Rehearsed) -> None:
    assert "no fault kills it" in "".join(judge(PLAN._replace(faults=PLAN.faults[:2]), found))


NOTICED = {
    "a lie is overlooked": "left out {",
    "an honest checker is accused": "is accused, and has not lied",
    "a member counts other results than the rest": "has other weights than follow",
    "a member computes another share": "published something that it did not compute",
    "malformed bytes are not named": "member 4 lied, and was not found",
    "a slot is not freed": "slots are held",
    "a killed worker ends as others do": "it was killed, and its worker is TERMINATED",
    "a process is left": "processes are left",
}
"""What the judge says about each error of the product."""


def test_the_judge_notices_an_error_of_the_product(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, random_seed: int, full: bool
) -> None:
    assert SABOTAGES.keys() == NOTICED.keys()
    names = sorted(NOTICED)
    for number, name in enumerate(names if full else random.Random(random_seed).sample(names, 2)):
        own, folder = tmp_path / f"{number}", tmp_path / f"{number}-rehearsals"
        own.mkdir()
        folder.mkdir()
        monkeypatch.setenv(VARIABLE, name)
        forker = Forker(own, *IMPORTED, "tests.faults.sabotage")
        try:
            with monkeypatch.context() as patching, opened(forker, folder) as rehearsals:
                faults, _ = rehearse_and_judge(rehearsals, forker, PLAN, patching.setattr)
        finally:
            forker.close()
        assert NOTICED[name] in "\n".join(faults), name
