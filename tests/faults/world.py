"""The initial chain of all fault schedules, and the commands that are run on it."""

from __future__ import annotations

import ctypes
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import create_nonce_account

from psyche_cli.cli.app import main
from psyche_cli.errors import ExitCode
from psyche_cli.limits import DISCRIMINATOR_BYTES
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.snapshots import Snapshot
from psyche_cli.localnet.in_process import InProcessTransport, create_dispatcher
from psyche_cli.localnet.rpc.dispatcher import Dispatcher
from psyche_cli.operations.signing import signing_session
from psyche_cli.protocol.accounts.small_accounts import decode_instance
from psyche_cli.protocol.addresses import authorization_address, instance_address
from psyche_cli.protocol.layouts.v1 import CoordinatorImage
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.wallet import Wallet
from psyche_cli.transport import Transport
from tests.cli.conftest import MINIMAL
from tests.cli.harness import SOL, CommandLine, Outcome, environment_of, text_of
from tests.cli.killing import Killed
from tests.cli.schema_check import check_output
from tests.cli.test_life import largest_config
from tests.support.state_home import state_home

from .clock import ChainClock, ScheduleClock
from .line import FaultyLine

GRANTEE = "GrAntee1111111111111111111111111111111111111"
MEMBER = "Member1111111111111111111111111111111111111"
NONCE_LAMPORTS = 1_447_680
FORMER_MEMBER = "Former11111111111111111111111111111111111111"


@dataclass(frozen=True)
class Scenario:
    """A command that sends transactions, its number of transactions, and its relative frequency.

    With ``each_again``, a repetition has its effect again, as for a payment. ``deadlines`` is how often the command may
    use its time limit: once per transaction, or per look at a run. A ``durable`` transaction has a nonce instead of a
    blockhash, so it does not expire. A process is killed within the first ``steps``, requests or waits. With
    ``counts_doubt``, a payment that was recorded but never sent counts as made, so a repetition may not make it.
    """

    name: str
    words: tuple[str, ...]
    transactions: int = 1
    weight: int = 3
    each_again: bool = False
    deadlines: int = 1
    durable: bool = False
    steps: int = 8
    counts_doubt: bool = False

    @property
    def verb(self) -> str:
        """The verb, with its group."""
        return " ".join(self.words[:2]) if self.words[0] in ("localnet", "schedule", "tx") else self.words[0]

    @property
    def is_airdrop(self) -> bool:
        """Whether the faucet signs the transaction, which therefore is not in the journal."""
        return "airdrop" in self.verb


@dataclass
class World:
    """An in-process validator with the real programs, a simulated clock, and a state to restore."""

    dispatcher: Dispatcher
    clock: ScheduleClock
    home: Path
    variables: dict[str, str]
    secrets: tuple[bytes, ...]
    """The private keys of all wallets."""
    scenarios: tuple[Scenario, ...]
    start: Snapshot
    mint: str = ""
    """A mint of which the owner holds a million tokens."""

    @property
    def bank(self) -> Bank:
        return self.dispatcher.context.bank

    def command(self, open_transport: Callable[[str], Transport], *words: str) -> Outcome:
        """Run a command with JSON output."""
        cli = CommandLine(self.home, open_transport, self.variables, self.clock)
        return cli(*words, "--output", "json")

    def killable_command(self, line: FaultyLine, kill_in: int | None, *words: str) -> Outcome | None:
        """Run a command on a line that may kill it, or that the clock kills. None if it was killed before its end."""
        cli = CommandLine(self.home, line.open_transport, self.variables, self.clock)
        words = line.with_endpoints(words)
        line.environment = environment = environment_of(cli)
        self.clock.kill, self.clock.kill_in = line.kill, kill_in
        code = None
        try:
            code = main([*words, "--output", "json"], environment)
            line.told = not line.killed
        except Killed:
            line.told = True  # killed after its output
        self.clock.kill_in = self.clock.kill = None
        outcome = Outcome(code or ExitCode.OK, text_of(environment.stdout), text_of(environment.stderr))
        line.shown = outcome.stdout + outcome.stderr
        if code is None or line.killed:
            return None
        check_output(words, outcome.stdout)
        return outcome

    def transport(self, url: str) -> Transport:
        """The validator, without faults."""
        return InProcessTransport(self.dispatcher, label=url)

    def restore(self) -> None:
        """Restore the start state, except for the time. The journal is empty, and nothing is exported."""
        shutil.rmtree(state_home(self.home), ignore_errors=True)
        shutil.rmtree(self.home / "migrated-export", ignore_errors=True)
        if self.bank.history.total != self.start.total:
            self.bank.restore(self.start)


