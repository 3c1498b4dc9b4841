"""The proxy as a process: what it publishes, what it copies, how it ends, and what survives the daemon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from psyche_cli.workers.telemetry import proxy
from psyche_cli.workers.telemetry.database import Totals
from psyche_cli.workers.telemetry.events import Kind, Stream
from tests.workers.telemetry.receiver import Receiver

STEPS = """
import json
for number in range(1, {count} + 1):
    print(json.dumps({{"type": "step", "step": number, "loss": 1 / number}}))
"""


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    opened = Receiver(tmp_path)
    yield opened
    opened.stop()


def started(
    script: str, variables: dict[str, str], *, unsent: Path | None = None, new_session: bool = True
) -> subprocess.Popen[bytes]:
    options = [] if unsent is None else ["--unsent", str(unsent)]
    return subprocess.Popen(
        [sys.executable, "-m", "psyche_cli.workers.telemetry.proxy", *options, "--", sys.executable, "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=variables,
        start_new_session=new_session,
    )


def run(script: str, variables: dict[str, str], unsent: Path | None = None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a worker behind a proxy."""
    process = started(script, variables, unsent=unsent)
    output, errors = process.communicate()
    return process.returncode, output.decode(), errors.decode()


def test_steps_and_episodes_reach_the_database_in_order(receiver: Receiver) -> None:
    script = """
import sys
print("loading")
print('{"type":"step","step":1,"loss":2.5,"phase":"train","time":1800000000.25}')
print("no line break, and then", file=sys.stderr)
print('{"type":"episode","episode":4,"mean":1}')
print('{"type":"step","step":2,"loss":1.5}', flush=True)
sys.stdout.write('{"type":"run_completed","outcome":"trained"}')
"""
    code, output, errors = run(script, receiver.variables())
    assert (code, errors) == (0, "no line break, and then\n")
    assert output.startswith("loading\n")
    assert output.endswith('{"type":"run_completed","outcome":"trained"}')
    first, second = receiver.stored()
    assert (first.seq, first.worker, first.at) == (1, "w", 1_800_000_000_250_000_000)
    assert first.line == '{"type":"step","step":1,"loss":2.5,"phase":"train","time":1800000000.25}'
    assert first.read() == (Kind.STEP, 1, {"loss": 2.5}, {"phase": "train"})
    assert (second.seq, second.read().number, second.read().values) == (2, 2, {"loss": 1.5})
    episode, completed = receiver.stored(Stream.EPISODES)
    assert episode.read() == (Kind.EPISODE, 4, {"mean": 1.0}, {})
    assert completed.read() == (Kind.RUN_COMPLETED, 0, {}, {"outcome": "trained"})


def test_hostile_output_is_counted_and_copied(receiver: Receiver) -> None:
    script = r"""
import os
os.write(1, b'{"type":"step","step":1}\n' + b"\xff\x00\x1b[2J\n" + b"{" * 100_000 + b"\n")
os.write(1, b'{"type":"step","step":2,"loss":NaN}\n{"type":"step","step":3,"loss":[]}\n' + b"x" * 1_000_000)
os.write(1, b'\n{"type":"step","step":4}\n{"type":"step","st')
"""
    process = started(script, receiver.variables())
    output, errors = process.communicate()
    assert process.returncode == 0
    assert len(output) > 1_100_000
    assert b"\xff\x00\x1b[2J\n" in output
    assert [stored.read().number for stored in receiver.stored()] == [1, 4]
    assert receiver.ingest.totals("run") == {"w": Totals(accepted=2, dropped=0, malformed=4)}
    assert errors.decode().splitlines() == [
        "psyche-cli: malformed lines: 1 so far; the latest one: longer than 16,384 bytes"
    ]


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("raise SystemExit(7)", 7),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 143),
    ],
)
def test_the_worker_s_exit_code_is_that_of_the_proxy(receiver: Receiver, script: str, code: int) -> None:
    assert run(STEPS.format(count=3) + script, receiver.variables())[0] == code
    assert len(receiver.stored()) == 3


