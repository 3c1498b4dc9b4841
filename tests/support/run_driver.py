"""A run on a local validator, driven through its states by real transactions of its owner and its members.

A member joins, reports the end of its warmup, witnesses with valid proofs, reports others, and records checkpoints, as
a training client does. Nothing happens on its own: the test decides who sends what, and when.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from solders.compute_budget import set_compute_unit_limit
from solders.instruction import Instruction
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from psyche_cli.environment import SystemClock
from psyche_cli.limits import COORDINATOR_ACCOUNT_BYTES
from psyche_cli.model.bloom import bloom_of, wallet_item
from psyche_cli.model.committee import CommitteeSelection
from psyche_cli.model.from_account import state_from_account
from psyche_cli.model.instructions import Committee
from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount, decode_coordinator_account
from psyche_cli.protocol.accounts.coordinator_rounds import WitnessRecord
from psyche_cli.protocol.accounts.small_accounts import CoordinatorInstance, decode_instance
from psyche_cli.protocol.addresses import ANYONE, authorization_address, instance_address
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.run_states import RunState, name_in_program
from psyche_cli.run_config.load import load_run_config
from psyche_cli.solana.cluster_clock import ClusterClock, decode_clock
from psyche_cli.solana.programs import CLOCK_SYSVAR
from psyche_cli.solana.rpc.client import RpcClient
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
_NOTHING = bloom_of(BLOOM_KEYS, ())
_UNITS = 1_000_000
_MEMBER_LAMPORTS = 1_000_000_000


class Failed(AssertionError):
    """A transaction failed. ``code`` is the custom error of the program; None for an abort without one."""

    def __init__(self, err: Any, logs: Sequence[str]) -> None:
        super().__init__("\n".join([str(err), *logs]))
        reason = err["InstructionError"][1]
        self.code: int | None = reason.get("Custom") if isinstance(reason, dict) else None


class RunDriver:
    """A run of ``owner`` on the local validator behind ``transport``, and the clock of that validator.

    Every method sends one transaction per wallet, and raises Failed if one fails; ``after_each`` is called after each.
    ``members`` are wallets with 1 SOL each; a member is given by its position in this list. The clock is exact only if
    the validator's time moves by warping alone.
    """

    def __init__(self, transport: Transport, owner: Wallet, run_id: str = "test") -> None:
        self.rpc = RpcClient(transport, SystemClock())
        self.owner, self.run_id = owner, run_id
        self.members: list[Wallet] = []
        self._build = Instructions()
        self.after_each: Callable[[], None] = lambda: None
        self._sent = itertools.count(1)
        self._instance: CoordinatorInstance | None = None

    # --- what is so now ------------------------------------------------------------------------------------------

    @property
    def instance(self) -> CoordinatorInstance:
        """The run's instance account."""
        if self._instance is None:
            raw = self.rpc.account(instance_address(self.run_id))
            assert raw is not None
            self._instance = decode_instance(raw)
        return self._instance

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

    # --- the owner -----------------------------------------------------------------------------------------------

    def create(self, config: Mapping[str, int] = CONFIG, model: Mapping[str, Any] | None = None) -> RunDriver:
        """Create a run without treasurer that everyone may join, and configure it: by default like minimal.toml."""
        account = Wallet.generate()
        owner, rent = self.owner.address, self.rpc.rent_exempt_minimum(COORDINATOR_ACCOUNT_BYTES)
        self._send(
            self.owner,
            self._build.create_coordinator_account(payer=owner, account=account.address, lamports=rent),
            self._build.init_coordinator(
                payer=owner,
                run_id=self.run_id,
                account=account.address,
                main_authority=owner,
                join_authority=owner,
                client_version="latest",
            ),
            others=[account],
        )
        self.update(config=config, model=load_run_config(MINIMAL).model if model is None else model)
        self.permit_everyone()
        return self

    def change(self, name: str, **arguments: Any) -> Instruction:
        """The owner's instruction ``name``, one of those that change the run."""
        instruction: Instruction = getattr(self._build, name)(**self._owner_accounts(), **arguments)
        return instruction

    def update(self, **tables: Any) -> None:
        """Replace ``config``, ``model``, ``progress`` or ``metadata`` of a halted run, each as a whole."""
        self._send(self.owner, self.change("update", **tables))

    def permit_everyone(self) -> None:
        """Create and activate the authorization with which every wallet may join the runs of this owner."""
        owner = self.owner.address
        permit = authorization_address(owner, ANYONE)
        create = self._build.authorization_create(payer=owner, grantor=owner, grantee=ANYONE)
        activate = self._build.authorization_grantor_update(grantor=owner, authorization=permit, active=True)
        self._send(self.owner, *([] if self.rpc.account(permit) else [create]), activate)

    def resume(self) -> None:
        """Start or resume the run."""
        self._set_paused(False)

    def pause(self) -> None:
        """Pause the run, or request a pause at the end of the epoch."""
        self._set_paused(True)

    def set_rates(self, earning: int | None = None, slashing: int | None = None) -> None:
        """Set the future rates, in points."""
        rates: dict[str, Any] = {"earning_rate": earning, "slashing_rate": slashing}
        self._send(self.owner, self.change("set_future_epoch_rates", **rates))

    def close(self) -> None:
        """Close the run; its owner gets the rent back."""
        self._send(self.owner, self._build.free_coordinator(**self._owner_accounts(), spill=self.owner.address))

    def tick(self, seconds: int = 0) -> RunState:
        """Advance the clock, and let the owner tick. Returns the state of the run afterwards."""
        if seconds:
            self.wait(seconds)
        self._send(self.owner, self._build.tick(**self._accounts(self.owner)))
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
            accounts = self._accounts(wallet)
            self._send(wallet, self._build.join_run(**accounts, authorization=permit, p2p_identity=identity))

    def report_warmup(self, *members: int, index: int | None = None) -> None:
        """Report the end of the warmup, as clients do, with the member's position in the epoch, or with ``index``."""
        for member in members:
            place = self.index(member) if index is None else index
            wallet = self.members[member]
            record = _member_record(place, place, is_witness=False)
            self._send(wallet, _instruction("warmup_witness", wallet.address, self.instance, witness_bytes(record)))

    def witness(self, *members: int, seen: Iterable[int] | None = None) -> None:
        """Send valid proofs for the current round; ``seen`` are the members seen training, by default all clients."""
        addresses = None if seen is None else [self.members[member].address for member in seen]
        for member in members:
            wallet = self.members[member]
            self._send(wallet, witness_record(self.account, self.instance, wallet.address, addresses))

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
        wallet = self.members[reporter]
        self._send(
            wallet,
            self._build.health_check(
                **self._accounts(wallet),
                accused=self.members[accused].address,
                accused_p2p_identity=identity.p2p_identity,
                committee=name_in_program(committee),
                position=position,
                index=index,
            ),
        )

    def checkpoint(self, member: int, repo: str | Mapping[str, Any]) -> None:
        """Record where the model was uploaded, such as ``{"Hub": {"repo_id": "a/b", "revision": None}}``."""
        wallet = self.members[member]
        self._send(wallet, self._build.checkpoint(**self._accounts(wallet), repo=repo))

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

    # --- transactions --------------------------------------------------------------------------------------------

    def _set_paused(self, paused: bool) -> None:
        self._send(self.owner, self.change("set_paused", paused=paused))

    def _accounts(self, wallet: Wallet) -> dict[str, Any]:
        instance = self.instance
        return {"user": wallet.address, "instance": instance.address, "account": instance.coordinator_account}

    def _owner_accounts(self) -> dict[str, Any]:
        accounts = self._accounts(self.owner)
        return {"authority": accounts.pop("user"), **accounts}

    def _send(self, signer: Wallet, *instructions: Instruction, others: Sequence[Wallet] = ()) -> None:
        # A different limit makes each transaction unique, also if two follow each other in the same slot.
        limit = set_compute_unit_limit(_UNITS + next(self._sent))
        blockhash = self.rpc.latest_blockhash().hash
        message = Message.new_with_blockhash([limit, *instructions], signer.address, blockhash)
        wallets = {wallet.address: wallet for wallet in (signer, *others)}
        needed = message.account_keys[: message.header.num_required_signatures]
        transaction = VersionedTransaction.populate(
            message, [wallets[address].sign_message(bytes(message)) for address in needed]
        )
        signature = self.rpc.send_transaction(bytes(transaction), skip_preflight=True)
        status = self.rpc.signature_status(signature)
        assert status is not None
        if status.err is not None:
            raise Failed(status.err, self.rpc.transaction_logs(signature) or ())
        self.after_each()


