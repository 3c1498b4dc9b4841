"""A rehearsal whose processes are killed at random moments: nothing stays, and the next one in the folder works."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.workers.daemon_file import read_daemon_file
from psyche_cli.workers.engines.holder import process_start
from psyche_cli.workers.storage.layout import WorkersFolder
from tests.cli.test_rehearse import environment_in
from tests.support.counts import Loads

PHASES = ("Starting a local validator.", "Creating the run.", "Starting the workers.")
PATIENCE = 60.0
OPTIONS = ("--config", "configs/minimal.toml", "--members", "3", "--epochs", "1", "--trainer", "fake")


class Rehearsal:
    """A ``rehearse`` process, killed with all that is left of it at the end of the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "psyche_cli", "rehearse", *OPTIONS],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment_in(folder),
        )  # fmt: skip
        self.started: dict[int, str] = {}

    def remember(self) -> None:
        """Remember the processes that were started since."""
        alive = {pid for pid, started in self.started.items() if process_start(pid) == started}
        for pid in descendants({self.process.pid, *alive}):
            started = process_start(pid)
            if started is not None:
                self.started.setdefault(pid, started)

    def left(self) -> dict[int, str]:
        """The processes that were started and run, with their command lines, without the daemon."""
        self.remember()
        alive = [pid for pid, started in self.started.items() if process_start(pid) == started]
        commands = {pid: command_of(pid) for pid in alive}
        return {pid: command for pid, command in commands.items() if "psyche_cli.workers.daemon " not in command}

    def await_end(self) -> dict[int, str]:
        """The processes that do not end."""
        until = time.monotonic() + PATIENCE
        while (left := self.left()) and time.monotonic() < until:
            time.sleep(0.05)
        return left

    def reach(self, phase: str) -> None:
        """Wait until the process tells that it begins a phase."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.strip() == phase:
                return
        raise AssertionError(f"it ended before {phase!r}")

    def end(self) -> tuple[int, str]:
        """Its exit code, and what else it wrote."""
        _, err = self.process.communicate(timeout=300)
        return self.process.returncode, err


def descendants(ancestors: set[int]) -> set[int]:
    """The processes that were started by these, directly or not."""
    parents = {}
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                parents[int(process.name)] = int(fields[1])
    found: set[int] = set()
    while new := {pid for pid, parent in parents.items() if parent in ancestors | found} - found:
        found |= new
    return found


def command_of(pid: int) -> str:
    """The command line of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def daemon_of(folder: Path) -> int | None:
    found = read_daemon_file(WorkersFolder.of_state(folder / "s").daemon_pid)
    return found.pid if found is not None and found.is_alive else None


Start = Callable[[], Rehearsal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts rehearsals in one folder. What is left of them at the end of the test is killed."""
    started: list[Rehearsal] = []

    def start() -> Rehearsal:
        started.append(Rehearsal(tmp_path))
        return started[-1]

    yield start
    for rehearsal in started:
        rehearsal.remember()
        rehearsal.process.kill()
        rehearsal.process.wait()
        for pid in rehearsal.started:
            if process_start(pid) == rehearsal.started[pid]:
                os.kill(pid, signal.SIGKILL)


def wait_a_moment(chance: random.Random) -> None:
    """Wait for a random time, in which the process comes as far as it comes."""
    time.sleep(chance.uniform(0.0, 1.0))


def assert_nothing_stays(rehearsal: Rehearsal) -> None:
    assert rehearsal.await_end() == {}
    assert list(rehearsal.folder.glob("psyche-localnet-*")) == []


def assert_the_next_one_works(start: Start) -> None:
    following = start()
    code, err = following.end()
    assert code == 0, err
    assert_nothing_stays(following)
    assert list(following.folder.glob("psyche-*")) == []


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["9", "INT", "TERM"]
)
def test_a_rehearsal_that_is_ended_leaves_nothing(
    start: Start, random_seed: int, loads: Loads, number: signal.Signals, code: int
) -> None:
    for attempt in range(loads.of(usual=1, ci=1, full=20)):
        chance = random.Random(f"{random_seed}:{number}:{attempt}")
        rehearsal = start()
        rehearsal.reach(chance.choice(PHASES))
        wait_a_moment(chance)
        rehearsal.remember()
        rehearsal.process.send_signal(number)
        assert rehearsal.end()[0] in (code, 0)
        assert_nothing_stays(rehearsal)
        if number == signal.SIGKILL or loads.level != "usual":
            assert_the_next_one_works(start)


def test_a_folder_that_a_killed_rehearsal_left_is_removed_by_the_next_one(start: Start) -> None:
    rehearsal = start()
    rehearsal.reach(PHASES[1])
    rehearsal.remember()
    rehearsal.process.kill()
    rehearsal.end()
    assert_nothing_stays(rehearsal)
    [left] = rehearsal.folder.glob("psyche-rehearsal-*")  # there are no workers yet that would remove it
    assert_the_next_one_works(start)
    assert not left.exists()


def test_a_rehearsal_whose_daemon_is_killed_continues_with_another_one(start: Start, random_seed: int) -> None:
    rehearsal = start()
    rehearsal.reach(PHASES[-1])
    until = time.monotonic() + PATIENCE
    while (daemon := daemon_of(rehearsal.folder)) is None and time.monotonic() < until:
        time.sleep(0.01)
    assert daemon is not None
    wait_a_moment(random.Random(random_seed))
    rehearsal.remember()
    os.kill(daemon, signal.SIGKILL)
    code, err = rehearsal.end()
    assert code == 0, err
    assert_nothing_stays(rehearsal)
    assert list(rehearsal.folder.glob("psyche-*")) == []


def test_a_validator_that_is_killed_ends_the_rehearsal_with_one_sentence(
    start: Start, random_seed: int, loads: Loads
) -> None:
    rehearsal = start()
    chance = random.Random(random_seed)
    rehearsal.reach(chance.choice(PHASES[1:]))
    wait_a_moment(chance)
    [validator] = [pid for pid, command in rehearsal.left().items() if "psyche_cli.localnet.attached" in command]
    os.kill(validator, signal.SIGKILL)
    code, err = rehearsal.end()
    assert code == ExitCode.LOCALNET, err
    assert err.count("Error: ") == 1
    assert "The local validator ended during the rehearsal." in err
    assert "Traceback" not in err
    assert_nothing_stays(rehearsal)
    if loads.level != "usual":
        assert_the_next_one_works(start)


def test_two_at_the_same_time_do_not_disturb_each_other(start: Start, random_seed: int) -> None:
    chance = random.Random(random_seed)
    first = start()
    first.reach(chance.choice(PHASES))
    second = start()
    assert [first.end()[0], second.end()[0]] == [0, 0]
    for rehearsal in (first, second):
        assert_nothing_stays(rehearsal)
    assert list(first.folder.glob("psyche-*")) == []
