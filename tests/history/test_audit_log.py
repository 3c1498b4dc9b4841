"""``history``: the audit log of a run on the command line, as a table, a document, lines and files."""

from __future__ import annotations

import csv
import io
import json
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from psyche_cli.errors import ExitCode
from psyche_cli.operations.history.files import COLUMNS
from psyche_cli.stop_signals import StopRequested
from tests.cli.harness import CommandLine, Outcome
from tests.history.command_lines import command_line_of, offline
from tests.history.endpoints import Partial
from tests.history.story import START, StillStory


class Log:
    """The ``history`` of a story, which was read once."""

    def __init__(self, story: StillStory, home: Path) -> None:
        self.story = story
        self.cli = command_line_of(story, home)
        self.cli.json("history", "--run-id", story.run_id)

    def __call__(self, *words: object) -> Outcome:
        return self.cli("history", "--run-id", self.story.run_id, *words)

    def events(self, *words: object) -> list[Any]:
        """The events that pass filters, as JSON lines."""
        outcome = self(*words, "--format", "jsonl")
        assert outcome.code is ExitCode.OK, outcome.stderr
        return [json.loads(line) for line in outcome.stdout.splitlines()]


@pytest.fixture(scope="module")
def log(told: StillStory, tmp_path_factory: pytest.TempPathFactory) -> Log:
    return Log(told, tmp_path_factory.mktemp("log"))


def test_every_transaction_of_the_run_is_listed(log: Log) -> None:
    events = log.events()
    assert list(dict.fromkeys(one["signature"] for one in events)) == log.story.recorded
    assert {one["incarnation"] for one in events} == {1, 2, 3}
    assert all(one["is_reliable"] and not one["problems"] for one in events)
    places = [(one["slot"], one["position"], one["instruction"], one["inner_call"]) for one in events]
    assert places == sorted(places)


def test_the_document_has_the_latest_events(log: Log) -> None:
    everything = log.events()
    document = log("--limit", "7", "--output", "json").data
    assert document["events"] == everything[-7:]
    assert document["matching"] == len(everything)
    history = document["history"]
    assert [one["number"] for one in history["incarnations"]] == [1, 2, 3]
    assert (history["gaps"], history["differences"], history["notes"]) == ([], [], [])


def test_who_did_what_in_words(log: Log) -> None:
    owner = log.story.owner.address
    started, *_ = log.events("--kind", "set_paused", "--signer", owner)
    assert started["sentence"] == f"Owner {owner} started the run: Uninitialized -> Waiting for members."
    assert (started["by"], started["role"], started["fee_lamports"]) == (str(owner), "owner", 5000)
    failed = log.events("--failed")
    assert {one["outcome"] for one in failed} >= {"failed"}
    assert all(one["error"] in one["sentence"] for one in failed if one["outcome"] == "failed")
    records = log.story.bank.history.records()
    failures = [one for one in records if one.error is not None and log.story.addresses.intersection(one.keys)]
    assert len({one["signature"] for one in failed}) == len(failures)


@pytest.mark.parametrize("option", ["--since", "--until"])
def test_places_of_all_forms(log: Log, option: str) -> None:
    everything = log.events()
    middle = next(one for one in everything if one["time"] > START + 200 and one["position"] == 0)
    moment = f"{middle['slot']}"
    at_slot = log.events(option, moment)
    assert at_slot == [one for one in everything if _keeps(option, one["slot"], middle["slot"])]
    for text in (middle["signature"], middle["signature"][:12]):
        found = log.events(option, text)
        places = (middle["slot"], middle["position"])
        assert found == [one for one in everything if _keeps(option, (one["slot"], one["position"]), places)]
    time = middle["time"]
    by_time = [one for one in everything if _keeps(option, one["time"], time)]
    assert log.events(option, f"{_iso(time)}Z") == log.events(option, f"{_iso(time)}+00:00") == by_time
    last = everything[-1]["time"]
    assert log.events(option, f"{last - time}s") == by_time


def _keeps(option: str, value: Any, bound: Any) -> bool:
    return bool(value >= bound if option == "--since" else value <= bound)


def _iso(seconds: int) -> str:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_fits_the_terminal(log: Log, columns: int) -> None:
    log.cli.variables["COLUMNS"] = str(columns)
    try:
        outcome = log("--since", "2027-01-15")
    finally:
        del log.cli.variables["COLUMNS"]
    table = outcome.stdout.split("\n\n", 1)[1].splitlines()
    assert max(map(len, table)) <= columns
    assert {"Incarnation 2", "Incarnation 3"} <= {*table}
    assert "undone" not in outcome.stdout
    assert "failed to pause the run" in " ".join(outcome.stdout.split())


