"""Both engines: the same tests run workers on this machine and on a Ray cluster of two nodes, some with --full only."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from psyche_cli.errors import LaunchFailed
from psyche_cli.workers.engines.engine import Exited, Lost, Running
from tests.workers.engines.places import Place, until

SLEEP = ("sleep", "1000")
TREE = """
import os, signal, subprocess, sys, time
{setup}
children = [subprocess.Popen(["sleep", "1000"]), subprocess.Popen(["sh", "-c", "sleep 1000; true"])]
print("ready", flush=True)
{end}
"""


@pytest.mark.on_ray
def test_the_end_of_a_worker_is_known(place: Place) -> None:
    running = place.start(place.task("running", *SLEEP))
    assert isinstance(place.engine.poll(running), Running)
    assert place.end_of(place.start(place.task("good", "true"))) == Exited(code=0)
    assert place.end_of(place.start(place.task("bad", "sh", "-c", "exit 3"))) == Exited(code=3)
    killed = place.end_of(place.start(place.task("killed", "sh", "-c", "kill -9 $$")))
    assert (killed, str(killed)) == (Exited(signal=9), "signal 9 (SIGKILL)")
    place.engine.signal(running, signal.SIGTERM)
    assert place.end_of(running) == Exited(signal=signal.SIGTERM)
    place.engine.signal(running, signal.SIGTERM)
    assert place.engine.poll(running) == Exited(signal=signal.SIGTERM)


@pytest.mark.on_ray
def test_a_signal_reaches_the_whole_group(place: Place) -> None:
    code = TREE.format(setup="", end="[child.wait() for child in children]; time.sleep(1000)")
    handle = place.start(place.python("tree", code))
    place.printed(handle, b"ready")
    assert len(place.pids(handle)) >= 4  # the worker, its children, and one of theirs
    place.engine.signal(handle, signal.SIGTERM)
    assert place.end_of(handle) == Exited(signal=signal.SIGTERM)
    assert place.pids(handle) == []


def test_a_worker_that_ignores_sigterm_is_stopped_and_killed(place: Place) -> None:
    code = TREE.format(setup="signal.signal(signal.SIGTERM, signal.SIG_IGN)", end="time.sleep(1000)")
    handle = place.start(place.python("stubborn", code))
    place.printed(handle, b"ready")
    for number in (signal.SIGTERM, signal.SIGSTOP):
        place.engine.signal(handle, number)
    assert isinstance(place.engine.poll(handle), Running)
    until(lambda: any(state_of(pid) == "T" for pid in place.pids(handle)))
    place.engine.signal(handle, signal.SIGKILL)
    assert place.end_of(handle) == Exited(signal=signal.SIGKILL)
    assert place.pids(handle) == []


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


def test_what_a_worker_leaves_behind_is_ended_with_it(place: Place) -> None:
    code = TREE.format(setup='subprocess.Popen(["setsid", "sleep", "1000"])', end="os._exit(0)")
    handle = place.start(place.python("leaver", code))
    assert place.end_of(handle) == Exited(code=0)
    assert place.pids(handle) == []


@pytest.mark.on_ray
def test_a_worker_does_not_outlive_a_killed_holder(place: Place) -> None:
    handle = place.start(place.python("orphan", TREE.format(setup="", end="time.sleep(1000)")))
    place.printed(handle, b"ready")
    place.kill_holder(handle)
    end = place.end_of(handle)
    assert isinstance(end, Lost)
    assert "killed" in end.reason
    until(lambda: not place.pids(handle))
    assert place.engine.poll(handle) == end
    place.engine.signal(handle, signal.SIGTERM)
    assert place.engine.find("orphan") == handle


def test_logs_are_read_by_offset(place: Place) -> None:
    code = "import sys; sys.stdout.buffer.write(b'abc\\xff\\n' * 3); print('wrong', file=sys.stderr)"
    handle = place.start(place.python("talker", code))
    assert place.end_of(handle) == Exited(code=0)
    read = place.engine.read_log
    assert read(handle, "stdout") == b"abc\xff\n" * 3
    assert read(handle, "stdout", 5, 6) == b"abc\xff\na"
    assert read(handle, "stdout", 15) == b""
    assert read(handle, "stderr") == b"wrong\n"
    assert place.task("talker").stdout_log.read_bytes() == b"abc\xff\n" * 3


@pytest.mark.on_ray
def test_a_worker_gets_the_variables_and_the_folder_that_it_needs(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAW_WALLET_PRIVATE_KEY", "secret")
    monkeypatch.setenv("RPC", "http://user:secret@localhost")
    code = "import json, os; print(json.dumps([os.getcwd(), *sorted(os.environ)]))"
    handle = place.start(place.python("reader", code, env={"LAUNCH_TOKEN": "given", "RUN_ID": "run"}))
    assert place.end_of(handle) == Exited(code=0)
    folder, *names = eval(place.engine.read_log(handle, "stdout"))
    assert folder == str(place.work)
    assert {"PATH", "HOME", "LAUNCH_TOKEN", "RUN_ID", "CUDA_VISIBLE_DEVICES", "PSYCHE_WORKER_MARK"} <= set(names)
    forbidden = ("RAW_WALLET_PRIVATE_KEY", "RPC", "RAY_")
    assert [name for name in names if name.startswith(forbidden)] == []


@pytest.mark.parametrize(
    ("program", "problem"),
    [("/no/such/program", "No such file or directory"), ("no-such-program", "No such file"), (".", "ermission denied")],
)
def test_a_program_that_cannot_be_started_is_an_error(place: Place, program: str, problem: str) -> None:
    with pytest.raises(LaunchFailed, match=problem) as caught:
        place.engine.launch(place.task("missing", program))
    assert (caught.value.worker, caught.value.program) == ("missing", program)
    assert place.engine.find("missing") is None
    assert place.engine.names() == ()


def test_a_missing_folder_is_an_error(place: Place) -> None:
    with pytest.raises(LaunchFailed, match="No such file or directory"):
        place.engine.launch(place.task("homeless", "true", folder=place.folder / "missing"))


@pytest.mark.parametrize("name", ["", "../a", "a/b", ".hidden", "a" * 121, "a b"])
def test_an_invalid_name_is_refused(place: Place, name: str) -> None:
    with pytest.raises(LaunchFailed, match="name is invalid"):
        place.engine.launch(place.task(name, "true"))


def test_a_name_is_started_once_until_it_is_forgotten(place: Place) -> None:
    first = place.start(place.task("worker", *SLEEP))
    with pytest.raises(LaunchFailed, match="already started"):
        place.engine.launch(place.task("worker", "true"))
    assert isinstance(place.engine.poll(first), Running)
    place.engine.forget(first)
    assert place.pids(first) == []
    assert place.engine.find("worker") is None
    second = place.start(place.task("worker", "true"))
    assert place.end_of(second) == Exited(code=0)
    assert isinstance(place.engine.poll(first), Lost)
    assert place.engine.read_log(first, "stdout") == b""
    place.engine.signal(first, signal.SIGTERM)
    place.engine.forget(first)
    assert place.engine.find("worker") == second


def test_workers_are_launched_concurrently(place: Place) -> None:
    tasks = [place.task(f"worker-{number}", "sh", "-c", f"exit {number}") for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        handles = list(threads.map(place.start, tasks))
    assert [place.end_of(handle) for handle in handles] == [Exited(code=number) for number in range(8)]
    assert place.engine.names() == tuple(task.name for task in tasks)


@pytest.mark.on_ray
def test_only_one_of_concurrent_launches_of_a_name_succeeds(place: Place) -> None:
    def attempt(_: int) -> str:
        try:
            return place.start(place.task("same", *SLEEP))
        except LaunchFailed:
            return ""

    with ThreadPoolExecutor(4) as threads:
        handles = list(filter(None, threads.map(attempt, range(4))))
    assert handles == [place.engine.find("same")]


@pytest.mark.on_ray
def test_the_end_of_a_worker_is_known_after_the_daemon_was_killed(place: Place) -> None:
    place.launch_and_die(place.task("ends", "sh", "-c", "sleep 0.3; exit 7"))
    place.launch_and_die(place.python("stays", TREE.format(setup="", end="time.sleep(1000)")))
    restarted = place.open()
    assert restarted.names() == ("ends", "stays")
    handles = {name: restarted.find(name) or "" for name in restarted.names()}
    assert place.end_of(handles["ends"], restarted) == Exited(code=7)
    place.printed(handles["stays"], b"ready")
    assert isinstance(restarted.poll(handles["stays"]), Running)
    restarted.signal(handles["stays"], signal.SIGTERM)
    assert place.end_of(handles["stays"], restarted) == Exited(signal=signal.SIGTERM)
    assert b"ready" in restarted.read_log(handles["stays"], "stdout")
    restarted.close()


def test_ended_workers_leave_no_zombies(place: Place) -> None:
    handles = [place.start(place.task(f"worker-{number}", "true")) for number in range(3)]
    for handle in handles:
        place.end_of(handle)
    until(lambda: [place.engine.poll(handle) for handle in handles] and not zombies())


def zombies() -> list[str]:
    """The zombies among the children of this process."""
    return [
        pid
        for task in Path(f"/proc/{os.getpid()}/task").iterdir()
        for pid in (task / "children").read_text(encoding="ascii").split()
        if state_of(int(pid)) == "Z"
    ]


def test_an_unknown_handle_is_lost(place: Place) -> None:
    for handle in ("local:never:0", "ray:never:0", "", "local", "other:worker:1"):
        assert isinstance(place.engine.poll(handle), Lost)
        place.engine.signal(handle, signal.SIGTERM)
        place.engine.forget(handle)
