"""``localnet status`` and ``localnet stop``, and the verbs that find a validator by its ready file."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli import __version__
from psyche_cli.errors import ExitCode, LocalnetError, NetworkError, TimedOut, Unreachable, UsageError
from psyche_cli.localnet.chain.known_addresses import PSYCHE_PROGRAMS
from psyche_cli.operations.localnet.ready_file import read_ready_file
from psyche_cli.operations.localnet.running import status, stop
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.suggestions import NOTHING_GIVEN
from tests.localnet.harness import SOL, START, Chain
from tests.localnet.test_command import Running, command, environment, refused, run, running
from tests.solana.scripted import FakeClock
from tests.support.patience import PATIENCE

ENDED = "The local validator has stopped.\n"


def ended(validator: Running) -> tuple[int, str]:
    """The exit code of a validator that was stopped by somebody else, and what it wrote last."""
    _, talk = validator.process.communicate(timeout=PATIENCE)
    return validator.process.returncode, talk


def data_of(done: subprocess.CompletedProcess[str], code: int = 0) -> Any:
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)["data"]


def test_status_then_stop_then_nothing(tmp_path: Path) -> None:
    ledger, address = tmp_path / "ledger", Keypair().pubkey()
    with running(tmp_path, "--ledger", str(ledger), "--slot-time", "0", "--quiet") as validator:
        url = ["--rpc", validator.rpc_url, "--output", "json"]
        validator.result("requestAirdrop", str(address), SOL)
        shown = data_of(run(tmp_path, "status", *url))
        slot, height = validator.result("getSlot"), validator.result("getBlockHeight")
        names = sorted((str(program), name) for name, program in PSYCHE_PROGRAMS.items())
        assert shown == {
            "endpoint": validator.rpc_url, "version": __version__, "pid": validator.process.pid, "slot": slot,
            "block_height": height, "transactions": 1, "unix_timestamp": shown["unix_timestamp"], "slot_seconds": 0.0,
            "ledger": str(ledger), "writable": True, "problem": None,
            "programs": [{"name": name, "id": program} for program, name in names],
        }  # fmt: skip
        text = run(tmp_path, "status", "--rpc", validator.rpc_url).stdout
        assert f"A local validator is running at {validator.rpc_url}." in text
        assert str(ledger) in text
        absent = run(tmp_path, "restore", "7", "--rpc", validator.rpc_url)
        assert absent.returncode == ExitCode.USAGE
        assert f"Error: Snapshot 7 does not exist at {validator.rpc_url}.\n" in absent.stderr
        stopped = data_of(run(tmp_path, "stop", *url))
        assert stopped == {"endpoint": validator.rpc_url, "was_running": True}
        # Its ports and its ledger are free at once.
        port = validator.rpc_url.rpartition(":")[2]
        with running(tmp_path, "--ledger", str(ledger), "--quiet", port=port) as next_one:
            assert next_one.value("getBalance", str(address)) == SOL
            assert data_of(run(tmp_path, "stop", *url))["was_running"] is True
            assert ended(next_one)[0] == 0
        assert ended(validator)[0] == 0
    assert data_of(run(tmp_path, "stop", *url)) == {"endpoint": validator.rpc_url, "was_running": False}
    nothing = run(tmp_path, "status", "--rpc", validator.rpc_url)
    assert (nothing.returncode, nothing.stdout) == (ExitCode.LOCALNET, "")
    assert f"No local validator is running at {validator.rpc_url}." in nothing.stderr
    for words in (["warp", "5"], ["snapshot"], ["restore", "1"], ["reset"]):
        done = run(tmp_path, *words, "--rpc", validator.rpc_url)
        assert (done.returncode, done.stderr) == (ExitCode.LOCALNET, nothing.stderr)


def test_by_its_ready_file(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    found = ("--ready-file", str(file), "--output", "json")
    waiting = subprocess.Popen(command("wait", *found), stdout=subprocess.PIPE, text=True, env=environment(tmp_path))
    with running(tmp_path, "--ready-file", str(file)) as validator:
        written, _ = waiting.communicate(timeout=PATIENCE)
        assert json.loads(written)["data"] == {"endpoint": validator.rpc_url}
        assert data_of(run(tmp_path, "status", *found))["pid"] == validator.process.pid
        assert data_of(run(tmp_path, "stop", *found)) == {"endpoint": validator.rpc_url, "was_running": True}
        assert not file.exists()
        assert ended(validator) == (0, ENDED)
    assert data_of(run(tmp_path, "stop", *found)) == {"endpoint": None, "was_running": False}


def test_what_a_killed_validator_left_is_no_validator(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    with running(tmp_path, "--ready-file", str(file)) as validator:
        assert read_ready_file(file) is not None
        validator.process.kill()
        validator.process.wait()
    assert file.exists()
    assert read_ready_file(file) is None
    assert refused(tmp_path, "stop", "--ready-file", str(file)).code is ExitCode.OK
    shown = refused(tmp_path, "status", "--ready-file", str(file))
    assert shown.code is ExitCode.LOCALNET
    assert f"No local validator with the ready file {file} is running." in shown.stderr
    late = refused(tmp_path, "wait", "--ready-file", str(file), "--timeout", "1")
    assert late.code is ExitCode.NETWORK
    assert "within 1 second" in late.stderr


@pytest.mark.parametrize("content", ["", "[]", '{"command": "set-paused"}', '{"command": "localnet", "data": {}}'])
@pytest.mark.parametrize("verb", ["wait", "status", "stop"])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, verb: str, content: str) -> None:
    file = tmp_path / "other.json"
    file.write_text(content)
    outcome = refused(tmp_path, verb, "--ready-file", str(file))
    assert outcome.code is ExitCode.USAGE
    assert "is not a ready file" in outcome.stderr
    both = refused(tmp_path, verb, "--ready-file", str(file), "--rpc", "http://127.0.0.1:9")
    assert both.code is ExitCode.USAGE
    assert "--rpc and --ready-file cannot be combined" in both.stderr


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalnetError, match="Cannot read the ready file"):
        read_ready_file(tmp_path / "file" / "ready.json")
    with pytest.raises(UsageError):
        read_ready_file(tmp_path)


def test_foreign_pages_neither_see_nor_stop_it(tmp_path: Path) -> None:
    with running(tmp_path) as validator:
        for method in ("localnet_status", "localnet_stop"):
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode()
            headers = {"Content-Type": "application/json", "Origin": "https://example.org"}
            with urlopen(Request(validator.rpc_url, body, headers), timeout=PATIENCE) as response:
                assert "not available to web pages" in json.loads(response.read())["error"]["message"]
        assert validator.result("getHealth") == "ok"
        assert validator.stop(signal.SIGTERM)[0] == 0


def test_one_in_this_process_is_not_stopped_by_a_request(chain: Chain) -> None:
    assert "part of another process" in chain.error("localnet_stop")["message"]
    chain.send(chain.transfer(Pubkey.new_unique(), SOL))
    shown = chain.result("localnet_status")
    assert (shown["transactionCount"], shown["ledger"], shown["problem"]) == (1, None, None)
    assert (shown["programs"], shown["unixTimestamp"]) == ([], START)


# --- unusual endpoints


class Endpoint:
    """Responds with the result of ``act`` for the method. Its clock advances only while waiting."""

    def __init__(self, act: Callable[[str, int], Any], label: str = "http://127.0.0.1:8899") -> None:
        self.act = act
        self.label = label
        self.clock = FakeClock()
        self.requests = 0

    def send(self, body: bytes, *, timeout: float) -> bytes:
        assert timeout > 0
        self.requests += 1
        request = json.loads(body)
        return json.dumps(
            {"jsonrpc": "2.0", "id": request["id"], **self.act(request["method"], self.requests)}
        ).encode()

    def close(self) -> None: ...

    @property
    def session(self) -> Session:
        return Session(RpcClient(self, self.clock), PUBLISHED, lambda line: None, NOTHING_GIVEN)


NOBODY = Unreachable("Cannot connect.", request_sent=False)
STATUS = {
    "version": "1", "pid": 2, "slot": 3, "blockHeight": 4, "unixTimestamp": START, "transactionCount": 5,
    "slotSeconds": 0.4, "ledger": "/l", "problem": "No space left on device", "programs": [str(Pubkey.default())],
}  # fmt: skip


def raising(error: Exception) -> Any:
    raise error


def test_a_ledger_that_cannot_be_written_is_a_no() -> None:
    shown = status(Endpoint(lambda *_: {"result": STATUS}).session)
    assert shown.exit_code is ExitCode.NO
    assert "cannot execute transactions: No space left on device." in shown.summary
    assert (shown.data.writable, shown.data.programs[0].name) == (False, None)


@pytest.mark.parametrize("change", [{"pid": "x"}, {"slotSeconds": None}, {"programs": [1]}, {"ledger": 5}])
def test_an_answer_of_another_form_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(NetworkError):
        status(Endpoint(lambda *_: {"result": {**STATUS, **change}}).session)


def test_another_validator_is_neither_shown_nor_stopped() -> None:
    other = Endpoint(lambda *_: {"error": {"code": -32601, "message": "Method not found"}})
    for act in (status, lambda session: stop(session, other.clock, "5")):
        with pytest.raises(LocalnetError, match="is not a psyche-cli local validator"):
            act(other.session)


def test_a_distant_endpoint_that_does_not_answer_may_still_run() -> None:
    distant = Endpoint(lambda *_: raising(NOBODY), "https://rpc.example.org")
    for act in (status, lambda session: stop(session, distant.clock, "5")):
        with pytest.raises(Unreachable):
            act(distant.session)


def test_stop_waits_until_nobody_listens() -> None:
    def act(method: str, number: int) -> Any:
        return {"result": None} if method == "localnet_stop" else raising(NOBODY if number > 4 else TimedOut("Slow."))

    endpoint = Endpoint(act)
    assert stop(endpoint.session, endpoint.clock, "5").data.was_running
    assert endpoint.requests == 5


def test_stop_counts_as_sent_if_the_answer_is_lost() -> None:
    lost = Unreachable("The connection was lost.", request_sent=True)
    endpoint = Endpoint(lambda _, number: raising(lost if number == 1 else NOBODY))
    assert stop(endpoint.session, endpoint.clock, "5").data.was_running


def test_stop_ends_its_wait() -> None:
    endpoint = Endpoint(lambda *_: {"result": "ok"})
    with pytest.raises(TimedOut, match="did not stop within 5 seconds"):
        stop(endpoint.session, endpoint.clock, "5")
