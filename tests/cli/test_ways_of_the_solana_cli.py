"""Clusters and wallets as users of the Solana CLI name them: options, configuration file, stdin and seed phrase."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest
from solders.keypair import Keypair

from psyche_cli.cli.app import main
from psyche_cli.errors import ExitCode
from psyche_cli.solana.seed_phrases import keypair_from_seed_phrase
from psyche_cli.transport import Transport
from tests.cli.conftest import House
from tests.cli.harness import CommandLine, Outcome, address_of, environment_of, text_of
from tests.support.patience import PATIENCE

PHRASE = "legal winner thank year wave sausage worth useful legal winner thank yellow"
DEVNET = "https://api.devnet.solana.com"


class Opened:
    """A command line that records the URLs that it opens."""

    def __init__(self, house: House) -> None:
        self.urls: list[str] = []
        self.cli = CommandLine(house.cli.home, self._open, dict(house.cli.variables))
        self._chain = house.chain

    def _open(self, url: str) -> Transport:
        self.urls.append(url)
        return self._chain.transport(url)


@pytest.fixture
def opened(house: House) -> Opened:
    return Opened(house)


def configure(home: Path, **settings: str) -> Path:
    """Write the configuration file of the Solana CLI."""
    path = home / ".config" / "solana" / "cli" / "config.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("---\n" + "".join(f"{name}: {value}\n" for name, value in settings.items()))
    return path


# --- options


@pytest.mark.parametrize("flags", [("--rpc",), ("--url",), ("-u",)])
@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("m", "https://api.mainnet-beta.solana.com"),
        ("mainnet-beta", "https://api.mainnet-beta.solana.com"),
        ("d", DEVNET),
        ("t", "https://api.testnet.solana.com"),
        ("l", "http://127.0.0.1:8899"),
    ],
)
def test_clusters_by_name(opened: Opened, flags: tuple[str], name: str, url: str) -> None:
    assert opened.cli("list-runs", *flags, name).code is ExitCode.OK
    assert opened.urls == [url]


@pytest.mark.parametrize("flag", ["-w", "--wallet-private-key-path", "-k", "--keypair"])
def test_names_of_the_wallet_option(house: House, flag: str) -> None:
    outcome = house.cli("list-runs", "--mine", flag, house.stranger, "--output", "json")
    assert outcome.code is ExitCode.OK
    assert house.cli("create-run", "-r", "x", flag, house.stranger).code is ExitCode.OK
    assert house.dump("x")["coordinator_instance"]["main_authority"] == str(address_of(house.stranger))


def test_both_names_in_one_command_line(house: House, opened: Opened) -> None:
    """Both endpoints are used; the same one twice is one."""
    assert opened.cli("list-runs", "--rpc", "d", "--url", "t", "-u", "devnet").code is ExitCode.OK
    assert opened.urls == ["https://api.devnet.solana.com", "https://api.testnet.solana.com"]


def test_a_url_with_a_key_is_not_shown(opened: Opened) -> None:
    for words in (
        ("-u", "rpc.example/SECRET-KEY-1"),
        ("--url=rpc.example/SECRET-KEY-1",),
        ("-urpc.example/SECRET-KEY-1",),
    ):
        outcome = opened.cli("list-runs", *words)
        assert outcome.code is ExitCode.USAGE
        assert "SECRET" not in outcome.stdout + outcome.stderr


# --- configuration file


def test_the_configuration_decides_without_options(house: House, opened: Opened) -> None:
    path = configure(house.cli.home, json_rpc_url=f"{DEVNET}/api-key-1", keypair_path=str(house.stranger))
    opened.cli.variables.clear()
    outcome = opened.cli("create-run", "-r", "x", "--quiet")
    assert outcome.code is ExitCode.OK
    assert outcome.stderr.splitlines()[:2] == [
        f"Using the wallet {house.stranger}, from {path}.",
        f"Using the cluster {DEVNET}, from {path}.",
    ]
    assert opened.urls == [f"{DEVNET}/api-key-1"]
    assert "api-key-1" not in outcome.stdout + outcome.stderr
    reading = opened.cli("list-runs", "--output", "json")
    assert reading.stderr == f"Using the cluster {DEVNET}, from {path}.\n"
    assert [run["run_id"] for run in reading.data["runs"]] == ["x"]


def test_options_and_variables_take_precedence(house: House, opened: Opened) -> None:
    configure(house.cli.home, json_rpc_url=DEVNET, keypair_path="/nonexistent")
    for words, variables in ((("-u", "t"), {}), ((), {"RPC": "t"})):
        outcome = opened.cli("create-run", "-r", f"run-{len(words)}", *words, variables=variables)
        assert outcome.code is ExitCode.OK
        assert "config.yml" not in outcome.stderr
    assert set(opened.urls) == {"https://api.testnet.solana.com"}


def test_commands_for_local_validators_do_not_use_it(house: House, opened: Opened) -> None:
    configure(house.cli.home, json_rpc_url=DEVNET)
    outcome = opened.cli("localnet", "airdrop", house.owner, "1")
    assert outcome.code is ExitCode.OK
    assert opened.cli("localnet", "new-mint").code is ExitCode.OK
    assert set(opened.urls) == {"http://127.0.0.1:8899"}


def test_suggestions_repeat_a_url_that_the_configuration_would_replace(house: House, opened: Opened) -> None:
    words = ("create-run", "-u", "http://127.0.0.1:8899", "-r")
    assert "--rpc" not in opened.cli(*words, "one").stderr
    configure(house.cli.home, json_rpc_url=DEVNET)
    assert (
        "update-config --run-id two --config-path run.toml --rpc http://127.0.0.1:8899"
        in opened.cli(*words, "two").stderr
    )


def test_the_commitment_belongs_to_the_url(house: House, tmp_path: Path) -> None:
    asked: list[object] = []

    class Watched:
        label = DEVNET

        def __init__(self, inner: Transport) -> None:
            self._inner = inner

        def send(self, body: bytes, *, timeout: float) -> bytes:
            asked.extend(
                part["commitment"]
                for part in json.loads(body)["params"]
                if isinstance(part, dict) and "commitment" in part
            )
            return self._inner.send(body, timeout=timeout)

        def close(self) -> None: ...

    cli = CommandLine(tmp_path, lambda url: Watched(house.chain.transport(url)), dict(house.cli.variables))
    for commitment, expected in (("finalized", "finalized"), ("processed", "confirmed"), ("confirmed", "confirmed")):
        configure(tmp_path, json_rpc_url=DEVNET, commitment=commitment)
        outcome = cli("list-runs")
        assert set(asked) == {expected}
        assert (" with commitment finalized" in outcome.stderr) == (expected == "finalized")
        asked.clear()
    configure(tmp_path, json_rpc_url=DEVNET, commitment="finalized")
    cli("list-runs", "-u", "d")
    assert set(asked) == {"confirmed"}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("[secret-1]", "the value of json_rpc_url in line 2 is not plain or quoted text."),
        ("ftp://host/secret-1", "must have the scheme http or https."),
    ],
)
def test_a_configuration_that_cannot_be_used(house: House, url: str, message: str) -> None:
    path = configure(house.cli.home, json_rpc_url=url)
    outcome = house.cli("list-runs")
    assert outcome.code is ExitCode.USAGE
    assert message in outcome.stderr
    assert str(path) in outcome.stderr
    assert "secret-1" not in outcome.stderr
    assert house.cli("list-runs", "--rpc", "localhost").code is ExitCode.OK


def test_without_settings_nothing_is_different(house: House, opened: Opened) -> None:
    configure(house.cli.home, json_rpc_url="''")
    assert opened.cli("list-runs").stderr == ""
    assert opened.urls == ["http://127.0.0.1:8899"]


# --- other sources of a wallet


def with_stdin(house: House, text: str, *words: str) -> Outcome:
    environment = environment_of(house.cli).replaced(stdin=io.StringIO(text))
    return Outcome(main(words, environment), text_of(environment.stdout), text_of(environment.stderr))


@pytest.mark.parametrize("source", ["-", "stdin:", "stdin://"])
@pytest.mark.parametrize("encode", [Path.read_text, lambda path: f"\ufeff {path.read_text()}"])
def test_a_keypair_from_stdin(house: House, source: str, encode: Callable[[Path], str]) -> None:
    made = with_stdin(house, encode(house.stranger), "create-run", "-r", "x", "-k", source)
    assert made.code is ExitCode.OK, made.stderr
    assert house.dump("x")["coordinator_instance"]["main_authority"] == str(address_of(house.stranger))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "The keypair from stdin is empty."),
        ("[1, 2]", "The keypair from stdin contains 2 numbers; a keypair has 64."),
        ("x" * 70_000, "longer than 65536 characters"),
    ],
)
def test_stdin_without_a_keypair(house: House, text: str, problem: str) -> None:
    outcome = with_stdin(house, text, "create-run", "-r", "x", "-k", "stdin:")
    assert outcome.code is ExitCode.WALLET
    assert problem in outcome.stderr
    assert house.chain.requests == []


def test_other_sources(house: House) -> None:
    assert house.cli("create-run", "-r", "x", "-k", f"file:{house.stranger}").code is ExitCode.OK
    usb = house.cli("create-run", "-r", "y", "-k", "usb://ledger?key=0")
    assert usb.code is ExitCode.WALLET
    assert "Hardware wallets (usb:) are not supported." in usb.stderr
    for source in ("prompt:", "ASK"):
        unasked = house.cli("create-run", "-r", "y", "-k", source)
        assert unasked.code is ExitCode.WALLET
        assert "there is no terminal to ask on" in unasked.stderr
    path = house.cli("create-run", "-r", "y", "-k", "prompt:?key=x")
    assert "Invalid derivation path" in path.stderr


def test_sources_in_the_configuration(house: House) -> None:
    configure(house.cli.home, keypair_path="stdin:")
    house.cli.variables.clear()
    assert with_stdin(house, house.owner.read_text(), "create-run", "-r", "x").code is ExitCode.OK


class Screen:
    """A real process at a pseudo-terminal, with all that it shows there."""

    def __init__(self, home: Path, *words: str) -> None:
        terminal, end = pty.openpty()
        self._screen = os.fdopen(terminal, "r+b", buffering=0)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "psyche_cli", *words],
            stdin=end, stdout=subprocess.PIPE, stderr=end, text=True,
            env={"PATH": os.environ["PATH"], "HOME": str(home)},
        )  # fmt: skip
        os.close(end)
        self.shown = b""

    def echoes(self) -> bool:
        """Whether the terminal shows what is typed."""
        return bool(termios.tcgetattr(self._screen.fileno())[3] & termios.ECHO)

    def wait_for(self, question: bytes) -> None:
        while not self.shown.endswith(question):
            self.shown += self._screen.read(1024)

    def answer(self, question: bytes, line: str) -> None:
        self.wait_for(question)
        self._screen.write(line.encode() + b"\n")

    def finish(self) -> str:
        stdout, _ = self.process.communicate(timeout=PATIENCE)
        while True:
            try:
                more = self._screen.read(1024)
            except OSError:  # the other end is closed
                break
            self.shown += more
        self._screen.close()
        return stdout


@pytest.mark.parametrize(
    ("source", "passphrase", "path"),
    [("prompt:", "", "m/44'/501'"), ("prompt:?key=0/0", "", "m/44'/501'/0'/0'"), ("ASK", "mellon", None)],
)
def test_a_seed_phrase_at_a_real_terminal(tmp_path: Path, source: str, passphrase: str, path: str | None) -> None:
    screen = Screen(tmp_path, "list-runs", "--mine", "-k", source, "-u", "http://127.0.0.1:1")
    screen.answer(b"Seed phrase: ", PHRASE)
    screen.answer(b"there is none): ", passphrase)
    if passphrase:
        screen.answer(b"again: ", passphrase)
    assert screen.finish() == ""
    wallet: Keypair = keypair_from_seed_phrase(PHRASE, passphrase, path)
    assert f"Using the wallet {wallet.pubkey()}, from the seed phrase.".encode() in screen.shown
    assert b"winner" not in screen.shown
    assert b"mellon" not in screen.shown


def test_an_interrupted_question_restores_the_echo(tmp_path: Path) -> None:
    screen = Screen(tmp_path, "list-runs", "--mine", "-k", "prompt:", "-u", "http://127.0.0.1:1")
    screen.wait_for(b"Seed phrase: ")
    assert not screen.echoes()
    screen.process.send_signal(signal.SIGINT)
    assert screen.process.wait(PATIENCE) == ExitCode.INTERRUPTED
    assert screen.echoes()
    screen.finish()
    assert b"Seed phrase: \r\n\x1b[31mError:\x1b[0m Interrupted." in screen.shown


def test_faults_of_a_typed_secret(tmp_path: Path) -> None:
    words = ("list-runs", "--mine", "-k", "prompt:", "-u", "http://127.0.0.1:1", "--output", "json")
    screen = Screen(tmp_path, *words)
    screen.answer(b"Seed phrase: ", PHRASE.replace("yellow", "yelow"))
    screen.answer(b"there is none): ", "")
    document = json.loads(screen.finish())
    assert document["error"]["message"] == (
        "The seed phrase is invalid: word 12 is not in the English word list of BIP-39."
    )
    screen = Screen(tmp_path, *words)
    screen.answer(b"Seed phrase: ", PHRASE)
    screen.answer(b"there is none): ", "one")
    screen.answer(b"again: ", "two")
    assert json.loads(screen.finish())["error"]["message"] == "The passphrases differ."
    screen = Screen(tmp_path, *words)
    screen.answer(b"Seed phrase: ", "\x04")
    assert json.loads(screen.finish())["error"]["message"] == "The input ended before the secret was complete."
