"""No verb ever prints eight consecutive characters of a private key or of an RPC URL's path and query."""

from __future__ import annotations

import json
import random
import string
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from solders.keypair import Keypair

from psyche_cli.cli.app import main
from psyche_cli.cli.options import VARIABLES
from psyche_cli.cli.verbs import SECTIONS
from psyche_cli.environment import Environment
from psyche_cli.errors import ExitCode
from tests.cli.conftest import MINIMAL, RUN_FILE, House
from tests.cli.harness import Chain, CommandLine, Outcome, address_of
from tests.cli.test_output import ADDRESS
from tests.support.clocks import FastClock
from tests.support.counts import repetitions
from tests.support.secret_forms import FORMS, leaked, numbers_in_a_row, unmistakable_keypair

SIGNATURE = "5" * 88

VERBS: dict[str, list[str]] = {
    "plan": ["plan", str(RUN_FILE)],
    "apply": ["apply", str(RUN_FILE), "--yes"],
    "migrate": ["migrate", "--run-id", "test", "--to", str(RUN_FILE)],
    "drift": ["drift", str(RUN_FILE), str(RUN_FILE)],
    "create-run": ["create-run", "--run-id", "new", "--client-version", "latest"],
    "update-config": ["update-config", "--run-id", "test", "--config-path", str(MINIMAL), "--name", "x"],
    "set-paused": ["set-paused", "--run-id", "test", "--resume"],
    "tick": ["tick", "--run-id", "test", "--count", "1"],
    "schedule pause": ["schedule", "pause", "--run-id", "test", "--at", "epoch:1"],
    "schedule top-up": [
        *("schedule", "top-up", "--run-id", "test", "--keep-epochs", "2", "--max", "10", "--per-day", "20"),
    ],
    "schedule tick": ["schedule", "tick", "--run-id", "test", "--while-overdue"],
    "checkpoint": ["checkpoint", "--run-id", "test", "--repo", "owner/model"],
    "close-run": ["close-run", "--run-id", "test"],
    "show": ["show", "--run-id", "test"],
    "watch": ["watch", "--run-id", "test", "--until", "Uninitialized,WaitingForMembers,Paused", "--timeout", "1"],
    "wait": ["wait", "--run-id", "test", "--for", "Uninitialized,WaitingForMembers,Paused", "--timeout", "1"],
    "list-runs": ["list-runs", "--mine", "--joinable", "--state", "Paused"],
    "explain": ["explain", "--run-id", "test"],
    "curves": ["curves", "--run-id", "test", "-o", "curves.csv"],
    "dashboard": ["dashboard", "--run-id", "test", "--listen", "192.0.2.1:1"],
    "dashboard export": ["dashboard", "export", "--run-id", "test", "-o", "missing/run.html"],
    "history": ["history", "--run-id", "test", "--since", "1"],
    "history state": ["history", "state", "--run-id", "test", "--at", "1"],
    "history export": ["history", "export", "--run-id", "test", "-o", "archive.zip"],
    "metrics": ["metrics", "--run-id", "test", "--once"],
    "monitor": ["monitor", "--run-id", "test", "--once", "--rules", str(MINIMAL.parent / "monitoring" / "rules.toml")],
    "members": ["members", "--run-id", "test"],
    "simulate": ["simulate", "--from-run", "test", "--clients", "2", "--epochs", "1"],
    "advise": ["advise", "--run-id", "test", "-o", "advice.diff"],
    "can-join": ["can-join", "--run-id", "test", "--address", ADDRESS],
    "authority check": ["authority", "check", "--run-id", "test"],
    "cost": ["cost", "--run-id", "test"],
    "json-dump-run": ["json-dump-run", "--run-id", "test"],
    "json-dump-user": ["json-dump-user", "--run-id", "test", "--address", ADDRESS],
    "decode": ["decode", "account.json"],
    "lifecycle list": ["lifecycle", "list"],
    "lifecycle show": ["lifecycle", "show", "psyche-run", "--state", "Warmup"],
    "lifecycle explain": ["lifecycle", "explain", "psyche-run", "Warmup"],
    "lifecycle next": ["lifecycle", "next", "psyche-run", "Cooldown", "--given", "cooldown-over"],
    "lifecycle crynux-group": ["lifecycle", "crynux-group", "ScoreReady:aa", "ScoreReady:bb", "ErrorReported"],
    # Read the wallet, but make no request.
    "download-results": ["download-results", "--run-id", "test", "-o", "account.json"],
    "upload-data": ["upload-data", "--run-id", "test", "--path", "missing"],
    "set-future-epoch-rates": ["set-future-epoch-rates", "--run-id", "test", "--earning-rate", "1"],
    "treasurer-top-up-rewards": ["treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount", "1"],
    "treasurer-claim-rewards": ["treasurer-claim-rewards", "--run-id", "test", "--partial"],
    "rewards list": ["rewards", "list", "--run-id", "test", "--csv"],
    "join-authorization-create": ["join-authorization-create", "--authorizer", ADDRESS],
    "join-authorization-read": ["join-authorization-read", "--join-authority", ADDRESS],
    "join-authorization-delegate": [
        "join-authorization-delegate",
        "--join-authority",
        ADDRESS,
        "--delegates-added",
        ADDRESS,
    ],
    "join-authorization-delete": ["join-authorization-delete", "--authorizer", ADDRESS],
    "join-authorization-close": ["join-authorization-close", "--authorizer", ADDRESS],
    "join-authorization list": ["join-authorization", "list", "--grantor", ADDRESS],
    "run-authorizer": ["run-authorizer", "grantee=" + ADDRESS],
    "config check": ["config", "check", str(MINIMAL), "run.toml"],
    "config preview": ["config", "preview", str(MINIMAL), "--steps", "1", "--svg", "run.svg"],
    "config diff": ["config", "diff", "--run-id", "test", str(MINIMAL)],
    "config dump": ["config", "dump", "--run-id", "test"],
    "config example": ["config", "example", "minimal", "-o", "example.toml"],
    "keygen new": ["keygen", "new", "-o", "made.json"],
    "keygen pubkey": ["keygen", "pubkey"],
    "balance": ["balance", ADDRESS],
    "airdrop": ["airdrop", "1", ADDRESS],
    "tx list": ["tx", "list", "--run-id", "test"],
    "tx status": ["tx", "status", SIGNATURE],
    "tx explain": ["tx", "explain", SIGNATURE],
    "tx resume": ["tx", "resume", SIGNATURE],
    "tx forget": ["tx", "forget", SIGNATURE],
    "nonce create": ["nonce", "create", ADDRESS],
    "nonce show": ["nonce", "show", ADDRESS],
    "nonce close": ["nonce", "close", ADDRESS],
    "tx sign": ["tx", "sign", "unsigned.json", "-o", "signed.json"],
    "tx send": ["tx", "send", "signed.json", "--signer", f"{ADDRESS}={SIGNATURE}"],
    # Fails before it starts a process.
    "rehearse": ["rehearse", "--config", "missing.toml"],
    # Fails before it starts, because it listens on other addresses only if told to.
    "workers daemon": ["workers", "daemon", "--listen", "192.0.2.1:1"],
    "workers list": ["workers", "list"],
    "workers show": ["workers", "show", "missing"],
    "workers logs": ["workers", "logs", "missing"],
    "workers cancel": ["workers", "cancel", "missing"],
    "workers gc": ["workers", "gc"],
    "completion": ["completion", "bash"],
    "schema": ["schema", "localnet", "warp"],
    # Never starts, because no slot is that long.
    "localnet": ["localnet", "--airdrop", f"{ADDRESS}=1", "--clone", ADDRESS, "--slot-time", "99999"],
    "localnet play": ["localnet", "play", "--run-id", "test", "--clients", "1", "--until", "Warmup,Paused"],
    "localnet new-wallet": ["localnet", "new-wallet", "new.json", "--airdrop", "1"],
    "localnet airdrop": ["localnet", "airdrop", ADDRESS, "1"],
    "localnet new-mint": ["localnet", "new-mint", "--decimals", "6", "--amount", "1"],
    "localnet wait": ["localnet", "wait", "--timeout", "1"],
    "localnet status": ["localnet", "status"],
    "localnet stop": ["localnet", "stop", "--timeout", "1"],
    "localnet warp": ["localnet", "warp", "5"],
    "localnet reset": ["localnet", "reset"],
    "localnet snapshot": ["localnet", "snapshot"],
    "localnet restore": ["localnet", "restore", "1"],
    "localnet set-account": ["localnet", "set-account", ADDRESS, "account.json"],
    "localnet programs": ["localnet", "programs", "--export", "programs"],
}
WITHOUT_ENDPOINT = (
    "rehearse",
    "workers daemon",
    "workers list",
    "workers show",
    "workers logs",
    "workers cancel",
    "workers gc",
    "decode",
    "lifecycle list",
    "lifecycle show",
    "lifecycle explain",
    "lifecycle next",
    "lifecycle crynux-group",
    "download-results",
    "upload-data",
    "tx list",
    "tx sign",
    "config check",
    "config example",
    "config preview",
    "completion",
    "keygen new",
    "keygen pubkey",
    "localnet programs",
)
RESETS = ("localnet reset", "localnet restore")


