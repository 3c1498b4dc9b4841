"""Compare ours with recordings of the published programs: ``python -m tests.programs.compare_with_published FILE ...``.

A FILE is a recording of answers (``*.jsonl.gz``), which our recorded answers must equal, or of traces (``*.json``),
which our programs and the model must reproduce. Run it after the recorded answers or the traces have been rewritten.
Stops at the first difference.
"""

from __future__ import annotations

import base64
import gzip
import json
import sys
from pathlib import Path
from typing import Any

from .chain import ABORT
from .recorded_answers import Answer, Put, comparable, read
from .test_traces import Player
from .traces import summary
from .write_recorded_answers import published


def main(arguments: list[str]) -> int:
    if not arguments:
        sys.stderr.write("Give the recordings: FILE.jsonl.gz with answers, FILE.json with traces.\n")
        return 2
    for path in map(Path, arguments):
        compared = compare_answers(path) if path.name.endswith(".jsonl.gz") else compare_traces(path)
        assert compared, f"{path} holds nothing to compare"
        sys.stdout.write(f"{path.name}: {compared} steps are equal\n")
    return 0


def compare_answers(path: Path) -> int:
    """Compare a recording of answers with ours; return the number of steps."""
    own = {sequence.title: sequence for sequence in read()}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        answers = [json.loads(line)["steps"] for line in lines]
    compared = 0
    for inputs, theirs in zip(published(path), answers, strict=True):
        for step, given, answer in zip(own[inputs.title].steps, inputs.steps, theirs, strict=True):
            if isinstance(step, Put) or isinstance(given, Put):
                assert step == given
            else:
                assert step[0] == given[0]
                _compare_answer(step[1], answer)
            compared += 1
    return compared


def _compare_answer(found: Answer, published: dict[str, Any]) -> None:
    """An outcome without the contents of large accounts, of which not all bytes are comparable."""
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


def compare_traces(path: Path) -> int:
    """Replay published traces on our program and the model; return the number of steps."""
    compared = 0
    for trace in json.loads(path.read_text(encoding="utf-8"))["traces"]:
        player, expected = Player(), {}
        for step in trace["ops"]:
            expected.update(step["changed"])
            code = player.play(tuple(step["clock"]), step["op"])
            assert code == {"ok": None, "panic": ABORT}.get(step["result"], step["result"]), step
            assert summary(player.state) == expected, step
            compared += 1
    return compared


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
