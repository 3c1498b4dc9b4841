"""SIGINT, SIGTERM and SIGHUP at any point of a real process: JSON output, an exit code, and no traceback."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from solders.transaction import Transaction

from tests.cli.conftest import House
from tests.cli.harness import methods_of
from tests.support.patience import PATIENCE

CLI = [sys.executable, "-m", "psyche_cli"]
ROOT = Path(__file__).resolve().parents[2]

SIGNALS = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated"), signal.SIGHUP: (129, "hung_up")}
each_signal = pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)


def start(home: Path, *command: object, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(word) for word in command],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in stderr
    assert "Exception ignored" not in stderr
    return process.returncode, stdout, stderr


@contextlib.contextmanager
def silent_endpoint() -> Iterator[tuple[str, socket.socket]]:
    """Accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", listening


@dataclass
class Gateway:
    """A real HTTP endpoint for a chain. On a request of ``silent_at`` it stops answering and sets ``reached``."""

    house: House
    silent_at: str
    reached: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    body: bytes = b""

    def wait_for(self, process: subprocess.Popen[str]) -> None:
        """Wait until the process has sent the request that is not answered. Fails if it exits first."""
        while not self.reached.wait(0.05):
            assert process.poll() is None, f"{self.silent_at} was never asked"

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if methods_of(body)[0] == gateway.silent_at:
                    gateway.body = body
                    gateway.reached.set()
                    gateway.release.wait(PATIENCE)
                    self.close_connection = True
                    return
                answer = gateway.house.chain.transport("gateway").send(body, timeout=10)
                self.send_response(200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            self.release.set()
            server.shutdown()
            server.server_close()
            thread.join()


# While an endpoint does not answer


@each_signal
def test_a_read_reports_that_nothing_was_sent(tmp_path: Path, number: signal.Signals) -> None:
    code, name = SIGNALS[number]
    with silent_endpoint() as (url, listening):
        process = start(tmp_path, *CLI, "json-dump-run", "--run-id", "x", "--rpc", url)
        with listening.accept()[0]:
            process.send_signal(number)
            returned, stdout, stderr = finish(process)
    assert returned == code
    document = json.loads(stdout)
    assert document["exit_code"] == code
    assert document["error"]["code"] == name
    assert document["error"]["context"] == {"sent": False}
    assert "Nothing was sent." in stderr


@each_signal
def test_a_write_that_only_read_reports_that_nothing_was_sent(
    house: House, tmp_path: Path, number: signal.Signals
) -> None:
    code, name = SIGNALS[number]
    with silent_endpoint() as (url, listening):
        words = ("set-paused", "--run-id", "x", "--rpc", url, "-w", house.owner, "--output", "json")
        process = start(tmp_path, *CLI, *words)
        with listening.accept()[0]:
            process.send_signal(number)
            returned, stdout, stderr = finish(process)
    assert returned == code
    error = json.loads(stdout)["error"]
    assert error["code"] == name
    assert error["context"]["sent"] is False
    assert "Interrupted before sending anything." in stderr


@each_signal
@pytest.mark.parametrize("silent_at", ["sendTransaction", "getTransaction"])
def test_a_write_in_progress_reports_its_signature(
    house: House, tmp_path: Path, number: signal.Signals, silent_at: str
) -> None:
    code, name = SIGNALS[number]
    house.run()
    gateway = Gateway(house, silent_at)
    with gateway.serving() as url:
        words = ("set-paused", "--run-id", "test", "--resume", "--rpc", url, "-w", house.owner, "--output", "json")
        process = start(tmp_path, *CLI, *words)
        gateway.wait_for(process)
        process.send_signal(number)
        returned, stdout, stderr = finish(process)
    assert returned == code
    error = json.loads(stdout)["error"]
    assert error["code"] == name
    assert error["context"]["sent"] is True
    parameter = json.loads(gateway.body)["params"][0]
    if silent_at == "sendTransaction":
        signature = str(Transaction.from_bytes(base64.b64decode(parameter)).signatures[0])
    else:
        signature = parameter
    assert error["context"]["signature"] == signature
    assert signature in stderr


@each_signal
def test_a_modifying_request_without_a_transaction_is_reported(
    house: House, tmp_path: Path, number: signal.Signals
) -> None:
    gateway = Gateway(house, "localnet_reset")
    with gateway.serving() as url:
        process = start(tmp_path, *CLI, "localnet", "reset", "--rpc", url, "--output", "json")
        gateway.wait_for(process)
        process.send_signal(number)
        returned, stdout, _ = finish(process)
    assert returned == SIGNALS[number][0]
    error = json.loads(stdout)["error"]
    assert error["context"] == {"method": "localnet_reset"}
    assert error["hint"] == "The request may have been executed."


def test_human_readable_output(tmp_path: Path) -> None:
    with silent_endpoint() as (url, listening):
        process = start(tmp_path, *CLI, "localnet", "snapshot", "--rpc", url)
        with listening.accept()[0]:
            process.send_signal(signal.SIGTERM)
            returned, stdout, stderr = finish(process)
    assert (returned, stdout) == (143, "")
    assert stderr.startswith("Error: Interrupted ")


@each_signal
def test_an_ignored_signal_stays_ignored(tmp_path: Path, number: signal.Signals) -> None:
    """As under nohup, or for background jobs of a script."""
    other = signal.SIGTERM if number is not signal.SIGTERM else signal.SIGHUP
    with silent_endpoint() as (url, listening):
        shell = ("sh", "-c", f'trap "" {number.name.removeprefix("SIG")}; exec "$@"', "sh")
        process = start(tmp_path, *shell, *CLI, "json-dump-run", "--run-id", "x", "--rpc", url)
        with listening.accept()[0]:
            process.send_signal(number)
            process.send_signal(other)
            returned, stdout, _ = finish(process)
    assert returned == SIGNALS[other][0]
    assert json.loads(stdout)["error"]["code"] == SIGNALS[other][1]


def test_a_second_signal_ends_a_process_that_cannot_write_its_report(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    with silent_endpoint() as (url, listening):
        process = start(tmp_path, *CLI, "json-dump-run", "--run-id", "x", "--rpc", url, stdout=writing)
        with listening.accept()[0]:
            while process.poll() is None:
                process.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.1)
            returned, _, _ = finish(process)
    os.close(writing)
    os.close(reading)
    assert returned == 130


# During start-up

AT_AN_IMPORT = """
import os, re, signal, sys  # a console script has imported these too
from psyche_cli.__main__ import run
number, awaited = int(sys.argv.pop(1)), sys.argv.pop(1)
def look(event, arguments):
    global awaited
    if event == "import" and arguments[0] == awaited:
        awaited = None
        os.kill(os.getpid(), number)
sys.addaudithook(look)
run()
"""


def signalled_at(module: str, number: signal.Signals, home: Path, *words: str) -> tuple[int, str, str]:
    """Run a command that receives a signal when it starts to import ``module``."""
    return finish(start(home, sys.executable, "-c", AT_AN_IMPORT, int(number), module, *words))


def test_a_verb_that_prints_json_does_so_before_it_was_parsed(tmp_path: Path) -> None:
    words = ("--output", "human", "json-dump-run", "--run-id", "x")
    returned, stdout, _ = signalled_at("psyche_cli.cli.app", signal.SIGTERM, tmp_path, *words)
    assert returned == json.loads(stdout)["exit_code"] == 143
    others = ("set-paused", "--run-id", "json-dump-run")
    returned, stdout, _ = signalled_at("psyche_cli.cli.app", signal.SIGTERM, tmp_path, *others)
    assert (returned, stdout) == (143, "")


@pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)]
)
def test_a_signal_before_the_handlers_are_installed(tmp_path: Path, number: signal.Signals, expected: int) -> None:
    assert signalled_at("psyche_cli.stop_signals", number, tmp_path, "schema") == (expected, "", "")