def witness_record(
    account: CoordinatorAccount,
    instance: CoordinatorInstance,
    wallet: Pubkey,
    seen: Iterable[Pubkey] | None = None,
) -> Instruction:
    """The record of ``wallet``, a client of the current epoch, for the current round.

    ``seen`` are the wallets that it saw training, by default all clients of the epoch.
    """
    state = state_from_account(account)
    selection = CommitteeSelection.of(state.current_round, state.config)
    clients = [client.id.signer for client in state.epoch.clients]
    index = clients.index(bytes(wallet))
    record = _member_record(
        selection.witness_position(index),
        index,
        is_witness=True,
        seen=clients if seen is None else map(bytes, seen),
    )
    metadata = struct.pack("<I", state.step) + EMPTY_WITNESS_METADATA[4:]
    return _instruction("witness", wallet, instance, witness_bytes(record) + metadata)


def _member_record(position: int, index: int, *, is_witness: bool, seen: Iterable[bytes] = ()) -> WitnessRecord:
    bloom = bloom_of(BLOOM_KEYS, map(wallet_item, seen))
    return WitnessRecord(position, index, int(is_witness), bloom, _NOTHING, bytes(32))


def _instruction(name: str, user: Pubkey, instance: CoordinatorInstance, arguments: bytes) -> Instruction:
    """An instruction of a member, whose arguments are encoded already. AnchorPy takes 10 ms for a filter."""
    tick = Instructions().tick(user=user, instance=instance.address, account=instance.coordinator_account)
    return Instruction(tick.program_id, discriminator(name) + arguments, tick.accounts)
