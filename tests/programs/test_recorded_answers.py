"""The built programs answer as recorded: results, logs, and every account after a success."""

from __future__ import annotations

import base64
import gzip
import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from .chain import ABORT, Code
from .recorded_answers import INSTRUCTIONS, Answer, Put, Sequence, comparable, read, write
from .replay import Replay
from .write_recorded_answers import published

KINDS = ("args", "authorizer", "clock", "coord", "init", "many", "treasurer", "world")
"""Of the random sequences, which begin their title with it. The others were crafted, each for one thing."""

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "protocol" / "published"


@cache
def recorded() -> list[Sequence]:
    return read()


def of_kind(kind: str) -> list[Sequence]:
    def kind_of(sequence: Sequence) -> str:
        word, _, number = sequence.title.partition(" ")
        return word if word in KINDS and number.isdigit() else "crafted"

    return [sequence for sequence in recorded() if kind_of(sequence) == kind]


@pytest.mark.parametrize("kind", ["crafted", *KINDS])
def test_every_answer_is_the_recorded_one(kind: str) -> None:
    replay = Replay()
    for sequence in of_kind(kind):
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
    for sequence in recorded():
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
    some = recorded()[::25]
    write(some, tmp_path / "some")
    assert read(tmp_path / "some") == some


def test_inputs_and_answers_are_the_published_ones_where_they_are_at_hand() -> None:
    own = {sequence.title: sequence for sequence in recorded()}
    for path in sorted(PUBLISHED.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            answers = [json.loads(line)["steps"] for line in lines]
        for inputs, theirs in zip(published(path), answers, strict=True):
            for step, given, answer in zip(own[inputs.title].steps, inputs.steps, theirs, strict=True):
                if isinstance(step, Put) or isinstance(given, Put):
                    assert step == given
                else:
                    assert step[0] == given[0]
                    assert_published(step[1], answer)


def assert_published(found: Answer, published: dict[str, Any]) -> None:
    """The contents of large accounts aside, of which not all bytes are comparable."""
    match published["error"]:
        case {"Custom": code}:
            assert found.code == code
        case "ProgramFailedToComplete":
            assert found.code == ABORT
        case error:
            assert found.code == error
    assert found.logs == comparable(tuple(published["logs"]), found.code)
    after = published.get("after", {})
    assert {bytes(address).hex() for address in found.after} == set(after)
    for address, image in found.after.items():
        expected = after[bytes(address).hex()]
        assert image.lamports == expected["lamports"]
        assert bytes(image.owner).hex() == expected["owner"]
        assert len(image.data) == expected["length"]
        if "data" in expected:
            assert image.data == base64.b64decode(expected["data"])
