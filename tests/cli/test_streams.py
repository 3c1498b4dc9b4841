"""stdout that is full, closed, or cannot encode all characters; stderr that is closed."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from psyche_cli.cli.app import main
from psyche_cli.environment import Environment, SystemClock
from psyche_cli.errors import ExitCode, NetworkError
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
from psyche_cli.solana.wallet import Wallet
from tests.cli.conftest import House
from tests.cli.harness import SOL, environment_of
from tests.support.patience import PATIENCE

NAME = "Grüße 世界 🚀"


class Broken(io.StringIO):
    """A stream that cannot be written."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def write(self, _: str) -> int:
        raise OSError(self._number, os.strerror(self._number))


def run_on(
    house: House,
    *words: str,
    stdin: io.TextIOBase | None = None,
    stdout: io.TextIOBase | None = None,
    stderr: io.TextIOBase | None = None,
) -> int:
    """Run a command with the given streams."""
    usual = environment_of(house.cli)
    environment = Environment(
        stdin=stdin or usual.stdin,  # type: ignore[arg-type]  # has the methods of a TextIO
        stdout=stdout or usual.stdout,  # type: ignore[arg-type]  # has the methods of a TextIO
        stderr=stderr or usual.stderr,  # type: ignore[arg-type]  # likewise
        variables=usual.variables,
        home=usual.home,
        clock=SystemClock(),
        open_transport=usual.open_transport,
    )
    return main(words, environment)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_json_is_complete_in_every_encoding(house: House, encoding: str) -> None:
    house.run()
    house.cli.json("update-config", "--run-id", "test", "--name", NAME)
    for words in (("json-dump-run", "--run-id", "test"), ("update-config", "--run-id", "test", "--name", "ü")):
        stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        assert run_on(house, *words, "--output", "json", stdout=stdout) == ExitCode.OK
        content = stdout.buffer.getvalue()
        document = json.loads(content.decode("utf-8"))
        shown = document.get("coordinator_account", document.get("data"))
        assert (NAME if "setup" in shown else "ü") in json.dumps(shown, ensure_ascii=False)


def test_unencodable_characters_are_replaced_in_text(house: House) -> None:
    house.run()
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    assert run_on(house, "update-config", "--run-id", "test", "--name", NAME, stdout=stdout) == ExitCode.OK
    assert b"'' -> 'Gr??e ?? ?'" in stdout.buffer.getvalue()


def test_json_of_a_lone_surrogate_is_utf8(house: House) -> None:
    """Lone surrogates can occur in messages of an endpoint and in file names."""

    def refuse(url: str) -> None:
        raise NetworkError("\ud800", endpoint="\udcff")

    house.cli.open_transport = refuse  # type: ignore[assignment]  # never returns
    outcome = house.cli("json-dump-run", "--run-id", "test")
    assert json.loads(outcome.stdout.encode("utf-8"))["error"]["message"] == "\ud800"


@pytest.mark.parametrize("output", ["human", "json"])
@pytest.mark.parametrize("words", [("set-paused", "--run-id", "test", "--resume"), ("set-paused", "--run-id", "none")])
def test_a_full_disk_is_reported_once_with_what_landed(house: House, output: str, words: tuple[str, ...]) -> None:
    house.run()
    stderr = io.StringIO()
    code = run_on(house, *words, "--output", output, stdout=Broken(errno.ENOSPC), stderr=stderr)
    lost = "Error: Cannot write the output: No space left on device.\n"
    if output == "human" and "none" in words:  # has nothing to say on stdout
        assert code == ExitCode.NOT_FOUND
    else:
        assert code == ExitCode.INTERNAL
        assert stderr.getvalue().count(lost) == 1
        told = "Transaction landed: (resume) " if "test" in words else "Error: Run 'none' does not exist"
        assert told in stderr.getvalue()
    assert house.chain.sent == (3 if "test" in words else 2)


READERS = (
    ("decode", "-"),
    ("tx", "explain", "-"),
    ("tx", "sign", "-"),
    ("tx", "send", "-"),
    ("config", "check", "-"),
    ("config", "preview", "-"),
    ("config", "diff", "--run-id", "test", "-"),
    ("update-config", "--run-id", "test", "--config-path", "-"),
)
"""Commands that read standard input."""


class Unreadable(io.RawIOBase):
    """A stream that was opened only for writing."""

    def readable(self) -> bool:
        return True

    def readinto(self, _: object) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


@pytest.mark.parametrize("words", READERS, ids=" ".join)
def test_stdin_that_cannot_be_read_is_not_taken_for_closed_stdout(house: House, words: tuple[str, ...]) -> None:
    stdin, stdout = io.TextIOWrapper(io.BufferedReader(Unreadable())), io.StringIO()
    assert run_on(house, *words, "--output", "json", stdin=stdin, stdout=stdout) == ExitCode.USAGE
    assert json.loads(stdout.getvalue())["error"]["message"] == "Cannot read standard input: Bad file descriptor."


class Endless(io.RawIOBase):
    """A stream without an end, of which at most 100 MB may be read."""

    left = 100_000_000

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # a RawIOBase is only given this
        self.left -= len(buffer)
        assert self.left > 0
        buffer[:] = b"A" * len(buffer)
        return len(buffer)


@pytest.mark.parametrize("words", READERS, ids=" ".join)
def test_stdin_without_an_end_is_read_to_the_largest_size(house: House, words: tuple[str, ...]) -> None:
    stdin, stdout = io.TextIOWrapper(io.BufferedReader(Endless())), io.StringIO()
    code = run_on(house, *words, "--output", "json", stdin=stdin, stdout=stdout)
    assert code in (ExitCode.USAGE, ExitCode.CONFIGURATION)
    assert "larger than" in stdout.getvalue()