WAITING = """
import signal, sys, time
received = []
def stop(number, frame):
    received.append(number)
    print('{"type":"step","step":%d}' % number, flush=True)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGUSR1, stop)
print("ready", flush=True)
while signal.SIGTERM not in received:
    signal.pause()
time.sleep(0.2)
sys.exit(len(received))
"""


def test_a_signal_to_the_proxy_is_passed_on_and_one_to_the_group_is_received_once(receiver: Receiver) -> None:
    for to_the_group in (False, True):
        process = started(WAITING, receiver.variables(worker=str(to_the_group)))
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        # The test is the parent of the proxy: what it sends to the proxy only is sent by another process.
        if to_the_group:
            os.killpg(process.pid, signal.SIGTERM)
        else:
            subprocess.run(["kill", "-USR1", str(process.pid)], check=True)
            assert b'"step":10' in process.stdout.readline()
            subprocess.run(["kill", "-TERM", str(process.pid)], check=True)
        process.communicate()
        assert process.returncode == (1 if to_the_group else 2)
    assert [(stored.worker, stored.read().number) for stored in receiver.stored()] == [
        ("False", signal.SIGUSR1), ("False", signal.SIGTERM), ("True", signal.SIGTERM),
    ]  # fmt: skip


def test_what_a_worker_leaves_behind_does_not_keep_the_proxy(receiver: Receiver) -> None:
    script = "import subprocess; subprocess.Popen(['sleep', '60']); print('{\"type\":\"step\",\"step\":1}')"
    process = started(script, receiver.variables())
    try:
        assert process.wait() == 0
        assert len(receiver.stored()) == 1
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_a_lost_answer_is_no_loss_and_no_repetition(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, lose_answers=3)
    assert run(STEPS.format(count=100), receiver.variables())[0] == 0
    assert [stored.read().number for stored in receiver.stored()] == list(range(1, 101))
    receiver.stop()


def test_the_worker_outlives_the_daemon_and_its_events_reach_the_next_one(tmp_path: Path) -> None:
    script = """
import sys
for number in range(1, 4):
    sys.stdin.readline()
    print('{"type":"step","step":%d}' % number, flush=True)
"""
    first = Receiver(tmp_path)
    # The proxy has no standard input of its own, so the worker reads a pipe that it is given.
    read, write = os.pipe()
    variables = first.variables()
    process = subprocess.Popen(
        [sys.executable, "-m", "psyche_cli.workers.telemetry.proxy", "--", sys.executable, "-c", script],
        stdin=read, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=variables,
    )  # fmt: skip
    os.close(read)
    assert process.stdout is not None
    os.write(write, b"\n")
    assert b'"step":1' in process.stdout.readline()
    stored = threading.Event()
    listener = first.ingest.listen("run", Stream.STEPS, 0, stored.set)
    if not listener.take().events:
        assert stored.wait(30)
    first.stop()
    os.write(write, b"\n")
    assert b'"step":2' in process.stdout.readline()
    second = Receiver(tmp_path)
    os.write(write, b"\n")
    os.close(write)
    process.communicate()
    assert process.returncode == 0
    assert [(stored.seq, stored.read().number) for stored in second.stored()] == [(1, 1), (2, 2), (3, 3)]
    second.stop()


