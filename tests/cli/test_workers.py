"""The ``workers`` verbs through the command line, on registries that the tests fill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.folding import cells
from psyche_cli.lifecycle.worker import CANCELLED, EXITED
from psyche_cli.workers.client import connect
from psyche_cli.workers.registry.registry import Registry
from psyche_cli.workers.registry.submission import parse_submission
from psyche_cli.workers.storage.configs import write_configs
from psyche_cli.workers.storage.layout import WorkersFolder
from tests.cli.harness import CommandLine, Outcome
from tests.workers.daemons import configuration as program
from tests.workers.daemons import daemon, noted, run_reaching, stop_process, wait_until
from tests.workers.registry.submissions import configuration

ONE, TWO = "worker-001", "worker-002"
UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


class Rooms:
    """A state folder with a registry, and the command line for it."""

    def __init__(self, cli: CommandLine, state: Path) -> None:
        self.cli, self.state = cli, state
        self.folder = WorkersFolder.of_state(state)
        self.registry = Registry(self.folder.registry)
        self.now = time.time()

    def __call__(self, *words: object) -> Outcome:
        return self.cli("workers", *words, "--state-dir", self.state)

    def submit(self, name: str = "test", workers: int = 1, *, gpus: int = 0, age: float = 100, **more: object) -> str:
        """A run with its files whose workers are in INIT."""
        asked = configuration(name, workers, gpus=gpus)
        asked["metadata"]["worker"]["config"] = more
        submission = parse_submission(json.dumps(asked))
        run = self.registry.submit(submission, at=self.now - age).run
        write_configs(self.folder, run.run_id, submission)
        self.folder.run(run.run_id, is_evaluation=run.is_evaluation, several=workers > 1).create()
        return run.run_id

    def log(self, run_id: str, content: bytes, name: str = "worker.stdout.log") -> Path:
        """Write a log of a worker."""
        path = self.folder.path / "runs" / run_id / "logs" / name
        path.write_bytes(content)
        return path

    def end(
        self,
        run_id: str,
        *,
        ago: float = 0,
        code: int = 0,
        worker: str = ONE,
        reason: str = "",
        error_lines: tuple[str, ...] = (),
    ) -> None:
        """Start a worker, and let it end."""
        at = self.now - ago
        self.registry.start(run_id, worker, at=at - 2)
        token = self.registry.issue_token(run_id, worker, "launch", at=at - 2)
        self.registry.register(run_id, worker, token, accepted=True, at=at - 1)
        facts = ["exit-code-0"] if code == 0 else []
        self.registry.transition(
            run_id, worker, EXITED, facts, at=at, exit_code=code, reason=reason, error_lines=error_lines
        )


@pytest.fixture
def rooms(offline: CommandLine, tmp_path: Path) -> Iterator[Rooms]:
    rooms = Rooms(offline, tmp_path / "state")
    with closing(rooms.registry):
        yield rooms


def test_nothing_is_created_by_looking(rooms: Rooms) -> None:
    outcome = rooms("list")
    assert outcome.stdout == "0 runs of workers, 0 open.\n"
    assert rooms("gc").stdout == "There are no runs of workers to remove.\n"
    for verb in ("show", "logs", "cancel"):
        refused = rooms(verb, UNKNOWN)
        assert refused.code is ExitCode.NOT_FOUND
        assert refused.stderr.startswith(f"Error: No run of workers has the id {UNKNOWN}.\nHint: ")
    assert not rooms.state.exists()


def test_runs_are_listed_latest_first(rooms: Rooms) -> None:
    first = rooms.submit("first", age=7200)
    second = rooms.submit("a name that is much longer than what is left of a line of eighty columns", 3, gpus=2)
    rooms.end(first)
    rooms.registry.start(second, TWO, at=rooms.now)
    data = rooms("list", "--output", "json").data
    assert [(run["run_id"], run["status"]) for run in data["runs"]] == [(second, "HANDSHAKE"), (first, "TERMINATED")]
    assert (data["gpu_slots"], data["gpu_slots_free"], data["left_out"]) == (8, 6, 0)
    assert (data["runs"][0]["workers"], data["runs"][0]["workers_ended"], data["runs"][0]["gpu_slots"]) == (
        3,
        0,
        [0, 1],
    )
    text = rooms("list").stdout
    lines = text.splitlines()
    assert lines[:2] == ["2 runs of workers, 1 open.", "  GPU slots  6 of 8 free (found on this machine)"]
    assert lines[3].split() == ["run", "state", "ended", "gpus", "age", "heard", "name"]
    assert lines[4].split()[:5] == [second, "HANDSHAKE", "0/3", "0,1", "1m40s"]
    assert lines[4].endswith("...")
    assert lines[5].split()[0] == first
    assert max(map(len, lines)) <= 80
    assert [run["run_id"] for run in rooms("list", "--open", "--output", "json").data["runs"]] == [second]
    limited = rooms("list", "--limit", 1)
    assert "Not listed: 1 older." in limited.stdout
    assert first not in limited.stdout


def test_a_run_is_shown_with_its_workers_and_history(rooms: Rooms) -> None:
    run_id = rooms.submit("two", 2, gpus=1)
    rooms.end(
        run_id, code=3, reason="It ended: exit code 3.", error_lines=("Traceback", "ValueError: \x1b[31mred\u202e")
    )
    data = rooms("show", run_id, "--output", "json").data
    assert [(one["worker_id"], one["state"], one["exit_code"]) for one in data["workers"]] == [
        (ONE, "FAULTED", 3),
        (TWO, "INIT", None),
    ]
    assert [(one["source"], one["target"]) for one in data["history"] if one["worker_id"] == ONE] == [
        (None, "INIT"),
        ("INIT", "HANDSHAKE"),
        ("HANDSHAKE", "READY"),
        ("READY", "FAULTED"),
    ]
    assert Path(data["config"]).is_file()
    assert data["disk_bytes"] > 0
    assert data["workers"][1]["stderr_log"] == f"{rooms.folder.path}/runs/{run_id}/logs/{TWO}.stderr.log"
    outcome = rooms("show", run_id.lower())
    assert f"Run {run_id} (two)\n" in outcome.stdout
    assert (
        "worker-001 failed: It ended: exit code 3.\n  Traceback\n  ValueError: \ufffd[31mred\ufffd\n" in outcome.stdout
    )
    assert "worker-001: READY -> FAULTED (worker exits)" in outcome.stdout
    assert f"workers logs {run_id} -f" in outcome.stderr
    rooms.end(run_id, worker=TWO)
    ended = rooms("show", run_id)
    assert (
        "reason        worker-001: It ended: exit code 3." in " ".join(ended.stdout.split("\n"))
        or "worker-001: It" in ended.stdout
    )
    assert "Next: " not in ended.stderr


def test_workers_that_failed_alike_are_shown_once(rooms: Rooms) -> None:
    run_id = rooms.submit("crowd", 7)
    for number in range(1, 7):
        lines = ("tab\there", "\u540d" * 100)
        rooms.end(run_id, code=3, worker=f"worker-{number:03}", reason="It ended: exit code 3.", error_lines=lines)
    rooms.end(run_id, code=4, worker="worker-007", reason="It ended: exit code 4.")
    text = rooms("show", run_id).stdout
    named = ", ".join(f"worker-{number:03}" for number in range(1, 5))
    assert f"\n{named} and 2 more failed: It ended: exit code 3.\n  tab     here\n" in text
    assert "\nworker-007 failed: It ended: exit code 4.\n" in text
    assert text.count("tab     here") == 1
    [wide] = [line for line in text.splitlines() if "\u540d" in line]
    assert cells(wide) <= 80


def test_wide_characters_of_a_name_are_counted(rooms: Rooms) -> None:
    rooms.submit("\u540d\u524d" * 30)
    assert max(map(cells, rooms("list").stdout.splitlines())) <= 80


def test_the_configuration_of_a_run_is_never_shown(rooms: Rooms) -> None:
    run_id = rooms.submit(token="a secret of a worker")
    for verb in (("list",), ("show", run_id)):
        for form in ("human", "json"):
            assert "a secret" not in rooms(*verb, "--output", form).stdout
    path = Path(rooms("show", run_id, "--output", "json").data["config"])
    assert "a secret" in path.read_text()
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600


def test_the_last_lines_of_a_log(rooms: Rooms) -> None:
    run_id = rooms.submit()
    assert rooms("logs", run_id).stdout == "\n"
    path = rooms.log(run_id, b"".join(b"line %d\n" % number for number in range(300)) + b"tab\there\xff\x1b[2J")
    lines = rooms("logs", run_id, "-n", 3).stdout.splitlines()
    assert lines == ["line 298", "line 299", "tab     here\ufffd\ufffd[2J"]
    assert len(rooms("logs", run_id).stdout.splitlines()) == 100
    data = rooms("logs", run_id, "-n", 2, "--output", "json").data
    assert (data["lines"], data["path"]) == (["line 299", "tab\there\ufffd\x1b[2J"], str(path))
    assert rooms("logs", run_id, "-n", 0, "--output", "json").data["lines"] == []
    assert rooms("logs", run_id, "--stderr", "--output", "json").data["lines"] == []


def test_the_log_of_one_of_several_workers(rooms: Rooms) -> None:
    run_id = rooms.submit(workers=2)
    rooms.log(run_id, b"of the second\n", f"{TWO}.stdout.log")
    refused = rooms("logs", run_id)
    assert (refused.code, "has 2 workers" in refused.stderr) == (ExitCode.USAGE, True)
    assert rooms("logs", run_id, "--worker", TWO).stdout == "of the second\n"
    assert rooms("logs", run_id, "--worker", "../x").code is ExitCode.NOT_FOUND


def test_a_log_is_followed_until_the_worker_has_ended(rooms: Rooms) -> None:
    run_id = rooms.submit()
    log = rooms.log(run_id, b"first\n")
    rooms.registry.start(run_id, ONE, at=rooms.now)
    outcomes: list[Outcome] = []
    follower = threading.Thread(target=lambda: outcomes.append(rooms("logs", run_id, "-f")))
    follower.start()
    with log.open("ab") as file:
        file.write(b"second\nthe rest")
    rooms.registry.transition(run_id, ONE, EXITED, at=rooms.now)
    follower.join()
    assert outcomes[0].stdout == "first\nsecond\nthe rest\n"
    assert outcomes[0].code is ExitCode.OK


def test_following_prints_no_json(rooms: Rooms) -> None:
    refused = rooms("logs", rooms.submit(), "-f", "--output", "json")
    assert refused.code is ExitCode.USAGE
    assert refused.json["error"]["code"] == "usage_error"


def test_only_runs_that_have_ended_are_removed(rooms: Rooms) -> None:
    day = 86_400.0
    old, recent, is_open = (rooms.submit(name, age=90 * day) for name in ("old", "recent", "open"))
    evaluation = rooms.submit("evaluation", age=90 * day, extras={"mode": "policy_eval"})
    rooms.end(old, ago=40 * day)
    rooms.end(recent, ago=2 * day)
    rooms.end(evaluation, ago=50 * day)
    assert (rooms.folder.path / "evals" / evaluation / "logs").is_dir()
    dry = rooms("gc", "--dry-run", "--output", "json").data
    assert [one["run_id"] for one in dry["removed"]] == [evaluation, old]
    assert (dry["dry_run"], dry["already_so"], dry["kept"], dry["freed_bytes"] > 0) == (True, False, 2, True)
    assert len(rooms.registry.runs()) == 4
    done = rooms("gc", "--keep", 2, "--output", "json").data
    assert [one["run_id"] for one in done["removed"]] == [evaluation]
    assert not list(rooms.folder.path.rglob(f"*{evaluation}*"))
    assert {run.run_id for run in rooms.registry.runs()} == {old, recent, is_open}
    assert rooms("gc", "--older-than", "0s").stdout.startswith("Removed 2 runs of workers (")
    assert rooms("gc", "--older-than", "0s", "--output", "json").data["already_so"] is True
    assert [run.run_id for run in rooms.registry.runs()] == [is_open]
    assert rooms.folder.config(is_open).is_file()


def test_folders_of_unknown_runs_are_removed_but_links_are_not_followed(rooms: Rooms, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("of another program")
    runs = rooms.folder.path / "runs"
    (runs / UNKNOWN).mkdir(parents=True)
    (runs / UNKNOWN / "link").symlink_to(kept)
    (runs / "not-an-id").mkdir()
    outcome = rooms("gc")
    assert f"{UNKNOWN}" in outcome.stdout
    assert "not in the registry" in outcome.stdout
    assert [path.name for path in runs.iterdir()] == ["not-an-id"]
    assert (kept / "file").is_file()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove everything")
def test_a_folder_that_cannot_be_removed(rooms: Rooms) -> None:
    run_id = rooms.submit(age=1000)
    rooms.end(run_id)
    logs = rooms.log(run_id, b"x").parent
    logs.chmod(0o500)
    try:
        refused = rooms("gc", "--older-than", "0s")
        assert refused.code is ExitCode.FILES
        assert [run.run_id for run in rooms.registry.runs()] == [run_id]
    finally:
        logs.chmod(0o700)
    assert rooms("gc", "--older-than", "0s").code is ExitCode.OK


def test_a_registry_that_cannot_be_used(rooms: Rooms) -> None:
    rooms.registry.close()
    rooms.folder.path.mkdir(parents=True)
    rooms.folder.registry.write_bytes(b"not a registry" * 1000)
    for words in (("list",), ("show", UNKNOWN), ("logs", UNKNOWN), ("cancel", UNKNOWN), ("gc",)):
        refused = rooms(*words, "--output", "json")
        assert refused.code is ExitCode.WORKERS
        assert refused.json["error"]["code"] == "registry_damaged"


def test_a_run_that_has_ended_is_not_cancelled_again(rooms: Rooms) -> None:
    run_id = rooms.submit()
    rooms.registry.cancel(run_id, at=rooms.now)
    outcome = rooms("cancel", run_id)
    assert outcome.stdout == f"Run {run_id} has already ended.\n  state  CANCELLED\n"
    assert rooms("cancel", run_id, "--output", "json").data["already_so"] is True


def test_a_running_run_is_cancelled_through_the_daemon(rooms: Rooms) -> None:
    with daemon(rooms.state) as running, running.client() as client:
        note = rooms.state / "note"
        run_id = client.submit(program({"stay": True, "steps": 3, "note": str(note)})).run.run_id
        run_reaching(client, run_id, "EXECUTING")
        assert rooms("list", "--open").stdout.startswith("1 open run of workers.\n")
        wait_until(lambda: len(rooms("logs", run_id, "--output", "json").data["lines"]) == 3)
        worker = noted(note)["pid"]
        stop_process(worker)  # it cannot end before the command looks at the run again
        requested = rooms("cancel", run_id, "--no-wait")
        os.kill(worker, signal.SIGCONT)
        assert requested.stdout.startswith(f"Requested the cancellation of run {run_id}.\n")
        assert f"workers show {run_id}" in requested.stderr
        done = rooms("cancel", run_id, "--output", "json").data
        again = rooms("cancel", run_id, "--output", "json").data
    assert (done["ended"], done["run"]["status"], done["run"]["workers_ended"]) == (True, "CANCELLED", 1)
    assert again["already_so"] is True
    assert rooms.registry.history(run_id)[-1].event == CANCELLED


def test_a_worker_that_does_not_end_in_time(rooms: Rooms) -> None:
    with daemon(rooms.state) as running, running.client() as client:
        run_id = client.submit(program({"stay": True, "steps": 1, "ignore_sigterm": True})).run.run_id
        run_reaching(client, run_id, "EXECUTING")
        refused = rooms("cancel", run_id, "--timeout", "1s", "--output", "json")
        assert refused.code is ExitCode.NOT_REACHED
        assert refused.json["error"]["context"] == {"run_id": run_id, "state": "EXECUTING"}
        assert rooms("cancel", run_id).stdout.startswith(f"Cancelled run {run_id}.\n")


def test_cancelling_starts_a_daemon_that_ends_the_workers_of_a_killed_one(rooms: Rooms) -> None:
    with daemon(rooms.state) as running:
        with running.client() as client:
            run_id = client.submit(program({"stay": True, "steps": 1})).run.run_id
            run_reaching(client, run_id, "EXECUTING")
        running.kill()
        words = ["workers", "cancel", run_id, "--state-dir", str(rooms.state)]
        done = subprocess.run([sys.executable, "-m", "psyche_cli", *words], capture_output=True, text=True, check=True)
        assert done.stdout.startswith(f"Cancelled run {run_id}.\n")
        with connect(rooms.state, start=False) as client:
            client.stop()
    assert rooms.registry.run(run_id).status == "CANCELLED"