def test_files_have_the_same_rows(log: Log, tmp_path: Path) -> None:
    lines = log.events("--kind", "witness")
    written = log("--kind", "witness", "--format", "jsonl", "-o", tmp_path / "events.jsonl", "--output", "json").data
    assert written["events"] == len(lines) > 10
    assert [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()] == lines
    text = log("--kind", "witness", "--format", "csv").stdout
    assert log("--kind", "witness", "--format", "csv", "-o", tmp_path / "events.csv").code is ExitCode.OK
    assert (tmp_path / "events.csv").read_text() == text
    rows = [*csv.DictReader(io.StringIO(text))]
    assert log("--kind", "witness", "--format", "parquet", "-o", tmp_path / "events.parquet").code is ExitCode.OK
    table = parquet.read_table(tmp_path / "events.parquet").to_pylist()
    assert len(rows) == len(table) == len(lines)
    for line, row, entry in zip(lines, rows, table, strict=True):
        for name in COLUMNS:
            value = line[name]
            is_text = isinstance(value, str) or value is None
            assert row[name] == ("" if value is None else value) if is_text else json.loads(row[name]) == value
            assert entry[name] == value if is_text or isinstance(value, int) else json.loads(entry[name]) == value


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--kind", "set_pause"), "There is no instruction 'set_pause'."),
        (("--since", "last week"), "--since is not a time."),
        (("--signer", "x"), "--signer"),
        (("--format", "parquet"), "--format parquet needs a file."),
        (("-o", "x.csv"), "A table is not written to a file."),
        (("--format", "csv", "--output", "json"), "--output json prints one document"),
        (("--follow", "--no-sync"), "--follow cannot be combined with --no-sync."),
        (("--follow", "--until", "1"), "--follow cannot be combined with --until."),
        (("--follow", "--archive", "x"), "--follow cannot be combined with --archive."),
        (("--since", "200", "--until", "100"), "--since 200 is later than --until 100."),
    ],
)
def test_what_does_not_go_together_is_refused(log: Log, words: tuple[str, ...], sentence: str) -> None:
    outcome = log(*words)
    assert outcome.code is ExitCode.USAGE
    assert sentence in outcome.stderr


def test_what_does_not_exist(log: Log) -> None:
    unknown = log("--since", "5" * 88)
    assert (unknown.code, "does not contain the transaction" in unknown.stderr) == (ExitCode.NOT_FOUND, True)
    archive = log.cli.home / "other.zip"
    for words in (("history",), ("history", "state", "--at", "1"), ("history", "export", "-o", archive)):
        nothing = log.cli(*words, "--run-id", "other")
        assert nothing.code is ExitCode.NOT_FOUND
        assert "There are no transactions of run 'other'" in nothing.stderr
    assert not archive.exists()
    assert log.cli("history").code is ExitCode.USAGE


def test_without_a_sync_nothing_new_is_read(told: StillStory, tmp_path: Path) -> None:
    requests: list[str] = []
    cli = command_line_of(told, tmp_path)
    empty = cli("history", "--run-id", told.run_id, "--no-sync")
    assert (empty.code, "omit --no-sync" in empty.stderr) == (ExitCode.NOT_FOUND, True)
    first = cli("history", "--run-id", told.run_id)
    again = cli("history", "--run-id", told.run_id, "--no-sync", "--verbose")
    requests = [line for line in again.stderr.splitlines() if " ms" in line]
    assert again.stdout == first.stdout
    assert len(requests) == 1
    assert "getGenesisHash" in requests[0]


def test_new_events_are_followed(tmp_path: Path) -> None:
    story = StillStory(run_id="followed")
    story.create()
    cli = command_line_of(story, tmp_path)
    clock = _Acting([lambda: story.resume(), lambda: story.join(0, 1)])
    cli.clock = clock
    outcome = cli("history", "--run-id", "followed", "--follow", "--timeout", "20", "--output", "json")
    assert outcome.code is ExitCode.OK, outcome.stderr
    found = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert not clock.actions
    kinds = Counter(one["kind"] for one in found)
    assert (kinds["set_paused"], kinds["join_run"], kinds["authorization_create"]) == (1, 2, 1)
    assert len({(one["signature"], one["instruction"], one["inner_call"]) for one in found}) == len(found)
    table = cli("history", "--run-id", "followed", "--follow", "--timeout", "5")
    assert table.code is ExitCode.OK
    assert "started the run" in table.stdout


class _Acting:
    """A clock whose pauses take no time, and before each of which the next action happens."""

    def __init__(self, actions: list[Any]) -> None:
        self.actions = actions
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def unix_time(self) -> float:
        return START + self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds
        if self.actions:
            self.actions.pop(0)()


def test_a_difference_from_the_run_as_it_is_now_is_shown(tmp_path: Path) -> None:
    story = StillStory(run_id="edited")
    story.create()
    cli = command_line_of(story, tmp_path)
    _change_step(story)
    outcome = cli("history", "--run-id", "edited")
    assert outcome.code is ExitCode.OK
    assert "Warning: The run differs from its history: " in outcome.stderr
    document = cli("history", "--run-id", "edited", "--output", "json").json
    assert [one["path"] for one in document["data"]["history"]["differences"]] == ["progress.step"]
    assert document["warnings"]


