from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from solders.account import Account
from solders.instruction import Instruction

from psyche_cli.limits import DISCRIMINATOR_BYTES
from psyche_cli.members.actions import Actions
from psyche_cli.members.looking import look_at
from psyche_cli.operations.signing import signing_session
from psyche_cli.protocol.accounts.small_accounts import CoordinatorInstance, decode_instance
from psyche_cli.protocol.addresses import ANYONE, authorization_address, instance_address
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.layouts.v1 import CoordinatorImage
from psyche_cli.protocol.run_states import RunState
from psyche_cli.redaction import Redactor
from psyche_cli.run_file.wanted import WantedRun
from psyche_cli.solana.wallet import load_keypair_file
from psyche_cli.transport import Transport
from tests.cli.harness import Chain, CommandLine, address_of, environment_of
from tests.support.run_driver import RunDriver, witness_of

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
MINIMAL = CONFIGS / "minimal.toml"
RUN_FILE = CONFIGS / "run-files" / "public.toml"


@dataclass(frozen=True)
class House:
    """A chain with a command line, and keypair files of an owner and a stranger with 100 SOL each."""

    chain: Chain
    cli: CommandLine
    owner: Path
    stranger: Path

    def new_mint(self, decimals: int = 6, amount: str = "1000000") -> str:
        """A collateral mint; the owner holds ``amount`` whole tokens of it."""
        made = self.cli.json("localnet", "new-mint", "--decimals", decimals, "--amount", amount)
        mint: str = made["mint"]
        return mint

    def run(self, run_id: str = "test", *, treasurer: bool = False, configured: bool = True) -> str:
        """Create a run of the owner and return its id."""
        mint = ("--treasurer-collateral-mint", self.new_mint()) if treasurer else ()
        self.cli.json("create-run", "--run-id", run_id, *mint)
        if configured:
            self.cli.json("update-config", "--run-id", run_id, "--config-path", MINIMAL)
        return run_id

    def send(self, *instructions: Instruction, wallet: Path | None = None) -> None:
        """Send a transaction of the owner or another wallet without using the command line, like another client."""
        path = wallet or self.owner
        with signing_session(environment_of(self.cli), rpc="http://127.0.0.1:1", wallet_path=path) as session:
            session.sender.send(instructions, session.wallet)

    def instance(self, run_id: str = "test") -> CoordinatorInstance:
        """The decoded instance of a run."""
        raw = self.chain.rpc.account(instance_address(run_id))
        assert raw is not None
        return decode_instance(raw)

    def join(self, member: Path, run_id: str = "test") -> None:
        """Join a permissionless run with a wallet, like a training client."""
        self.cli.json("join-authorization-create", "--permissionless")
        instance, user = self.instance(run_id), address_of(member)
        join = Instructions().join_run(
            user=user,
            authorization=authorization_address(address_of(self.owner), ANYONE),
            instance=instance.address,
            account=instance.coordinator_account,
            p2p_identity=bytes(32),
        )
        self.send(join, wallet=member)

    def play_epoch(self, *members: Path, run_id: str = "test") -> None:
        """Play an epoch from Waiting for members to its end: the members join and witness, and the owner ticks."""
        for member in members:
            self.join(member, run_id)
        instance = self.instance(run_id)
        epoch = -1
        while True:
            run = look_at(self.chain.rpc, instance)[0]
            account = run.account
            epoch = account.epoch if epoch < 0 else epoch
            if account.epoch > epoch:
                return
            if account.run_state == RunState.ROUND_TRAIN:
                for member in members:
                    self.send(witness_of(Actions(instance), run, address_of(member)), wallet=member)
            due = self.cli.json("tick", "--run-id", run_id, "--count", "1")["due_in_seconds"]
            self.cli.json("localnet", "warp", due or 1)

    def write_metadata(self, run_id: str, **values: object) -> None:
        """Set metadata of a run without a treasurer that the command line would reject."""
        instance = self.instance(run_id)
        metadata = {"name": "", "description": "", "num_parameters": 0, "vocab_size": 0, **values}
        owner, account = address_of(self.owner), instance.coordinator_account
        self.send(Instructions().update(authority=owner, instance=instance.address, account=account, metadata=metadata))

    def edit(self, change: Callable[[Any], None], run_id: str = "test") -> None:
        """Modify a run's coordinator account with ``change``, for states that otherwise need members and time."""
        address = self.instance(run_id).coordinator_account
        bank = self.chain.dispatcher.context.bank
        account = bank.accounts.get(address)
        assert account is not None
        data = bytearray(account.data)
        change(CoordinatorImage.from_buffer(data, DISCRIMINATOR_BYTES))
        bank.set_account(address, Account(account.lamports, bytes(data), account.owner))

    def enter(self, state: RunState, *, pending_pause: bool = False) -> None:
        """Set the state of the run ``test``."""

        def change(image: Any) -> None:
            image.state.coordinator.run_state.value = state
            image.state.coordinator.pending_pause.value = pending_pause

        self.edit(change)

    def driver(self, run_id: str = "test", *, in_step: bool = False) -> RunDriver:
        """A driver of a run of the owner, which may not exist yet."""
        owner = load_keypair_file(self.owner, lambda _: None, Redactor())
        return RunDriver(self.chain.transport("http://127.0.0.1:1"), owner, run_id, in_step=in_step)

    def dump(self, run_id: str = "test") -> Any:
        """The JSON dump of a run."""
        return self.cli("json-dump-run", "--run-id", run_id).json


@pytest.fixture
def house(tmp_path: Path) -> House:
    return _house(tmp_path)


@pytest.fixture
def still_house(tmp_path: Path) -> House:
    """A house whose cluster time only advances by warping."""
    return _house(tmp_path, stopped_at=1_800_000_000)


@pytest.fixture
def base(house: House) -> WantedRun:
    """A run with a treasurer as a run file describes it. It does not exist yet."""
    from tests.support.declared_runs import base_run  # not at the top: it imports this module

    return base_run(house, house.new_mint())


@pytest.fixture
def place(house: House, tmp_path: Path) -> Any:
    """A house and the files of a migration. Other tests have places of their own."""
    from tests.cli.test_migrate import Place  # not at the top: it imports this module

    return Place(house, tmp_path)


@pytest.fixture
def waiting_run(still_house: House) -> RunDriver:
    """A run in ``still_house`` that waits for members."""
    run = still_house.driver().create()
    run.resume()
    return run


def _house(tmp_path: Path, stopped_at: int | None = None) -> House:
    chain, files = Chain.start(tmp_path, stopped_at=stopped_at, owner=100, stranger=100)
    cli = CommandLine(tmp_path, chain.transport, {"WALLET_PRIVATE_KEY_PATH": str(files["owner"])})
    return House(chain, cli, files["owner"], files["stranger"])


@pytest.fixture
def owner_address(house: House) -> str:
    return str(address_of(house.owner))


@pytest.fixture
def offline(tmp_path: Path) -> CommandLine:
    """A command line without a cluster."""

    def refused(url: str) -> Transport:
        raise AssertionError(f"{url} must not be opened")

    return CommandLine(tmp_path, refused)