@pytest.mark.parametrize(
    "module", ["psyche_cli.cli.app", "psyche_cli.cli.command_line", "typer", "typer.core", "psyche_cli.environment"]
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_while_the_command_line_is_imported(tmp_path: Path, number: signal.Signals, module: str) -> None:
    returned, stdout, _ = signalled_at(module, number, tmp_path, "schema", "--output", "json")
    document = json.loads(stdout)
    assert (returned, document["error"]["code"]) == SIGNALS[number]
    assert document["error"]["context"] == {"sent": False}


@pytest.mark.parametrize("module", ["psyche_cli.cli.app", "psyche_cli.cli.plain_line"])
def test_a_signal_before_an_ordinary_command_line_was_parsed(tmp_path: Path, module: str) -> None:
    words = ("treasurer-top-up-rewards", "--run-id", "x", "--collateral-amount", "1", "--output", "json")
    returned, stdout, _ = signalled_at(module, signal.SIGINT, tmp_path, *words)
    document = json.loads(stdout)
    assert (returned, document["error"]["code"]) == SIGNALS[signal.SIGINT]
    assert document["error"]["context"] == {"sent": False}


@pytest.mark.parametrize(
    "module",
    [
        "psyche_cli.cli.sessions",
        "psyche_cli.operations.observe.json_dump",
        "solders",
        "psyche_cli.operations.sessions",
        "psyche_cli.solana.rpc.client",
        "psyche_cli.solana.rpc.http",
    ],
)
def test_a_signal_while_a_verb_imports_what_it_needs(tmp_path: Path, module: str) -> None:
    """The signal is deferred until the import is complete, and raised before the connection is refused."""
    words = ("json-dump-run", "--run-id", "x", "--rpc", "http://127.0.0.1:1")
    returned, stdout, _ = signalled_at(module, signal.SIGTERM, tmp_path, *words)
    document = json.loads(stdout)
    assert (returned, document["error"]["code"]) == SIGNALS[signal.SIGTERM]
    assert document["error"]["context"] == {"sent": False}


# The signal handlers, in a separate process


def driven(tmp_path: Path, script: str) -> tuple[int, str, str]:
    head = "import io, json, os, signal, sys, time\nfrom psyche_cli.stop_signals import *\n"
    return finish(start(tmp_path, sys.executable, "-c", head + script))


def test_a_signal_does_not_change_a_decided_outcome(tmp_path: Path) -> None:
    """SIGTERM while the result of a successful command is being written."""
    script = """
from psyche_cli.cli.app import environment_of_this_process, main
from psyche_cli.environment import Environment
signals = StopSignals()
signals.install()
class Output(io.StringIO):
    def write(self, text):
        os.kill(os.getpid(), signal.SIGTERM)
        return super().write(text)
environment = environment_of_this_process(signals).replaced(stdout=Output())
code = main(["config", "example", "--output", "json"], environment)
print(int(code), json.loads(environment.stdout.getvalue())["exit_code"])
"""
    assert driven(tmp_path, script) == (0, "0 0\n", "")


def test_a_signal_in_a_destructor_is_raised_later(tmp_path: Path) -> None:
    script = """
class Object:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0)
signals = StopSignals()
signals.install()
try:
    with signals:
        Object()
        for _ in range(6000):
            time.sleep(0.01)
except StopRequested as stop:
    print(stop.signal_number)
"""
    assert driven(tmp_path, script) == (0, "2\n", "")


def test_a_second_signal_is_ignored_while_the_process_has_time_to_exit(tmp_path: Path) -> None:
    """``timeout``, a closing terminal and impatient users send two signals; the report must not be lost."""
    script = """
import psyche_cli.stop_signals
now = 100.0
psyche_cli.stop_signals.time = type("Clock", (), {"monotonic": staticmethod(lambda: now)})
signals = StopSignals()
signals.install()
os.kill(os.getpid(), signal.SIGTERM)
now += ENDING_SECONDS / 2
os.kill(os.getpid(), signal.SIGTERM)
print("still here", flush=True)
now += ENDING_SECONDS
os.kill(os.getpid(), signal.SIGHUP)
print("unreachable", flush=True)
"""
    assert driven(tmp_path, script) == (129, "still here\n", "")


def test_the_handlers_import_very_little() -> None:
    script = "import sys, signal; before = set(sys.modules); import psyche_cli.stop_signals, psyche_cli.__main__; "
    script += "print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "['__future__', 'psyche_cli', 'psyche_cli.__main__', 'psyche_cli.stop_signals']\n"
