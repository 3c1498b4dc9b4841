"""A run on a local validator, driven through its states by real transactions of its owner and its members.

Nothing happens on its own: the test decides who sends what, and when.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.environment import SystemClock
from psyche_cli.errors import PsycheError, Refused
from psyche_cli.members.actions import Actions
from psyche_cli.members.owned_run import OwnedRun
from psyche_cli.members.records import warmup_record, witness_record
from psyche_cli.members.run_now import Absence, RunNow
from psyche_cli.model.committee import CommitteeSelection
from psyche_cli.model.from_account import state_from_account
from psyche_cli.model.instructions import Committee
from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount, decode_coordinator_account
from psyche_cli.protocol.accounts.coordinator_rounds import WitnessRecord
from psyche_cli.protocol.addresses import ANYONE, authorization_address
from psyche_cli.protocol.run_states import RunState
from psyche_cli.receipts import Receipt
from psyche_cli.run_config.load import load_run_config
from psyche_cli.solana.cluster_clock import ClusterClock, decode_clock
from psyche_cli.solana.programs import CLOCK_SYSVAR
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.types import Blockhash
from psyche_cli.solana.wallet import Wallet
from psyche_cli.transport import Transport
from tests.programs.chain import discriminator
from tests.programs.coordinator_bytes import EMPTY_WITNESS_METADATA, witness_bytes

MINIMAL = Path(__file__).resolve().parents[2] / "configs" / "minimal.toml"
CONFIG = {
    "warmup_time": 10,
    "cooldown_time": 7,
    "epoch_time": 60,
    "max_round_train_time": 20,
    "round_witness_time": 3,
    "waiting_for_members_extra_time": 5,
    "min_clients": 2,
    "init_min_clients": 3,
    "witness_nodes": 0,
    "global_batch_size_start": 8,
    "global_batch_size_end": 16,
    "global_batch_size_warmup_tokens": 0,
    "verification_percent": 0,
    "total_steps": 50,
}
"""A valid configuration, in which every duration differs from the others."""

BLOOM_KEYS = tuple(range(1, 9))
_MEMBER_LAMPORTS = 1_000_000_000


class Failed(AssertionError):
    """A transaction failed. ``code`` is the custom error of the program; None for an abort without one."""

    def __init__(self, error: PsycheError) -> None:
        super().__init__("\n".join([error.message, *(error.logs or ())]))
        self.code: int | None = getattr(error, "program_code", None)


class WarpedClient(RpcClient):
    """A client that takes a new blockhash only after it has warped the time.

    The local validator ends a slot when a client requests a blockhash after a landing, so that slots and time would not
    keep step.
    """

    _blockhash: Blockhash | None = None

    def latest_blockhash(self) -> Blockhash:
        """The blockhash of the first request since the last warp."""
        if self._blockhash is None:
            self._blockhash = super().latest_blockhash()
        return self._blockhash

    def forget_blockhash(self) -> None:
        """Note that the time was warped."""
        self._blockhash = None


class RunDriver(OwnedRun):
    """A run of ``owner`` on the local validator behind ``transport``, and the clock of that validator.

    Every method sends one transaction per wallet, and raises Failed if one fails; ``after_each`` is called after each.
    ``members`` are wallets with 1 SOL each; a member is given by its position in this list. The clock is exact only if
    the validator's time moves by warping alone. With ``in_step``, so is the slot.
    """

    def __init__(self, transport: Transport, owner: Wallet, run_id: str = "test", *, in_step: bool = False) -> None:
        client = WarpedClient if in_step else RpcClient
        super().__init__(client(transport, SystemClock()), owner, run_id, simulates=False)
        self.members: list[Wallet] = []
        self.after_each: Callable[[], None] = lambda: None

    # --- what is so now ------------------------------------------------------------------------------------------

    @property
    def account(self) -> CoordinatorAccount:
        """The run's coordinator account."""
        raw = self.rpc.account(self.instance.coordinator_account)
        assert raw is not None
        return decode_coordinator_account(raw)

    @property
    def state(self) -> CoordinatorState:
        """The state of the run for the model."""
        return state_from_account(self.account)

    @property
    def stage(self) -> RunState:
        """Which of the eight states the run is in."""
        return self.account.run_state

    @property
    def clock(self) -> ClusterClock:
        """The cluster's slot and time."""
        return decode_clock(self.rpc.account(CLOCK_SYSVAR))

    @property
    def now(self) -> int:
        """The cluster's time, in Unix seconds."""
        return self.clock.unix_timestamp

    def index(self, member: int) -> int:
        """The position of a member in the clients of the epoch."""
        wallets = [client.id.signer for client in self.account.epoch_clients]
        return wallets.index(bytes(self.members[member].address))

    # --- time ----------------------------------------------------------------------------------------------------

    def wait(self, seconds: int) -> None:
        """Advance the cluster's clock."""
        self.rpc.call("localnet_warpSeconds", [seconds], lambda result: result)
        if isinstance(self.rpc, WarpedClient):
            self.rpc.forget_blockhash()

    # --- the owner -----------------------------------------------------------------------------------------------

    def create(  # type: ignore[override]  # has defaults, and returns the driver
        self, config: Mapping[str, int] = CONFIG, model: Mapping[str, Any] | None = None, *, mint: Pubkey | None = None
    ) -> RunDriver:
        """Create a run that everyone may join, and configure it: by default like minimal.toml."""
        super().create(config, load_run_config(MINIMAL).model if model is None else model, mint=mint)
        return self

    def tick(self, seconds: int = 0) -> RunState:
        """Advance the clock, and let the owner tick. Returns the state of the run afterwards."""
        if seconds:
            self.wait(seconds)
        self.tick_now()
        return self.stage

    # --- the members ---------------------------------------------------------------------------------------------

    def add_members(self, count: int) -> range:
        """Create wallets of new members, and return their numbers. They have not joined."""
        first = len(self.members)
        for _ in range(count):
            self.members.append(Wallet.generate())
            self.rpc.request_airdrop(self.members[-1].address, _MEMBER_LAMPORTS)
        return range(first, len(self.members))

    def join(self, *members: int) -> None:
        """Join the next epoch, and create the wallets of members that do not exist yet."""
        self.add_members(max((member + 1 for member in members), default=0) - len(self.members))
        permit = authorization_address(self.owner.address, ANYONE)
        for member in members:
            wallet = self.members[member]
            identity = bytes([member % 256]) * 32
            self.send(wallet, self.actions.join(wallet.address, permit, identity))

    def report_warmup(self, *members: int, index: int | None = None) -> None:
        """Report the end of the warmup, as clients do, with the member's position in the epoch, or with ``index``."""
        for member in members:
            place = self.index(member) if index is None else index
            wallet = self.members[member]
            report = _report("warmup_witness", self.actions.tick(wallet.address), warmup_record(place))
            self.send(wallet, report)

    def witness(self, *members: int, seen: Iterable[int] | None = None) -> None:
        """Send valid proofs for the current round; ``seen`` are the members seen training, by default all clients."""
        addresses = None if seen is None else [self.members[member].address for member in seen]
        for member in members:
            wallet = self.members[member]
            self.send(wallet, witness_of(self.actions, self.look(), wallet.address, addresses))

    def witnesses(self) -> list[int]:
        """The members that are witnesses of the current round."""
        state = self.state
        selection = CommitteeSelection.of(state.current_round, state.config)
        numbers = {bytes(wallet.address): number for number, wallet in enumerate(self.members)}
        positions = [selection.witness_position(index) for index in range(len(state.epoch.clients))]
        clients = zip(positions, state.epoch.clients, strict=True)
        return [numbers[client.id.signer] for position, client in clients if selection.is_witness(position)]

    def report_absent(self, reporter: int, accused: int) -> None:
        """Report a member that was absent from the previous round, which drops it from the epoch."""
        state, index = self.state, self.index(accused)
        position, committee = 0, Committee.TRAINER
        if state.previous_round is not None:  # otherwise, the program rejects any report
            selection = CommitteeSelection.of(state.previous_round, state.config)
            position = selection.committee_position(index)
            committee = selection.committee(position)
        identity = state.epoch.clients[index].id
        accused_wallet = self.members[accused].address
        absence = Absence(accused_wallet, identity.p2p_identity, committee, position, index)
        wallet = self.members[reporter]
        self.send(wallet, self.actions.report_absent(wallet.address, absence))

    def checkpoint(self, member: int, repo: str | Mapping[str, Any]) -> None:
        """Record where the model was uploaded, such as ``{"Hub": {"repo_id": "a/b", "revision": None}}``."""
        wallet = self.members[member]
        self.send(wallet, self.actions.checkpoint(wallet.address, repo))

    # --- stretches of a run --------------------------------------------------------------------------------------

    def enter_warmup(self, *members: int) -> None:
        """From WaitingForMembers into Warmup: the members join, and the additional time passes."""
        self.join(*members)
        assert self.tick(self.account.config["waiting_for_members_extra_time"]) == RunState.WARMUP

    def start_training(self, *members: int) -> None:
        """From WaitingForMembers into the first round: the members join and report, one second after the other."""
        self.enter_warmup(*members)
        self.wait(1)
        self.report_warmup(*members[:32])
        assert self.stage == RunState.ROUND_TRAIN

    def play_round(self, *absent: int) -> RunState:
        """Play a round: its witnesses other than ``absent`` members send their proofs, in which these are missing.

        Returns the state after the end of the round: RoundTrain or Cooldown.
        """
        numbers = {bytes(wallet.address): number for number, wallet in enumerate(self.members)}
        seen = {numbers[client.id.signer] for client in self.account.epoch_clients} - set(absent)
        self.wait(1)
        self.witness(*(member for member in self.witnesses() if member not in absent), seen=sorted(seen))
        if self.stage == RunState.ROUND_TRAIN:
            assert self.tick(self.account.config["max_round_train_time"]) == RunState.ROUND_WITNESS
        return self.tick(self.account.config["round_witness_time"])

    def play_to_cooldown(self) -> int:
        """Let the time of the epoch pass, and play the rounds until its end. Returns the number of rounds."""
        self.wait(self.account.config["epoch_time"])
        return next(number for number in itertools.count(1) if self.play_round() == RunState.COOLDOWN)

    def end_cooldown(self) -> RunState:
        """Let the cooldown pass, and tick."""
        return self.tick(self.account.config["cooldown_time"])

    def send(self, signer: Wallet, *instructions: Instruction, others: Sequence[Wallet] = ()) -> Receipt:
        """Send a transaction of ``signer``. Raises Failed."""
        try:
            receipt = super().send(signer, *instructions, others=others)
        except Refused as error:
            raise Failed(error) from error
        self.after_each()
        return receipt


def witness_of(actions: Actions, run: RunNow, wallet: Pubkey, seen: Iterable[Pubkey] | None = None) -> Instruction:
    """The record of ``wallet``, a client of the epoch, for the current round, also if it is no witness.

    ``seen`` are the wallets that it saw training, by default all clients of the epoch.
    """
    selection = CommitteeSelection.of(run.round, run.account.config)
    clients = [client.id.wallet for client in run.account.epoch_clients]
    index = clients.index(wallet)
    position = selection.witness_position(index)
    record = witness_record(position, index, clients if seen is None else seen, (), BLOOM_KEYS)
    metadata = struct.pack("<I", run.account.step) + EMPTY_WITNESS_METADATA[4:]
    return _report("witness", actions.tick(wallet), record, metadata)


def _report(name: str, tick: Instruction, record: WitnessRecord, more: bytes = b"") -> Instruction:
    """A report with the accounts of a ``tick``, whose arguments are encoded here. AnchorPy takes 10 ms for a filter."""
    return Instruction(tick.program_id, discriminator(name) + witness_bytes(record) + more, tick.accounts)
