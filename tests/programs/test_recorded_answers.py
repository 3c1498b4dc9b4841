"""The built programs reproduce the recordings: results, logs, and every account after a success."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import pytest

from .chain import ABORT, Code
from .recorded_answers import INSTRUCTIONS, Put, read, write
from .replay import Replay

KINDS = ("args", "authorizer", "clock", "coord", "init", "many", "treasurer", "world")
"""Of the random sequences, which begin their title with it. The others were crafted, each for one thing."""


def kind_of(title: str) -> str:
    word, _, number = title.partition(" ")
    return word if word in KINDS and number.isdigit() else "crafted"


@pytest.mark.parametrize("kind", ["crafted", *KINDS])
def test_every_answer_is_the_recorded_one(kind: str) -> None:
    replay = Replay()
    for sequence in read(wanted=lambda title: kind_of(title) == kind):
        replay.begin()
        for number, step in enumerate(sequence.steps):
            if isinstance(step, Put):
                replay.execute(step)
                continue
            call, expected = step
            found = replay.execute(call)
            assert found is not None
            place = f"{sequence.title}, step {number}: {call.name}"
            assert (found.code, found.logs) == (expected.code, expected.logs), place
            assert found.after == expected.after, place


def test_recordings_go_far() -> None:
    """Every instruction succeeds somewhere and fails in many ways."""
    results: dict[str | None, Counter[Code]] = {}
    for sequence in read():
        for moment in sequence.moments():
            results.setdefault(moment.call.name, Counter())[moment.answer.code] += 1
    assert sum(sum(counter.values()) for counter in results.values()) == 8095
    for names in INSTRUCTIONS.values():
        for name in names:
            assert results[name][None] >= 1, name
            assert len(results[name]) >= 8, (name, results[name])
    codes = {code for counter in results.values() for code in counter}
    assert {101, 102, 1002, 1500, 2000, 2001, 2003, 2004, 2006, 2009, 2015, 4101, 6010, ABORT} <= codes
    assert {code for code in codes if isinstance(code, int) and 3000 <= code < 3020} == {
        *(3000, 3001, 3002, 3003, 3005, 3007, 3008, 3010, 3011, 3012, 3016)
    }


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    some = [*itertools.islice(read(), 0, None, 25)]
    write(some, tmp_path / "some")
    assert [*read(tmp_path / "some")] == some