def test_every_verb_is_tested() -> None:
    names = set()
    for section in SECTIONS:
        for verb in section.verbs:
            names |= {*([verb.name] if verb.runs else []), *(f"{verb.name} {below.name}" for below in verb.verbs)}
    assert names == VERBS.keys()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("home")
    chain, files = Chain.start(home, owner=10_000, stranger=100)
    cli = CommandLine(home, chain.transport, {"WALLET_PRIVATE_KEY_PATH": str(files["owner"])})
    house = House(chain, cli, files["owner"], files["stranger"])
    house.run(treasurer=True)
    account = {"lamports": 1, "data": ["", "base64"], "owner": ADDRESS}
    (home / "account.json").write_text(json.dumps({"pubkey": ADDRESS, "account": account}))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        yield house


def shown_key_parts(key: bytes, shown: str) -> list[Any]:
    """The parts of a private key that occur in a text, in any encoding. Public keys and signatures do not count."""
    found: list[Any] = [
        part for name, form in FORMS.items() if "base" in name or "hex" in name for part in leaked(form(key), shown)
    ]
    return found + sorted(numbers_in_a_row(FORMS["words"](key)) & numbers_in_a_row(shown))


# A seed in base58 looks like a public key. It is only hidden if the key is known; other tests cover this.
KEYS = [unmistakable_keypair(f"typed {number}") for number in range(10)]
TYPED = [name for name in FORMS if name not in ("seed in base58", "base64 of more")]