def _change_step(story: StillStory) -> None:
    """Change the account of a run without a transaction."""
    from solders.account import Account

    from psyche_cli.limits import DISCRIMINATOR_BYTES
    from psyche_cli.protocol.layouts.v1 import CoordinatorImage

    address = story.instance.coordinator_account
    account = story.bank.accounts.get(address)
    assert account is not None
    data = bytearray(account.data)
    image: Any = CoordinatorImage.from_buffer(data, DISCRIMINATOR_BYTES)
    image.state.coordinator.progress.step = 9
    story.bank.set_account(address, Account(account.lamports, bytes(data), account.owner))


def test_the_state_at_each_transaction_of_an_incarnation(log: Log) -> None:
    events = [one for one in log.events() if one["incarnation"] == 1]
    chosen = events[:: len(events) // 4]
    for one in chosen[1:]:
        found = log.cli.json("history", "state", "--run-id", log.story.run_id, "--at", one["signature"])
        assert (found["signature"], found["slot"], found["incarnation"]) == (one["signature"], one["slot"], 1)
        assert found["is_reliable"]
    before = log.cli("history", "state", "--run-id", log.story.run_id, "--at", "0")
    assert (before.code, "did not exist then" in before.stderr) == (ExitCode.NOT_FOUND, True)


def test_the_latest_state_is_the_run_as_it_is(log: Log) -> None:
    run = ("--run-id", log.story.run_id)
    past = log.cli.json("history", "state", *run, "--at", str(1 << 40))
    now = log.cli("json-dump-run", *run).json
    assert past["dump"] == now
    shown = log.cli.json("show", *run)
    assert {name: past["show"][name] for name in ("state", "epoch", "progress", "members", "treasury")} == {
        name: shown[name] for name in ("state", "epoch", "progress", "members", "treasury")
    }


def test_gaps_are_shown_and_nothing_is_guessed(told: StillStory, tmp_path: Path) -> None:
    slots = {str(one.signature): one.slot for one in told.bank.history.records()}
    last = max(slots.values())
    cli = CommandLine(tmp_path, lambda _: Partial(told.transport(), slots, first=last - 20))
    outcome = cli("history", "--run-id", told.run_id, "--output", "json")
    data, warnings = outcome.data, outcome.json["warnings"]
    assert {one["reason"] for one in data["history"]["gaps"]} == {
        f"the ledger of the endpoint begins at slot {last - 20:,}"
    }
    assert any("are missing, from the beginning of the chain before" in one for one in warnings)
    assert "The creation of the run is in a gap, so its states cannot be replayed." in warnings
    assert not any(one["is_reliable"] for one in data["events"] if one["program"] == "coordinator")
    assert "(not reliable)" in cli("history", "--run-id", told.run_id).stdout
    state = cli("history", "state", "--run-id", told.run_id, "--at", str(last))
    assert (state.code, "is not known" in state.stderr) == (ExitCode.HISTORY, True)
    exported = cli("history", "export", "--run-id", told.run_id, "-o", tmp_path / "gaps.zip")
    assert "Warning: The history has" in exported.stderr
    archived = offline(cli)("history", "--run-id", told.run_id, "--archive", tmp_path / "gaps.zip", "--output", "json")
    assert archived.json == outcome.json


def test_parquet_without_its_package(log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    outcome = log("--format", "parquet", "-o", tmp_path / "x.parquet")
    assert outcome.code is ExitCode.HISTORY
    assert "need the package pyarrow" in outcome.stderr
    assert "pip install" in outcome.stderr
    assert not (tmp_path / "x.parquet").exists()


def test_ctrl_c_ends_following(tmp_path: Path) -> None:
    story = StillStory(run_id="stopped")
    story.create()
    cli = command_line_of(story, tmp_path)
    cli.clock = _Acting([_press_ctrl_c])
    outcome = cli("history", "--run-id", "stopped", "--follow", "--format", "csv")
    assert outcome.code is ExitCode.OK
    assert outcome.stdout.startswith(",".join(COLUMNS))
    cli.clock = _Acting([_press_ctrl_c])
    waited = cli("history", "--run-id", "stopped", "--follow")
    assert waited.code is ExitCode.OK


def _press_ctrl_c() -> None:
    raise StopRequested(signal.SIGINT)


def test_a_history_that_was_closed(tmp_path: Path) -> None:
    story = StillStory(run_id="ended")
    story.create()
    story.close()
    cli = command_line_of(story, tmp_path)
    outcome = cli("history", "--run-id", "ended", "--output", "json")
    assert [one["kind"] for one in outcome.data["events"]][-1] == "free_coordinator"
    assert outcome.json["warnings"] == []
    state = cli("history", "state", "--run-id", "ended", "--at", str(1 << 40))
    assert (state.code, "did not exist then: it was closed" in state.stderr) == (ExitCode.NOT_FOUND, True)
    exported = cli("history", "export", "--run-id", "ended", "-o", tmp_path / "ended.zip")
    assert "only its history was exported" in exported.stderr
    archived = offline(cli)("history", "--run-id", "ended", "--archive", tmp_path / "ended.zip", "--output", "json")
    assert archived.json == outcome.json
    shown = offline(cli)("show", "--run-id", "ended", "--archive", tmp_path / "ended.zip")
    assert shown.code is ExitCode.NOT_FOUND
