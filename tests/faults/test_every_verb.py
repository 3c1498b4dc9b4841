"""Every verb under every fault: stdout is one JSON document, and no private key is in the output or in any new file."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.schema_check import check_output
from tests.cli.test_output import ADDRESS
from tests.cli.test_secret_properties import VERBS

from .judge import judge_secrets, shown_forms
from .line import FaultyLine
from .schedule import ALWAYS, BEFORE, EITHER, SENDING_ONLY, Schedule
from .world import World, build_world

KINDS = (*BEFORE, *EITHER, *ALWAYS, *SENDING_ONLY)
HEALTHY = (0, 1, 2, 4)
"""How many requests are answered before the fault begins: all of these numbers with ``--full``. By default, a verb
meets every second kind of fault, after one of these numbers; verbs differ in both."""


class SteadySchedule(Schedule):
    """The same fault of every request after the first ``healthy`` ones."""

    def __init__(self, kind: str, healthy: int) -> None:
        calm = Schedule.calm(f"{kind} {healthy}")
        self.__dict__.update(vars(calm))
        self._kind, self._left = kind, healthy

    def fault(self, method: str) -> str | None:
        self._left -= 1
        if self._left >= 0 or (self._kind in SENDING_ONLY and method not in ("sendTransaction", "requestAirdrop")):
            return None
        return self._kind


@dataclass
class Place:
    """A world with a run named ``test``, and the working folder."""

    world: World
    folder: Path

    def run(self, verb: str, kind: str, healthy: int) -> list[str]:
        """The problems of a command under a fault."""
        world = self.world
        world.restore()
        line = FaultyLine(world.dispatcher, world.clock, SteadySchedule(kind, healthy))
        kept = {path for path in self.folder.rglob("*") if path.is_file()}
        words = [*VERBS[verb], "--output", "json"]
        outcome = world.killable_command(line, None, *VERBS[verb])
        assert outcome is not None
        line.drain()
        check_output(words, outcome.stdout)
        problems = [*judge_secrets(world, line)]
        document = json.loads(outcome.stdout)
        if "exit_code" in document and document["exit_code"] != outcome.code:
            problems.append(f"the document says {document['exit_code']}, and the exit code is {outcome.code}")
        for path in {path for path in self.folder.rglob("*") if path.is_file()} - kept:
            content = path.read_bytes()
            if any(form.encode() in content for key in world.secrets for form in shown_forms(key)):
                problems.append(f"a private key is in {path}")
            path.unlink()
        return problems


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    world = build_world(tmp_path_factory.mktemp("every-verb"))
    run = world.command(world.transport, "create-run", "--run-id", "test", "--treasurer-collateral-mint", world.mint)
    assert run.code == 0, run.stderr
    world.start = world.bank.save()
    folder = world.home / "here"
    folder.mkdir()
    account = {"lamports": 1, "data": ["", "base64"], "owner": ADDRESS}
    (folder / "account.json").write_text(json.dumps({"pubkey": ADDRESS, "account": account}))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(tempfile, "tempdir", str(folder))
        patch.setitem(world.variables, "PSYCHE_CLI_TRACEBACK", "1")
        yield Place(world, folder)


@pytest.mark.parametrize("verb", VERBS)
def test_stdout_is_one_json_document_without_keys(place: Place, verb: str, full: bool) -> None:
    wrong = [
        f"{kind} after {healthy} requests: {problem}"
        for number, kind in enumerate(KINDS, len(verb))
        if full or number % 2 == 0
        for healthy in (HEALTHY if full else (HEALTHY[number // 2 % len(HEALTHY)],))
        for problem in place.run(verb, kind, healthy)
    ]
    assert not wrong, "\n".join(wrong)