@settings(
    max_examples=repetitions(250), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_a_key_in_any_argument(house: House, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(KEYS))
    secret = FORMS[data.draw(st.sampled_from(TYPED))](key)
    words = list(VERBS[data.draw(st.sampled_from([name for name in VERBS if name not in RESETS]))])
    variables = {}
    where = data.draw(st.sampled_from(["replace", "insert", "append", "option", "value", "split", "variable", "path"]))
    at = data.draw(st.integers(0, len(words) - 1))
    if where == "replace":
        words[at] = secret
    elif where == "insert":
        words.insert(at, secret)
    elif where == "append":
        words[at] += secret
    elif where == "option":
        words.append(f"--{secret}")
    elif where == "value":
        words.append(f"{data.draw(st.sampled_from([*VARIABLES, '--nonsense', '--output', 'rpc', 'grantor']))}={secret}")
    elif where == "split":
        words += secret.split()
    elif where == "variable":
        variables[data.draw(st.sampled_from(sorted(VARIABLES.values())))] = secret
    else:
        words += ["-w", f"keys/{secret}/id.json"]
    if data.draw(st.booleans()):
        variables["RAW_WALLET_PRIVATE_KEY"] = str(Keypair.from_bytes(key))
    words += data.draw(st.sampled_from([[], ["--output", "json"], ["--help"], ["--verbose"]]))
    outcome = house.cli(*words, variables=variables)
    assert not shown_key_parts(key, outcome.stdout + outcome.stderr), words
    assert not outcome.is_internal_error, outcome.stderr


@pytest.mark.parametrize("output", [(), ("--output", "json"), ("--verbose",)])
@pytest.mark.parametrize("verb", VERBS)
def test_the_key_that_signs_is_never_shown(house: House, verb: str, output: tuple[str, ...], tmp_path: Path) -> None:
    """Whether it comes from a wallet file or a variable, and even if half of it was given as a name."""
    key = bytes(json.loads(house.owner.read_text()))
    half = FORMS["seed in base58"](key)
    for form, extra in (
        (None, []),
        ("base58", []),
        ("JSON", ["--wallet", half]),
        ("base58", ["--run-id", half[:32]]),
    ):
        variables = {} if form is None else {"RAW_WALLET_PRIVATE_KEY": FORMS[form](key)}
        outcome = house.cli(*VERBS[verb], *extra, *output, variables=variables)
        shown = outcome.stdout + outcome.stderr
        assert not shown_key_parts(key, shown)
        assert not outcome.is_internal_error, shown
        if verb in ("json-dump-run", "join-authorization-create") and not variables:
            assert str(address_of(house.owner)) in shown


# --- endpoints ------------------------------------------------------------------------------------------------------


class Echo:
    """An RPC endpoint for a chain that echoes the URL in all parts of its responses."""

    def __init__(self, chain: Chain) -> None:
        self.mode, self.healthy = "", 0
        echo = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                echo.healthy -= 1
                status, reason, answer = 200, "OK", chain.dispatcher.handle(body)
                if echo.healthy < 0:
                    status, reason, answer = echo.faulty(self, json.loads(body), answer)
                self.send_response(status, reason)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.port = self._server.server_address[1]

    def faulty(self, request: BaseHTTPRequestHandler, call: Any, answer: bytes) -> tuple[int, str, bytes]:
        """Status, reason phrase and body of a response that echoes the URL."""
        raw = request.path + " " + request.headers.get("authorization", "")
        plain = unquote(raw)
        error: dict[str, Any] = {"code": -32000, "message": "it failed"}
        if self.mode == "reason":
            return 403, raw, b""
        if self.mode == "decoded reason":
            return 404, plain.encode("latin-1", "ignore").decode("latin-1").replace("\n", " "), plain.encode()
        if self.mode == "redirect":
            return 301, raw, b""
        if self.mode == "nonsense":
            return 200, raw, f"<html>{plain}".encode()
        if self.mode == "message":
            error["message"] = f"No route {raw}, {plain}, {plain.upper()} or {quote(plain)}"
        elif self.mode == "long message":
            error["message"] = "x" * (500 - len(plain) // 2) + plain * 5
        elif self.mode == "data":
            error["data"] = {"path": [raw, plain], plain: raw, "logs": [f"Program log: {plain}"], "err": plain}
        elif self.mode == "result":
            result = json.loads(answer).get("result")
            value = {"err": plain, "logs": [f"Program log: {plain}"], "unitsConsumed": 1}
            result = {"context": {"slot": 1}, "value": value} if isinstance(result, dict) else plain
            return 200, raw, json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": result}).encode()
        return 200, raw, json.dumps({"jsonrpc": "2.0", "id": call["id"], "error": error}).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


OUTPUTS = (("--verbose",), ("--output", "json"))
MODES = ["none", "reason", "decoded reason", "redirect", "nonsense", "message", "long message", "data", "result"]


@pytest.fixture(scope="module")
def echo(house: House) -> Iterator[Echo]:
    endpoint = Echo(house.chain)
    yield endpoint
    endpoint.close()


def a_secret(source: random.Random) -> str:
    """Parts of a URL: letters and digits, and in half of them characters that must be encoded."""
    letters = string.ascii_letters + string.digits + "-_.~"
    odd = " /?&#é日+%'\"<>\\" if source.random() < 0.5 else ""
    text = "".join(source.choice(letters) for _ in range(source.randint(8, 40)))
    at = source.randint(0, len(text))
    return quote(text[:at] + "".join(source.sample(odd, min(len(odd), 3))) + text[at:], safe="")


@pytest.mark.parametrize("mode", MODES)
def test_an_endpoint_that_echoes_its_url(house: House, echo: Echo, mode: str, random_seed: int, full: bool) -> None:
    source = random.Random(f"{random_seed} {mode}")
    codes = set()
    for number, (name, line) in enumerate(VERBS.items(), MODES.index(mode)):
        # By default, a verb meets every second mode.
        if name in RESETS or not (full or number % 2 == 0):
            continue
        for output in OUTPUTS if full else (source.choice(OUTPUTS),):
            echo.mode, echo.healthy = mode, 10**6 if mode == "none" else (0, 1, 2, 4)[number // 2 % 4]
            user, path, value = (a_secret(source) for _ in range(3))
            where = source.choice(["option", "variable"])
            url = f"http://{user}:{user}@127.0.0.1:{echo.port}/v2/{path}/?api-key={value}"
            words, variables = [*line, *output], {"WALLET_PRIVATE_KEY_PATH": str(house.owner)}
            if name == "localnet":
                words += ["--url", url]
            elif name == "run-authorizer" and where == "option":
                words.insert(1, f"rpc={url}")
            elif name in WITHOUT_ENDPOINT or where == "variable":
                variables["RPC"] = url
            else:
                words += ["--rpc", url]
            outcome = run_over_http(house, words, variables)
            shown = outcome.stdout + outcome.stderr
            for secret in (user, path, value):
                for form in {secret, unquote(secret), quote(unquote(secret)), unquote(secret).upper()}:
                    assert not leaked(form, shown), (words, shown)
            assert not outcome.is_internal_error, shown
            codes.add(outcome.code)
    assert ExitCode.OK in codes
    assert mode == "none" or ExitCode.NETWORK in codes


def run_over_http(house: House, words: list[str], variables: dict[str, str]) -> Outcome:
    """Run a command over HTTP, like the console script."""
    import io

    from psyche_cli.solana.rpc.http import HttpTransport
    from tests.cli.harness import text_of

    environment = Environment(
        stdin=io.StringIO(),
        stdout=io.StringIO(),
        stderr=io.StringIO(),
        variables=variables,
        home=house.cli.home,
        clock=FastClock(per_reading=1.0),
        open_transport=HttpTransport,
    )
    code = main(words, environment)
    return Outcome(code, text_of(environment.stdout), text_of(environment.stderr))


# --- output of libraries on stderr ------------------------------------------------------------------------------------

LIBRARIES = """
import logging, sys, threading, warnings
from psyche_cli.cli.app import main
from psyche_cli.environment import Environment
from tests.support.counts import repetitions
from tests.support.clocks import FastClock

def speak(url):
    warnings.warn(f"warning about {url}")
    logging.getLogger("asyncio").error("log of %s", url)
    logging.getLogger("aiohttp").warning("log \\x1b[2J of %s", url)
    thread = threading.Thread(target=open, args=(url,))
    thread.start()
    thread.join()
    sys.stderr.write("half a line about " + url)
    raise RuntimeError(url)

environment = Environment.of_this_process(speak)
sys.exit(main(sys.argv[1:], environment))
"""


def test_output_of_libraries_is_redacted(tmp_path: Path) -> None:
    url = "http://user:SECRETUSER@127.0.0.1:1/SECRETPATH?key=SECRETVALUE"
    done = subprocess.run(
        [sys.executable, "-c", LIBRARIES, "json-dump-run", "--run-id", "x", "--rpc", url],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(tmp_path), "PSYCHE_CLI_TRACEBACK": "1"},
    )
    assert done.returncode == ExitCode.INTERNAL
    assert "SECRET" not in done.stdout + done.stderr
    assert "\x1b" not in done.stderr
    for said in (
        "warning about http://",
        "log of http://",
        "half a line about",
        "FileNotFoundError",
        "RuntimeError: http",
    ):
        assert said in done.stderr