def build_world(home: Path) -> World:
    """Create runs in the states that the commands need: with and without a treasurer, configured, running."""
    keypairs = [_keypair(number) for number in range(3)]
    wallets = owner, *members = [Wallet(keypair, "a test") for keypair in keypairs]
    owner.write_keypair_file(home / "owner.json")
    for number, member in enumerate(members):
        member.write_keypair_file(home / "members" / f"{number}.json")
    clock = ScheduleClock()
    dispatcher = create_dispatcher(Genesis(balances={owner.address: 1000 * SOL}), clock=ChainClock(clock))
    variables = {"WALLET_PRIVATE_KEY_PATH": str(home / "owner.json")}
    secrets = tuple(map(bytes, keypairs))
    world = World(dispatcher, clock, home, variables, secrets, (), dispatcher.context.bank.at_genesis)

    def run(*words: str) -> Outcome:
        outcome = world.command(world.transport, *words)
        assert outcome.code == 0, outcome.stderr
        return outcome

    world.mint = mint = run("localnet", "new-mint", "--amount", "1000000").data["mint"]
    for kind, extra in {"plain": (), "funded": ("--treasurer-collateral-mint", mint)}.items():
        for state in ("blank", "halted", "running"):
            run_id = f"{kind}-{state}"
            run("create-run", "--run-id", run_id, *extra)
            if state != "blank":
                run("update-config", "--run-id", run_id, "--config-path", str(MINIMAL))
            if state == "running":
                run("set-paused", "--run-id", run_id, "--resume")
    run("treasurer-top-up-rewards", "--run-id", "funded-running", "--collateral-amount", "100")
    _let_earn(world, "funded-running", {wallet.address: 7_000_000 for wallet in wallets})
    run("join-authorization-create", "--authorizer", str(owner.address))
    run("join-authorization-create", "--authorizer", MEMBER)
    run("join-authorization-create", "--authorizer", FORMER_MEMBER)
    run("join-authorization-delete", "--authorizer", FORMER_MEMBER)
    # Warmup does not end, so a tick moves a run with a member there, and then none is due.
    config = MINIMAL.read_text().replace("warmup_time = 10\n", "warmup_time = 1_000_000_000\n")
    (home / "patient.toml").write_text(config.replace("epoch_time = 60\n", "epoch_time = 2_000_000_000\n"))
    run("create-run", "--run-id", "scheduled", "--treasurer-collateral-mint", mint)
    run("set-future-epoch-rates", "--run-id", "scheduled", "--earning-rate", "30.5")
    for run_id in ("ticking", "warming"):
        run("create-run", "--run-id", run_id)
        run("update-config", "--run-id", run_id, "--config-path", str(home / "patient.toml"))
        run("set-paused", "--run-id", run_id, "--resume")
        _join(world, run_id)
    clock.now += 3
    run("tick", "--run-id", "warming", "--count", "1")
    nonce = _make_nonce(world)
    pay = ("treasurer-top-up-rewards", "--run-id", "funded-halted", "--collateral-amount", "5")
    run(*pay, "--nonce", nonce, "--sign-only", "-o", str(home / "signed.json"))
    (home / "largest.toml").write_text(largest_config())
    (home / "declared.toml").write_text(_declared_run(mint))
    (home / "limited.toml").write_text(_declared_run(mint, 'max_per_top_up = "70"\nmax_in_all = "1000"'))
    keys = [str(_keypair(100 + number).pubkey()) for number in range(40)]
    (home / "keys.csv").write_text("\n".join(keys[:6]))
    (home / "more-keys.csv").write_text("\n".join(keys[:12]))
    _plan_migration(world)
    world.scenarios = _scenarios(mint, home, str(owner.address), keys, nonce)
    world.start = world.bank.save()
    return world


