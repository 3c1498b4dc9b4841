"""The initial chain of all fault schedules, and the commands that are run on it."""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.cli.app import main
from psyche_cli.limits import DISCRIMINATOR_BYTES
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.journal import BankState
from psyche_cli.localnet.in_process import InProcessTransport, create_dispatcher
from psyche_cli.localnet.rpc.dispatcher import Dispatcher
from psyche_cli.protocol.accounts.small_accounts import decode_instance
from psyche_cli.protocol.addresses import instance_address
from psyche_cli.protocol.layouts.v1 import CoordinatorImage
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.wallet import Wallet
from psyche_cli.transport import Transport
from tests.cli.conftest import MINIMAL
from tests.cli.harness import SOL, CommandLine, Outcome, environment_of
from tests.cli.killing import Killed
from tests.cli.test_life import largest_config
from tests.support.state_home import state_home

from .clock import ChainClock, ScheduleClock
from .line import FaultyLine

GRANTEE = "GrAntee1111111111111111111111111111111111111"
MEMBER = "Member1111111111111111111111111111111111111"
FORMER_MEMBER = "Former11111111111111111111111111111111111111"


@dataclass(frozen=True)
class Scenario:
    """A command that sends transactions, its number of transactions, and its relative frequency."""

    name: str
    words: tuple[str, ...]
    transactions: int = 1
    weight: int = 3


@dataclass
class World:
    """An in-process validator with the real programs, a simulated clock, and a state to restore."""

    dispatcher: Dispatcher
    clock: ScheduleClock
    home: Path
    variables: dict[str, str]
    scenarios: tuple[Scenario, ...]
    start: BankState

    @property
    def bank(self) -> Bank:
        return self.dispatcher.context.bank

    def command(self, open_transport: Callable[[str], Transport], *words: str) -> Outcome:
        """Run a command with JSON output."""
        cli = CommandLine(self.home, open_transport, self.variables, self.clock)
        return cli(*words, "--output", "json")

    def killable_command(self, line: FaultyLine, kill_in: int | None, *words: str) -> None:
        """Run a command on a line that may kill it, or that the clock kills."""
        cli = CommandLine(self.home, lambda _url: line, self.variables, self.clock)
        line.environment = environment = environment_of(cli)
        self.clock.kill, self.clock.kill_in = line.kill, kill_in
        try:
            main([*words, "--output", "json"], environment)
            line.told = not line.killed
        except Killed:
            line.told = True  # killed after its output
        self.clock.kill_in = self.clock.kill = None

    def transport(self, url: str) -> Transport:
        """The validator, without faults."""
        return InProcessTransport(self.dispatcher, label=url)

    def restore(self) -> None:
        """Restore the start state, except for the time. The journal is empty."""
        shutil.rmtree(state_home(self.home), ignore_errors=True)
        if self.bank.history.total != self.start.total:
            self.bank.restore(self.start)


def build_world(home: Path) -> World:
    """Create runs in the states that the commands need: with and without a treasurer, configured, running."""
    wallet = Wallet.generate()
    wallet.write_keypair_file(home / "owner.json")
    clock = ScheduleClock()
    dispatcher = create_dispatcher(Genesis(balances={wallet.address: 1000 * SOL}), clock=ChainClock(clock))
    variables = {"WALLET_PRIVATE_KEY_PATH": str(home / "owner.json")}
    world = World(dispatcher, clock, home, variables, (), dispatcher.context.bank.at_genesis)

    def run(*words: str) -> Outcome:
        outcome = world.command(world.transport, *words)
        assert outcome.code == 0, outcome.stderr
        return outcome

    mint = run("localnet", "new-mint", "--amount", "1000000").data["mint"]
    for kind, extra in {"plain": (), "funded": ("--treasurer-collateral-mint", mint)}.items():
        for state in ("blank", "halted", "running"):
            run_id = f"{kind}-{state}"
            run("create-run", "--run-id", run_id, *extra)
            if state != "blank":
                run("update-config", "--run-id", run_id, "--config-path", str(MINIMAL))
            if state == "running":
                run("set-paused", "--run-id", run_id, "--resume")
    run("treasurer-top-up-rewards", "--run-id", "funded-running", "--collateral-amount", "100")
    _let_earn(world, "funded-running", wallet.address, 7_000_000)
    run("join-authorization-create", "--authorizer", str(wallet.address))
    run("join-authorization-create", "--authorizer", MEMBER)
    run("join-authorization-create", "--authorizer", FORMER_MEMBER)
    run("join-authorization-delete", "--authorizer", FORMER_MEMBER)
    (home / "largest.toml").write_text(largest_config())
    (home / "keys.csv").write_text("".join(f"{Wallet.generate().address}\n" for _ in range(6)))
    world.scenarios = _scenarios(mint, home, str(wallet.address))
    world.start = world.bank.save()
    return world


