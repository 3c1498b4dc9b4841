"""Runs the command line with streams, clock, home directory and cluster under the control of the test."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli.cli.app import main
from psyche_cli.environment import Clock, Environment, SystemClock
from psyche_cli.errors import ExitCode
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.timekeeping import ClockMode, Timekeeper
from psyche_cli.localnet.in_process import InProcessTransport
from psyche_cli.localnet.rpc.context import RpcContext
from psyche_cli.localnet.rpc.dispatcher import Dispatcher
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.wallet import Wallet
from psyche_cli.transport import Transport
from tests.cli.schema_check import check_output
from tests.support.secret_forms import unmistakable_keypair
from tests.support.state_home import state_home

SOL = 1_000_000_000


@dataclass(frozen=True)
class Outcome:
    """The outcome of a command."""

    code: ExitCode
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """stdout as JSON. Fails the test if stdout is not exactly one JSON document."""
        return json.loads(self.stdout)

    @property
    def is_internal_error(self) -> bool:
        """Whether the command failed with a bug. Exit code 1 has other meanings too."""
        return self.code is ExitCode.INTERNAL and "Internal error in psyche-cli" in self.stderr + self.stdout

    @property
    def data(self) -> Any:
        """``data`` of a successful command with ``--output json``."""
        assert self.code is ExitCode.OK, self.stderr
        return self.json["data"]


@dataclass
class Chain:
    """An in-process validator with funded wallets."""

    dispatcher: Dispatcher
    home: Path
    requests: list[str] = field(default_factory=list)

    @classmethod
    def start(cls, home: Path, *, stopped_at: int | None = None, **wallets_sol: int) -> tuple[Chain, dict[str, Path]]:
        """Create a validator, and a keypair file per name that is funded with that many SOL at genesis.

        If ``stopped_at`` is given, its clock starts at that Unix time, and time and slots only advance by warping.

        Booting a VM takes 50 ms of CPU. Tests with the same wallets therefore share a bank, which is reset to genesis
        each time, as by ``localnet reset``. The RPC context, with its snapshots and counters, is new.
        """
        bank, wallets = _bank_with(tuple(wallets_sol.items()), stopped_at)
        bank.listeners.clear()
        bank.restore(bank.at_genesis)
        files = {name: home / f"{name}.json" for name in wallets_sol}
        for name, wallet in wallets.items():
            wallet.write_keypair_file(files[name])
        return cls(Dispatcher(RpcContext(bank)), home), files

    def transport(self, url: str) -> Transport:
        """The transport for any URL: connects to this chain and records requests."""
        return RecordingTransport(InProcessTransport(self.dispatcher, label=url), self.requests)

    @property
    def rpc(self) -> RpcClient:
        """An RPC client for tests to inspect the chain."""
        return RpcClient(InProcessTransport(self.dispatcher), SystemClock())

    @property
    def sent(self) -> int:
        """The number of transactions sent so far."""
        return self.requests.count("sendTransaction")


@functools.cache
def _bank_with(wallets_sol: tuple[tuple[str, int], ...], stopped_at: int | None) -> tuple[Bank, dict[str, Wallet]]:
    """This process's bank whose genesis has one wallet per name with that balance in SOL, and the wallets.

    Keys follow from the names, so that no output contains parts of them by chance.
    """
    wallets = {name: Wallet(Keypair.from_bytes(unmistakable_keypair(name)), "a new keypair") for name, _ in wallets_sol}
    balances = {wallets[name].address: sol * SOL for name, sol in wallets_sol}
    timekeeper = Timekeeper(SystemClock())
    if stopped_at is not None:
        timekeeper = Timekeeper(SystemClock(), slot_seconds=0, mode=ClockMode("fixed", stopped_at))
    return Bank(Genesis(balances=balances), timekeeper), wallets


class RecordingTransport:
    """A transport that records the method of every request."""

    def __init__(self, inner: Transport, methods: list[str]) -> None:
        self._inner, self._methods = inner, methods

    @property
    def label(self) -> str:
        return self._inner.label

    def send(self, body: bytes, *, timeout: float) -> bytes:
        self._methods.append("+".join(methods_of(body)))
        return self._inner.send(body, timeout=timeout)

    def close(self) -> None:
        self._inner.close()


def methods_of(body: bytes) -> list[str]:
    """The method of a request, or the methods of a batch."""
    request = json.loads(body)
    return [one["method"] for one in (request if isinstance(request, list) else [request])]


@dataclass
class CommandLine:
    """Calls ``app.main`` like the console script."""

    home: Path
    open_transport: Callable[[str], Transport]
    variables: dict[str, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=SystemClock)

    def __call__(self, *words: object, variables: Mapping[str, str] | None = None, stdin: str = "") -> Outcome:
        """Run a command. JSON output must match its published schema."""
        environment = environment_of(self, variables, stdin)
        texts = [str(word) for word in words]
        code = main(texts, environment)
        check_output(texts, text_of(environment.stdout))
        return Outcome(code, text_of(environment.stdout), text_of(environment.stderr))

    def json(self, *words: object) -> Any:
        """Run a command with ``--output json`` that must succeed, and return its ``data``."""
        return self(*words, "--output", "json").data


def environment_of(cli: CommandLine, variables: Mapping[str, str] | None = None, stdin: str = "") -> Environment:
    """The environment of a command, with streams in memory."""
    return Environment(
        stdin=io.StringIO(stdin),
        stdout=io.StringIO(),
        stderr=io.StringIO(),
        variables={"XDG_STATE_HOME": str(state_home(cli.home)), **cli.variables, **(variables or {})},
        home=cli.home,
        clock=cli.clock,
        open_transport=cli.open_transport,
    )


def text_of(stream: TextIO) -> str:
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


def address_of(path: Path) -> Pubkey:
    """The public key of a keypair file."""
    from psyche_cli.redaction import Redactor
    from psyche_cli.solana.wallet import keypair_file_address

    return keypair_file_address(path, Redactor())