def _keypair(number: int) -> Keypair:
    """The same key in every run, so that a seed repeats its schedule."""
    return Keypair.from_seed(hashlib.sha256(f"wallet {number}".encode()).digest())


def _coordinator_account(world: World, run_id: str) -> tuple[Pubkey, Account]:
    raw = world.bank.accounts.get(instance_address(run_id))
    assert raw is not None
    address = decode_instance(
        RawAccount(instance_address(run_id), raw.owner, raw.lamports, raw.data)
    ).coordinator_account
    account = world.bank.accounts.get(address)
    assert account is not None
    return address, account


def _make_nonce(world: World) -> str:
    """The address of a new nonce account whose authority is the owner."""
    cli = CommandLine(world.home, world.transport, world.variables, world.clock)
    account = Wallet(_keypair(50), "a test")
    with signing_session(
        environment_of(cli), rpc="http://127.0.0.1:1", wallet_path=world.home / "owner.json"
    ) as session:
        owner = session.wallet.address
        made = create_nonce_account(owner, account.address, owner, NONCE_LAMPORTS)
        session.sender.send(made, session.wallet, [account])
    return str(account.address)


def _join(world: World, run_id: str) -> None:
    """Let the owner join a run, like a training client."""
    cli = CommandLine(world.home, world.transport, world.variables, world.clock)
    wallet = world.home / "owner.json"
    with signing_session(environment_of(cli), rpc="http://127.0.0.1:1", wallet_path=wallet) as session:
        owner = session.wallet.address
        join = session.instructions.join_run(
            user=owner,
            authorization=authorization_address(owner, owner),
            instance=instance_address(run_id),
            account=_coordinator_account(world, run_id)[0],
            p2p_identity=bytes(32),
        )
        session.sender.send([join], session.wallet)


def _let_earn(world: World, run_id: str, points: dict[Pubkey, int]) -> None:
    """Write members with these points into the run's coordinator account."""
    address, account = _coordinator_account(world, run_id)
    data = bytearray(account.data)
    image: Any = CoordinatorImage.from_buffer(data, DISCRIMINATOR_BYTES)
    clients = image.state.clients_state.clients
    clients.len = len(points)
    for client, (member, earned) in zip(clients.data, points.items(), strict=False):
        client.earned = earned
        ctypes.memmove(ctypes.addressof(client.id), bytes(member), len(bytes(member)))
    world.bank.set_account(address, Account(account.lamports, bytes(data), account.owner))


def _declared_run(mint: str, limits: str = "") -> str:
    """A run file that takes six steps, one of them a payment."""
    return f"""
version = 1
run_id = "declared"
state = "running"
configuration = "{MINIMAL}"
[metadata]
name = "A declared run"
[join]
everyone = true
[treasurer]
mint = "{mint}"
[rewards]
earning_rate = "2"
[funding]
keep_epochs = 100
{limits}
"""


def _plan_migration(world: World) -> None:
    """Write the plan of a migration of six transactions, one of them a payment."""
    file, plan = world.home / "migrated.toml", world.home / "migration.json"
    words = ("migrate", "--run-id", "plain-running", "--to", str(file))
    assert world.command(world.transport, *words, "--treasurer-collateral-mint", world.mint).code is ExitCode.DIFFERS
    file.write_text(f"{file.read_text()}[rewards]\nearning_rate = 2\n[funding]\nkeep_epochs = 100\n")
    assert world.command(world.transport, *words, "-o", str(plan)).code is ExitCode.DIFFERS