def _let_earn(world: World, run_id: str, member: Pubkey, points: int) -> None:
    """Write a member with these points into the run's coordinator account."""
    raw = world.bank.accounts.get(instance_address(run_id))
    assert raw is not None
    instance = decode_instance(RawAccount(instance_address(run_id), raw.owner, raw.lamports, raw.data))
    account = world.bank.accounts.get(instance.coordinator_account)
    assert account is not None
    data = bytearray(account.data)
    image: Any = CoordinatorImage.from_buffer(data, DISCRIMINATOR_BYTES)
    clients = image.state.clients_state.clients
    clients.len = 1
    clients.data[0].earned = points
    ctypes.memmove(ctypes.addressof(clients.data[0].id), bytes(member), len(bytes(member)))
    world.bank.set_account(instance.coordinator_account, Account(account.lamports, bytes(data), account.owner))


def _scenarios(mint: str, home: Path, owner: str) -> tuple[Scenario, ...]:
    split = (
        "--config-path",
        str(home / "largest.toml"),
        "--name",
        "n" * 64,
        "--description",
        "d" * 280,
        "--client-version",
        "v" * 96,
    )
    both = [
        scenario
        for kind in ("plain", "funded")
        for scenario in (
            Scenario(f"resume {kind}", ("set-paused", "--run-id", f"{kind}-halted", "--resume")),
            Scenario(f"pause {kind}", ("set-paused", "--run-id", f"{kind}-running")),
            Scenario(f"rates {kind}", ("set-future-epoch-rates", "--run-id", f"{kind}-halted", "--earning-rate", "7")),
            Scenario(f"version {kind}", ("update-config", "--run-id", f"{kind}-halted", "--client-version", "v2")),
            Scenario(
                f"configure {kind}", ("update-config", "--run-id", f"{kind}-blank", "--config-path", str(MINIMAL))
            ),
            Scenario(f"configure {kind} in two", ("update-config", "--run-id", f"{kind}-blank", *split), 2, weight=2),
        )
    ]
    return (
        *both,
        Scenario("authorize all", ("join-authorization-create", "--permissionless")),
        Scenario("authorize one", ("join-authorization-create", "--authorizer", GRANTEE)),
        Scenario("authorize by recipe", ("run-authorizer", f"grantee={GRANTEE}")),
        Scenario("authorize a file", ("join-authorization-create", "--from", str(home / "keys.csv"))),
        Scenario("deactivate", ("join-authorization-delete", "--authorizer", MEMBER)),
        Scenario("close an authorization", ("join-authorization-close", "--authorizer", FORMER_MEMBER)),
        Scenario(
            "delegate", ("join-authorization-delegate", "--join-authority", owner, "--delegates-added", GRANTEE, MEMBER)
        ),
        Scenario("claim", ("treasurer-claim-rewards", "--run-id", "funded-running"), weight=6),
        Scenario("close", ("close-run", "--run-id", "plain-halted", "--yes")),
        Scenario("create", ("create-run", "--run-id", "new", "--name", "A name")),
        Scenario("create funded", ("create-run", "--run-id", "new", "--treasurer-collateral-mint", mint)),
        Scenario("top up", ("treasurer-top-up-rewards", "--run-id", "funded-halted", "--collateral-amount", "5")),
        Scenario("new mint", ("localnet", "new-mint", "--amount", "10")),
        Scenario("airdrop", ("localnet", "airdrop", GRANTEE, "1")),
    )