class Odd(io.StringIO):
    """A stream whose first writes raise an unexpected exception."""

    def __init__(self, fault: Exception, times: int) -> None:
        super().__init__()
        self._fault, self._left = fault, times

    def write(self, text: str) -> int:
        if self._left:
            self._left -= 1
            raise self._fault
        return super().write(text)


@pytest.mark.parametrize("fault", [RuntimeError("odd"), ValueError("odd"), RecursionError()], ids=repr)
def test_a_bug_in_the_rendering_is_reported_with_what_was_sent(house: House, fault: Exception) -> None:
    house.run()
    stdout, stderr = Odd(fault, 1), io.StringIO()
    code = run_on(house, "set-paused", "--run-id", "test", "--resume", "--output", "json", stdout=stdout, stderr=stderr)
    assert code == ExitCode.INTERNAL
    context = json.loads(stdout.getvalue())["error"]["context"]
    assert context["sent"] is True
    assert f"Sending resume: {context['signature']}" in stderr.getvalue()


def test_what_landed_is_reported_with_a_closed_stdout(house: House) -> None:
    house.run()
    stdout, stderr = io.StringIO(), io.StringIO()
    stdout.close()
    words = ("set-paused", "--run-id", "test", "--resume", "--output", "json", "--quiet")
    assert run_on(house, *words, stdout=stdout, stderr=stderr) == ExitCode.INTERNAL
    assert "Error: Cannot write the output: I/O operation on closed file.\n" in stderr.getvalue()
    assert "Transaction landed: (resume) " in stderr.getvalue()


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ENOSPC])
def test_a_command_continues_when_stderr_is_closed(house: House, number: int) -> None:
    house.run()
    stdout = io.StringIO()
    words = ("set-paused", "--run-id", "test", "--resume", "--output", "json")
    assert run_on(house, *words, stdout=stdout, stderr=Broken(number)) == ExitCode.OK
    assert json.loads(stdout.getvalue())["data"]["state"] == "Waiting for members"


def process(
    *words: str, home: Path, stdout: int = subprocess.PIPE, close: tuple[int, ...] = (), **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process with some descriptors closed, as a shell can do."""
    closing = " ".join(f"{descriptor}>&-" for descriptor in close)
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closing}', "sh", sys.executable, "-m", "psyche_cli", *words],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(home), **more},
        cwd=Path(__file__).resolve().parents[2],
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize(
    "words",
    [
        (
            "config",
            "example",
        ),
        ("config", "example", "--output", "json"),
        ("--help",),
        ("--version",),
    ],
)
def test_a_process_with_a_full_stdout(tmp_path: Path, words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = process(*words, home=tmp_path, stdout=full.fileno())
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "Error: Cannot write the output: No space left on device."
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("variables", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"])
def test_a_process_that_can_write_only_the_beginning(tmp_path: Path, variables: dict[str, str]) -> None:
    """A disk that fills up accepts a part of a write, which is not an error of that write."""
    with (tmp_path / "output").open("wb") as output:
        done = subprocess.run(
            ["/bin/sh", "-c", 'ulimit -f 1; exec "$@"', "sh", sys.executable, "-m", "psyche_cli", "schema", "tick"],
            stdout=output,
            stderr=subprocess.PIPE,
            # The limit would also cut off the bytecode that Python caches.
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", **variables},
            cwd=Path(__file__).resolve().parents[2],
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert 0 < (tmp_path / "output").stat().st_size <= 1024
    assert done.returncode == ExitCode.INTERNAL
    assert done.stderr.splitlines()[0] == "Error: Cannot write the output: File too large."


@pytest.mark.parametrize("close", [(0,), (1,), (2,), (0, 1, 2)])
def test_a_process_with_closed_streams(tmp_path: Path, close: tuple[int, ...]) -> None:
    done = process("json-dump-run", "--run-id", "x", "--rpc", "http://127.0.0.1:1", home=tmp_path, close=close)
    assert done.returncode == (ExitCode.INTERNAL if 1 in close else ExitCode.NETWORK)  # the error is a JSON document
    assert "Traceback" not in done.stderr
    done = process("config", "example", "--list", home=tmp_path, close=close)
    assert done.returncode == (ExitCode.INTERNAL if 1 in close else ExitCode.OK)
    lost = "Error: Cannot write the output: stdout is closed.\nHint: To discard the output, redirect it to /dev/null.\n"
    assert done.stderr == (lost if close == (1,) else "")


def test_what_landed_is_reported_by_a_process_with_a_closed_stdout(tmp_path: Path) -> None:
    wallet = Wallet.generate()
    wallet.write_keypair_file(tmp_path / "id.json")
    genesis = Genesis(balances={wallet.address: 2 * SOL})
    with LocalValidator(LocalnetOptions(rpc_port=0, genesis=genesis)) as validator:
        options = ("--run-id", "x", "--rpc", validator.rpc_url, "-w", str(tmp_path / "id.json"), "--quiet")
        done = process("create-run", *options, home=tmp_path, close=(1,))
        again = process("create-run", *options, home=tmp_path)
    assert done.returncode == ExitCode.INTERNAL
    assert "Error: Cannot write the output: stdout is closed.\nTransaction landed: (create run) " in done.stderr
    assert again.returncode == ExitCode.REFUSED  # because it exists