def _scenarios(mint: str, home: Path, owner: str, keys: list[str], nonce: str) -> tuple[Scenario, ...]:
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
    delegate = ("join-authorization-delegate", "--join-authority", owner, "--delegates-added")
    pay = ("treasurer-top-up-rewards", "--run-id", "funded-halted", "--collateral-amount", "5")
    claim = ("treasurer-claim-rewards", "--run-id", "funded-running")
    fund = ("schedule", "top-up", "--run-id", "scheduled", "--keep-epochs", "3", "--max", "20", "--per-day", "20")
    return (
        *both,
        Scenario("apply", ("apply", str(home / "declared.toml"), "--yes"), 6, deadlines=15, steps=75),
        Scenario(
            "apply with a limit",
            ("apply", str(home / "limited.toml"), "--yes"),
            6,
            weight=2,
            each_again=True,
            deadlines=15,
            steps=75,
        ),
        Scenario("migrate", ("apply", str(home / "migration.json"), "--yes"), 6, weight=2, deadlines=15, steps=90),
        Scenario("authorize all", ("join-authorization-create", "--permissionless")),
        Scenario("authorize one", ("join-authorization-create", "--authorizer", GRANTEE)),
        Scenario("authorize by recipe", ("run-authorizer", f"grantee={GRANTEE}")),
        Scenario("authorize a file", ("join-authorization-create", "--from", str(home / "keys.csv"))),
        Scenario(
            "authorize a long file",
            ("join-authorization-create", "--from", str(home / "more-keys.csv")),
            2,
            deadlines=2,
        ),
        Scenario("deactivate", ("join-authorization-delete", "--authorizer", MEMBER)),
        Scenario("close an authorization", ("join-authorization-close", "--authorizer", FORMER_MEMBER)),
        Scenario("delegate", (*delegate, GRANTEE, MEMBER)),
        Scenario("delegate to many", (*delegate, *keys), 2, deadlines=2),
        Scenario("tick", ("tick", "--run-id", "ticking", "--count", "1")),
        Scenario("tick and look", ("tick", "--run-id", "ticking", "--count", "3", "--interval", "2s"), deadlines=3),
        Scenario("checkpoint", ("checkpoint", "--run-id", "warming", "--repo", "owner/model", "--revision", "main")),
        Scenario("claim", claim, weight=6),
        Scenario("claim for many", (*claim, "--wallets", str(home / "members")), 2, weight=4, deadlines=2),
        Scenario("close", ("close-run", "--run-id", "plain-halted", "--yes")),
        Scenario("create", ("create-run", "--run-id", "new", "--name", "A name")),
        Scenario("create funded", ("create-run", "--run-id", "new", "--treasurer-collateral-mint", mint)),
        Scenario("top up", pay, weight=6, each_again=True),
        Scenario("top up with a fee", (*pay, "--priority-fee", "auto"), weight=2, each_again=True),
        Scenario("top up with a nonce", (*pay, "--nonce", nonce), each_again=True, durable=True),
        Scenario("scheduled top-up", fund, weight=6, deadlines=2, steps=14, counts_doubt=True),
        Scenario("scheduled pause", ("schedule", "pause", "--run-id", "plain-running", "--at", "epoch:0"), steps=14),
        Scenario("scheduled tick", ("schedule", "tick", "--run-id", "ticking", "--while-overdue"), deadlines=3),
        Scenario("send a file", ("tx", "send", str(home / "signed.json")), weight=6, durable=True),
        Scenario("new mint", ("localnet", "new-mint", "--amount", "10"), each_again=True),
        Scenario("airdrop", ("localnet", "airdrop", GRANTEE, "1"), weight=2, each_again=True),
        Scenario("airdrop to the wallet", ("airdrop", "1"), weight=2, each_again=True),
    )