def test_what_no_daemon_took_is_read_by_the_next_one(tmp_path: Path) -> None:
    first = Receiver(tmp_path)
    first.stop()
    unsent = tmp_path / "w.unsent"
    code, _, errors = run(STEPS.format(count=3000) + "raise SystemExit(3)", first.variables(), unsent)
    assert code == 3
    assert "telemetry waits: The daemon does not take it (UNAVAILABLE)." in errors
    assert "events were not sent; the next daemon reads them from w.unsent" in errors
    second = Receiver(tmp_path)
    accepted = second.ingest.collect_unsent("run", "w", unsent)
    totals = second.ingest.totals("run")["w"]
    assert totals == Totals(accepted, dropped=3000 - accepted, malformed=0)
    assert 2048 <= accepted <= 2048 + 512
    numbers = [stored.read().number for stored in second.stored()]
    assert numbers == sorted(set(numbers))
    assert numbers[-2048:] == list(range(953, 3001))
    assert not unsent.exists()
    assert second.ingest.collect_unsent("run", "w", unsent) == 0
    second.stop()


def test_without_a_file_for_unsent_events_their_number_is_reported(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path)
    receiver.stop()
    assert "2 events were not sent\n" in run(STEPS.format(count=2), receiver.variables())[2]


def test_a_full_disk_stops_neither_worker_nor_telemetry(receiver: Receiver, tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        process = subprocess.Popen(
            [sys.executable, "-m", "psyche_cli.workers.telemetry.proxy", "--", sys.executable, "-c",
             STEPS.format(count=1000)],
            stdout=full, stderr=full, env=receiver.variables(),
        )  # fmt: skip
        assert process.wait() == 0
    assert len(receiver.stored()) == 1000


def test_a_killed_proxy_leaves_a_worker_that_cannot_print(receiver: Receiver) -> None:
    script = """
import os, sys, time
print(os.getpid(), flush=True)
while True:
    print('{"type":"step","step":1}', flush=True)
    time.sleep(0.01)
"""
    process = started(script, receiver.variables())
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    process.kill()
    # The worker has the same standard error, so this ends when the worker has ended.
    errors = process.communicate()[1]
    assert b"BrokenPipeError" in errors
    assert not Path(f"/proc/{worker}/exe").exists()


def test_the_publish_token_is_not_in_the_environment_of_the_worker(receiver: Receiver) -> None:
    script = "import os; print(sorted(set(os.environ) & {'RUN_ID', 'WORKER_ID', 'DAEMON_TARGET', 'PUBLISH_TOKEN'}))"
    assert run(script, receiver.variables())[1] == "['DAEMON_TARGET', 'RUN_ID', 'WORKER_ID']\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "usage: "),
        (["--"], 2, "usage: "),
        (["--other", "x", "--", "true"], 2, "usage: "),
        (["--unsent", "--", "true"], 2, "usage: "),
        (["--", "/nonexistent/program"], 127, "/nonexistent/program cannot be started: No such file or directory"),
        (["--", "/"], 126, "/ cannot be started: Permission denied"),
    ],
)
def test_a_command_that_cannot_be_run_ends_the_proxy(arguments: list[str], code: int, message: str) -> None:
    variables = dict.fromkeys(("RUN_ID", "WORKER_ID", "DAEMON_TARGET", "PUBLISH_TOKEN"), "x")
    process = subprocess.run(
        [sys.executable, "-m", "psyche_cli.workers.telemetry.proxy", *arguments],
        env={**os.environ, **variables}, capture_output=True, check=False, text=True,
    )  # fmt: skip
    assert process.returncode == code
    assert process.stderr.startswith(f"psyche-cli: {message}")


def test_missing_variables_are_named(receiver: Receiver) -> None:
    variables = receiver.variables()
    del variables["PUBLISH_TOKEN"]
    variables["RUN_ID"] = ""
    assert run("", variables) == (2, "", "psyche-cli: RUN_ID, PUBLISH_TOKEN must be set\n")


def test_the_command_line_of_a_proxy_is_understood() -> None:
    line = proxy.command_line(["worker", "--", "x"], Path("/tmp/unsent"))
    assert line[:3] == (sys.executable, "-m", "psyche_cli.workers.telemetry.proxy")
    assert proxy._parsed(line[3:]) == proxy.Arguments(("worker", "--", "x"), Path("/tmp/unsent"))
