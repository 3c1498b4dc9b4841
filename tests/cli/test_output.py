"""With JSON output stdout is always JSON, diagnostics go to stderr, and exit codes are as documented."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from psyche_cli.cli.app import main
from psyche_cli.environment import Environment
from psyche_cli.errors import ExitCode, HttpStatusError, PsycheError, TimedOut, Unreachable
from psyche_cli.transport import Transport
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import CommandLine, environment_of
from tests.support.clocks import FastClock
from tests.support.terminals import Terminal

ADDRESS = "So11111111111111111111111111111111111111112"
EVERY_COMMAND: list[tuple[object, ...]] = [
    ("run-authorizer", "--grantor", "owner.json"),
    ("join-authorization-create", "--permissionless"),
    ("join-authorization-create", "--from", "keys.csv"),
    ("join-authorization-read", "--join-authority", ADDRESS),
    ("join-authorization-delegate", "--join-authority", ADDRESS, "--delegates-added", ADDRESS),
    ("join-authorization-delete", "--permissionless"),
    ("join-authorization-close", "--permissionless"),
    ("join-authorization", "list", "--grantor", ADDRESS),
    ("create-run", "--run-id", "new"),
    ("update-config", "--run-id", "test", "--config-path", MINIMAL, "--name", "x"),
    ("set-paused", "--run-id", "test", "--resume"),
    ("set-future-epoch-rates", "--run-id", "test", "--earning-rate", "1"),
    ("treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount", "1"),
    ("treasurer-claim-rewards", "--run-id", "test"),
    ("rewards", "list", "--run-id", "test"),
    ("list-runs", "--mine"),
    ("cost", "--run-id", "test"),
    ("authority", "check", "--run-id", "test"),
    ("explain", "--run-id", "test"),
    ("members", "--run-id", "test"),
    ("can-join", "--run-id", "test", "--address", ADDRESS),
    ("simulate", "--from-run", "test", "--clients", "2", "--epochs", "1"),
    ("tick", "--run-id", "test", "--count", "1"),
    ("checkpoint", "--run-id", "test", "--repo", "owner/model"),
    ("close-run", "--run-id", "test", "--yes"),
    ("json-dump-run", "--run-id", "test"),
    ("json-dump-user", "--run-id", "test", "--address", ADDRESS),
]


class Faulty:
    """A transport that fails in a given way after ``healthy`` requests."""

    label = "faulty"

    def __init__(self, inner: Transport, fault: Callable[[], bytes], healthy: int) -> None:
        self._inner, self._fault, self._healthy = inner, fault, healthy

    def send(self, body: bytes, *, timeout: float) -> bytes:
        self._healthy -= 1
        return self._inner.send(body, timeout=timeout) if self._healthy >= 0 else self._fault()

    def close(self) -> None:
        self._inner.close()


def raising(error: PsycheError) -> Callable[[], bytes]:
    def fault() -> bytes:
        raise error

    return fault


FAULTS: dict[str, Callable[[], bytes]] = {
    "unreachable": raising(Unreachable("Nobody is there.")),
    "timeout": raising(TimedOut("Too slow.")),
    "status 500": raising(HttpStatusError("It failed.", status=500)),
    "not JSON": lambda: b"<html>",
    "not RPC": lambda: b"[]",
    "null result": lambda: b'{"jsonrpc":"2.0","id":1,"result":null}',
    "error object": lambda: b'{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"\\u001b[31mInternal"}}',
    "not even bytes of text": lambda: b"\xff\xfe\x00",
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("healthy", [0, 1, 3])
def test_every_command_prints_json_under_all_faults(
    house: House, monkeypatch: pytest.MonkeyPatch, fault: Callable[[], bytes], healthy: int
) -> None:
    house.run(treasurer=True)
    monkeypatch.chdir(house.owner.parent)
    Path("keys.csv").write_text(ADDRESS)
    for words in EVERY_COMMAND:
        stdout, stderr = io.StringIO(), io.StringIO()
        environment = Environment(
            stdin=io.StringIO(),
            stdout=stdout,
            stderr=stderr,
            variables=house.cli.variables,
            home=house.cli.home,
            clock=FastClock(per_reading=0.001),
            open_transport=lambda url: Faulty(house.chain.transport(url), fault, healthy),
        )
        code = main([*map(str, words), "--output", "json"], environment)
        document = json.loads(stdout.getvalue())
        if document.get("ok", True):  # the dumps have no envelope
            assert code is ExitCode.OK or words[0] == "can-join"
        else:
            expected = (ExitCode.NETWORK, ExitCode.UNKNOWN, ExitCode.REFUSED, ExitCode.NOT_FOUND)
            assert code in expected, stderr.getvalue()
            assert document["exit_code"] == code
            assert stderr.getvalue().count("Error: ") == 1
        assert "\x1b" not in stdout.getvalue() + stderr.getvalue()


def test_the_envelope_of_success_and_failure(house: House) -> None:
    success = house.cli("join-authorization-create", "--permissionless", "--output", "json")
    assert set(success.json) == {
        "schema_version", "command", "ok", "exit_code", "summary", "data", "transactions", "warnings",
    }  # fmt: skip
    assert success.json["command"] == "join-authorization-create"
    assert set(success.json["transactions"][0]) == {
        "label", "signature", "slot", "fee_lamports", "priority_fee_lamports", "explorer", "logs",
    }  # fmt: skip
    failure = house.cli("set-paused", "--run-id", "none", "--output", "json")
    assert set(failure.json) == {"schema_version", "command", "ok", "exit_code", "error"}
    assert set(failure.json["error"]) == {"code", "message", "hint", "context"}
    before_dispatch = house.cli("set-paused", "--output=JSON")
    assert set(before_dispatch.json) == set(failure.json)


def test_results_go_to_stdout_and_diagnostics_to_stderr(house: House) -> None:
    outcome = house.cli("join-authorization-create", "--permissionless")
    assert outcome.stdout.startswith("Created a join authorization for everyone.\n")
    assert "Sending" in outcome.stderr
    assert "Sending" not in outcome.stdout


@pytest.mark.parametrize("columns", ["0", "1", "20"])
def test_narrow_terminals(house: House, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    environment = environment_of(house.cli).replaced(stdout=terminal)
    assert main(["join-authorization-create", "--permissionless"], environment) is ExitCode.OK
    assert terminal.getvalue().startswith("\x1b[1mCreated a join authorization for everyone.\x1b[0m\n")
    text = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
    assert text.startswith("Created a join authorization for everyone.\n  grantor (join authority)  ")
    assert len(text.splitlines()) == 9  # the transaction takes three: the label, and the signature in 80 columns


def test_names_from_the_chain_cannot_control_the_terminal(house: House) -> None:
    """Other clients can set any name."""
    run_id = house.run()
    house.write_metadata(run_id, name="\x1b]0;gotcha\x07\x1b[2J")
    outcome = house.cli("update-config", "--run-id", run_id, "--name", "harmless")
    assert outcome.code is ExitCode.OK, outcome.stderr
    assert "\x1b" not in outcome.stdout + outcome.stderr
    assert "\x1b" not in house.cli("json-dump-run", "--run-id", run_id).stdout


def test_options_override_the_environment(house: House) -> None:
    run_id = house.run()
    variables = {"RUN_ID": run_id, "RPC": '"http://127.0.0.1:8899"'}
    outcome = house.cli("json-dump-run", variables=variables)
    assert outcome.json["coordinator_account"]["run_id"] == run_id
    assert outcome.stderr == ""
    assert house.cli("json-dump-run", "--run-id", "none", variables=variables).code is ExitCode.NOT_FOUND


def test_the_use_of_variables_with_generic_names_is_reported(house: House) -> None:
    outcome = house.cli("json-dump-user", "--run-id", house.run(), variables={"ADDRESS": ADDRESS})
    assert outcome.json["address"] == ADDRESS
    assert outcome.stderr == "From the environment: --address (ADDRESS).\n"


def test_permissionless_overrides_an_authorizer_from_the_environment(house: House) -> None:
    outcome = house.cli(
        "join-authorization-create", "--permissionless", "--output", "json", variables={"AUTHORIZER": ADDRESS}
    )
    assert outcome.data["permissionless"] is True


def test_the_envelope_has_the_full_command_name(house: House, tmp_path: Path) -> None:
    outcome = house.cli("localnet", "new-wallet", tmp_path / "new.json", "--output", "json")
    assert outcome.json["command"] == "localnet new-wallet"


def test_the_envelope_has_the_command_name_once(house: House) -> None:
    assert house.cli("set-paused", "--run-id", "set-paused", "--output", "json").json["command"] == "set-paused"
    assert house.cli("--output", "json").json["command"] == ""


def test_flags_in_the_environment_accept_true_and_false(house: House) -> None:
    run_id = house.run()
    assert house.cli("set-paused", "--run-id", run_id, variables={"RESUME": "false"}).code is ExitCode.REFUSED
    assert house.cli("set-paused", "--run-id", run_id, variables={"RESUME": "true"}).code is ExitCode.OK
    assert house.cli("set-paused", "--run-id", run_id, variables={"RESUME": "perhaps"}).code is ExitCode.USAGE


def test_the_raw_key_overrides_the_path(house: House, tmp_path: Path) -> None:
    variables = {"RAW_WALLET_PRIVATE_KEY": house.stranger.read_text(), "WALLET_PRIVATE_KEY_PATH": str(house.owner)}
    outcome = house.cli("create-run", "--run-id", "test", "--output", "json", variables=variables)
    from tests.cli.harness import address_of

    assert outcome.data["main_authority"] == str(address_of(house.stranger))
    assert "RAW_WALLET_PRIVATE_KEY" in outcome.stderr


def test_a_path_on_the_command_line_must_be_the_raw_key(house: House) -> None:
    variables = {"RAW_WALLET_PRIVATE_KEY": house.stranger.read_text()}
    words = ("create-run", "--run-id", "test")
    refused = house.cli(*words, "-w", house.owner, variables=variables)
    assert refused.code is ExitCode.USAGE
    assert "Two wallets were specified" in refused.stderr
    assert "Unset RAW_WALLET_PRIVATE_KEY" in refused.stderr
    assert house.chain.requests == []
    same = house.cli(*words, "--keypair", house.stranger, variables=variables)
    assert same.code is ExitCode.OK
    assert "RAW_WALLET_PRIVATE_KEY" not in same.stderr


def test_the_use_of_the_default_wallet_is_reported(house: House) -> None:
    default = house.cli.home / ".config" / "solana" / "id.json"
    default.parent.mkdir(parents=True)
    default.write_text(house.owner.read_text())
    default.chmod(0o600)
    outcome = house.cli("create-run", "--run-id", "test", variables={"WALLET_PRIVATE_KEY_PATH": ""})
    assert outcome.code is ExitCode.OK
    assert "Using the default wallet" in outcome.stderr


def test_a_bug_exits_with_internal(house: House) -> None:
    def broken(url: str) -> Transport:
        raise ZeroDivisionError(url)

    outcome = CommandLine(house.cli.home, broken)("json-dump-run", "--run-id", "x")
    assert outcome.code is ExitCode.INTERNAL
    assert outcome.is_internal_error
    assert outcome.json["error"]["context"] == {"exception": "ZeroDivisionError", "sent": False}
    assert "Traceback" not in outcome.stderr
    told = CommandLine(house.cli.home, broken, {"PSYCHE_CLI_TRACEBACK": "1"})("json-dump-run", "--run-id", "x")
    assert "Traceback" in told.stderr


def test_ctrl_c_exits_with_interrupted(house: House) -> None:
    def interrupted(url: str) -> Transport:
        raise KeyboardInterrupt

    outcome = CommandLine(house.cli.home, interrupted)("json-dump-run", "--run-id", "x")
    assert outcome.code is ExitCode.INTERRUPTED
    assert outcome.json["error"]["code"] == "interrupted"


def test_version_and_help_succeed(house: House) -> None:
    from psyche_cli import __version__

    assert house.cli("--version").stdout == f"psyche-cli {__version__}\n"
    assert "create-run" in house.cli("--help").stdout
    assert house.cli().stdout == house.cli("--help").stdout


@pytest.mark.parametrize(
    "words", [("set-paused", "--run-id", "test", "--resume"), ("json-dump-run", "--run-id", "test")]
)
def test_ws_rpc_is_accepted_for_compatibility(house: House, words: tuple[str, ...]) -> None:
    """The option is accepted by all commands and ignored with a note; the help does not list it."""
    house.run()
    outcome = house.cli(*words, "--ws-rpc", "ws://127.0.0.1:8900", variables={"WS_RPC": "nonsense"})
    assert outcome.code is ExitCode.OK
    assert "--ws-rpc is accepted" in outcome.stderr
    assert "ws" not in house.cli(*words, variables={"WS_RPC": "nonsense"}).stderr.lower()
    assert "ws-rpc" not in house.cli(words[0], "--help").stdout
