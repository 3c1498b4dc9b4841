"""All accounts of a run with a treasurer (mint, vault, Run, participant, authorization), and a valid call of each
instruction."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from psyche_cli.protocol.accounts.coordinator_rounds import WitnessRecord

from .chain import (
    ASSOCIATED_TOKEN,
    AUTHORIZER,
    COORDINATOR,
    COORDINATOR_ACCOUNT_SIZE,
    SOL,
    SYSTEM,
    TOKEN,
    TREASURER,
    Chain,
    authorization_address,
    borsh_string,
    instance_address,
    instruction,
    meta,
    option,
    participant_address,
    token_address,
    treasurer_run_address,
    wallet,
)
from .coordinator_bytes import EMPTY_WITNESS_METADATA, checkpoint_bytes, config_bytes, model_bytes, witness_bytes
from .traces import DISTRO, model_value

SCOPE = b"CoordinatorJoinRun"
GOOD_CONFIG = {
    "warmup_time": 10,
    "cooldown_time": 10,
    "max_round_train_time": 20,
    "round_witness_time": 2,
    "global_batch_size_warmup_tokens": 0,
    "epoch_time": 100,
    "total_steps": 1000,
    "init_min_clients": 1,
    "min_clients": 1,
    "witness_nodes": 0,
    "global_batch_size_start": 256,
    "global_batch_size_end": 256,
    "verification_percent": 0,
    "waiting_for_members_extra_time": 3,
}
GOOD_MODEL = model_value("hub:a/b", 512, 0, DISTRO)


@dataclass(frozen=True)
class Slot:
    """One account of an instruction: its name in error messages, its requirements, and its valid address."""

    name: str
    kind: str  # signer, new, any, system, typed, zero-copy, mint, token, program
    flags: str
    address: Pubkey
    owner: Pubkey | None = None


@dataclass(frozen=True)
class Call:
    """A valid call of an instruction."""

    program: Pubkey
    name: str
    slots: tuple[Slot, ...]
    arguments: bytes

    def instruction(self, metas: list[AccountMeta] | None = None, arguments: bytes | None = None) -> Instruction:
        accounts = self.metas if metas is None else metas
        return instruction(self.program, self.name, accounts, self.arguments if arguments is None else arguments)

    @property
    def metas(self) -> list[AccountMeta]:
        return [meta(slot.address, slot.flags) for slot in self.slots]


def mint_data(supply: int = 0, decimals: int = 6, authority: Pubkey = SYSTEM) -> bytes:
    return struct.pack("<I32sQBB36s", 1, bytes(authority), supply, decimals, 1, bytes(36))


def token_account_data(mint: Pubkey, owner: Pubkey, amount: int = 0, *, delegate: Pubkey | None = None) -> bytes:
    delegation = struct.pack("<I32s", delegate is not None, bytes(delegate or SYSTEM))
    return struct.pack("<32s32sQ36sB12sQ36s", bytes(mint), bytes(owner), amount, delegation, 1, bytes(12), 0, bytes(36))


def token_amount(chain: Chain, address: Pubkey) -> int:
    return int.from_bytes(chain.data(address)[64:72], "little")


class World:
    """An initialized run with a treasurer, and all accounts that its instructions need."""

    def __init__(self, run_id: str = "paid", index: int = 7) -> None:
        chain = self.chain = Chain()
        self.run_id, self.index = run_id, index
        self.payer, self.authority, self.user = (wallet(name).pubkey() for name in ("payer", "authority", "user"))
        self.grantee, self.spill = wallet("grantee").pubkey(), wallet("spill").pubkey()
        for address in (self.payer, self.authority, self.user, self.spill, self.grantee):
            chain.fund(address, 100 * SOL)
        self.mint = wallet("mint").pubkey()
        chain.put(self.mint, mint_data(), TOKEN)
        self.account = wallet("account").pubkey()
        self.instance = instance_address(run_id)
        self.run = treasurer_run_address(index)
        self.vault = token_address(self.run, self.mint)
        self.participant = participant_address(self.run, self.user)
        self.user_tokens = token_address(self.user, self.mint)
        self.authorization = authorization_address(self.authority, self.grantee)
        chain.put(self.account, bytes(COORDINATOR_ACCOUNT_SIZE), COORDINATOR)
        chain.put(self.user_tokens, token_account_data(self.mint, self.user), TOKEN)
        setup = [self.run_create(), self.participant_create(), self.authorization_create()]
        self.created = {call.name: chain.must(call.instruction()) for call in setup}
        chain.must(self.authorization_grantor_update().instruction())
        # A second run, whose main authority is the wallet itself.
        self.plain_account = wallet("plain account").pubkey()
        self.plain_instance = instance_address("plain")
        chain.put(self.plain_account, bytes(COORDINATOR_ACCOUNT_SIZE), COORDINATOR)
        self.created["init_coordinator"] = chain.must(self.init_coordinator().instruction())

    # --- slots ---------------------------------------------------------------------------------------------------

    def _signer(self, name: str, address: Pubkey, flags: str = "s") -> Slot:
        return Slot(name, "signer", flags, address)

    def _program(self, name: str, address: Pubkey) -> Slot:
        return Slot(name, "program", "", address)

    @property
    def _system_program(self) -> Slot:
        return self._program("system_program", SYSTEM)

    def _instance(self, address: Pubkey, flags: str = "") -> Slot:
        return Slot("coordinator_instance", "typed", flags, address, COORDINATOR)

    def _account(self, address: Pubkey, flags: str = "w") -> Slot:
        return Slot("coordinator_account", "zero-copy", flags, address, COORDINATOR)

    def _run(self, flags: str = "") -> Slot:
        return Slot("run", "typed", flags, self.run, TREASURER)

    def _authorization(self, flags: str = "w") -> Slot:
        return Slot("authorization", "typed", flags, self.authorization, AUTHORIZER)

    # --- calls ---------------------------------------------------------------------------------------------------

    def init_coordinator(self) -> Call:
        slots = (
            self._signer("payer", self.payer, "sw"),
            Slot("coordinator_instance", "new", "w", self.plain_instance),
            Slot("coordinator_account", "any", "w", self.plain_account),
            self._system_program,
        )
        arguments = bytes(self.authority) * 2 + borsh_string("plain") + borsh_string("latest")
        return Call(COORDINATOR, "init_coordinator", slots, arguments)

    def free_coordinator(self) -> Call:
        slots = (
            self._signer("authority", self.authority),
            Slot("spill", "system", "w", self.spill),
            self._instance(self.plain_instance, "w"),
            self._account(self.plain_account),
        )
        return Call(COORDINATOR, "free_coordinator", slots, b"")

    def owner_call(self, name: str, arguments: bytes) -> Call:
        slots = (
            self._signer("authority", self.authority),
            self._instance(self.plain_instance),
            self._account(self.plain_account),
        )
        return Call(COORDINATOR, name, slots, arguments)

    def member_call(self, name: str, arguments: bytes = b"") -> Call:
        slots = (
            self._signer("user", self.user),
            self._instance(self.plain_instance),
            self._account(self.plain_account),
        )
        return Call(COORDINATOR, name, slots, arguments)

    def join_run(self) -> Call:
        slots = (
            self._signer("user", self.grantee),
            self._authorization(""),
            self._instance(self.plain_instance),
            self._account(self.plain_account),
        )
        return Call(COORDINATOR, "join_run", slots, bytes(self.grantee) + bytes(32))

    def authorization_create(self) -> Call:
        slots = (
            self._signer("payer", self.payer, "sw"),
            self._signer("grantor", self.authority),
            Slot("authorization", "new", "w", self.authorization),
            self._system_program,
        )
        arguments = bytes(self.grantee) + struct.pack("<I", len(SCOPE)) + SCOPE
        return Call(AUTHORIZER, "authorization_create", slots, arguments)

    def authorization_grantor_update(self, *, active: bool = True) -> Call:
        slots = (self._signer("grantor", self.authority), self._authorization())
        return Call(AUTHORIZER, "authorization_grantor_update", slots, bytes([active]))

    def authorization_grantee_update(self, *added: Pubkey, clear: bool = False) -> Call:
        slots = (
            self._signer("payer", self.payer, "sw"),
            self._signer("grantee", self.grantee),
            self._authorization(),
            self._system_program,
        )
        arguments = bytes([clear]) + struct.pack("<I", len(added)) + b"".join(map(bytes, added))
        return Call(AUTHORIZER, "authorization_grantee_update", slots, arguments)

    def authorization_close(self) -> Call:
        slots = (
            self._signer("grantor", self.authority),
            Slot("spill", "system", "w", self.spill),
            self._authorization(),
            self._system_program,
        )
        return Call(AUTHORIZER, "authorization_close", slots, b"")

    def run_create(self) -> Call:
        slots = (
            self._signer("payer", self.payer, "sw"),
            Slot("run", "new", "w", self.run),
            Slot("run_collateral", "new", "w", self.vault),
            Slot("collateral_mint", "mint", "", self.mint, TOKEN),
            Slot("coordinator_instance", "any", "w", self.instance),
            Slot("coordinator_account", "any", "w", self.account),
            self._program("coordinator_program", COORDINATOR),
            self._program("associated_token_program", ASSOCIATED_TOKEN),
            self._program("token_program", TOKEN),
            self._system_program,
        )
        strings = borsh_string(self.run_id) + borsh_string("latest")
        arguments = struct.pack("<Q", self.index) + strings + bytes(self.authority) * 2
        return Call(TREASURER, "run_create", slots, arguments)

    def run_update(self, arguments: bytes = bytes(8)) -> Call:
        slots = (
            self._signer("authority", self.authority),
            self._run(),
            self._instance(self.instance),
            self._account(self.account),
            self._program("coordinator_program", COORDINATOR),
        )
        return Call(TREASURER, "run_update", slots, arguments)

    def participant_create(self) -> Call:
        slots = (
            self._signer("payer", self.payer, "sw"),
            self._signer("user", self.user),
            self._run(),
            Slot("participant", "new", "w", self.participant),
            self._system_program,
        )
        return Call(TREASURER, "participant_create", slots, b"")

    def participant_claim(self, points: int = 0) -> Call:
        slots = (
            self._signer("user", self.user),
            Slot("user_collateral", "token", "w", self.user_tokens, TOKEN),
            self._run("w"),
            Slot("run_collateral", "token", "w", self.vault, TOKEN),
            self._account(self.account, ""),
            Slot("participant", "typed", "w", self.participant, TREASURER),
            self._program("token_program", TOKEN),
        )
        return Call(TREASURER, "participant_claim", slots, struct.pack("<Q", points))

    def every_call(self) -> list[Call]:
        """One call of each of the 20 instructions, with accounts that pass every check."""
        record = witness_bytes(WitnessRecord(0, 0, 1))
        update = b"\0" + option(config_bytes(GOOD_CONFIG)) + option(model_bytes(GOOD_MODEL)) + b"\0"
        accused = bytes(self.user) + bytes(32) + struct.pack("<BQQ", 2, 0, 0)
        return [
            self.init_coordinator(),
            self.free_coordinator(),
            self.owner_call("update", update),
            self.owner_call("update_client_version", borsh_string("v2")),
            self.owner_call("set_future_epoch_rates", bytes(2)),
            self.owner_call("set_paused", b"\0"),
            self.join_run(),
            self.member_call("tick"),
            self.member_call("witness", record + EMPTY_WITNESS_METADATA),
            self.member_call("warmup_witness", record),
            self.member_call("health_check", accused),
            self.member_call("checkpoint", checkpoint_bytes({"Hub": {"repo_id": "a/b", "revision": None}})),
            self.authorization_create(),
            self.authorization_grantor_update(),
            self.authorization_grantee_update(self.user),
            self.authorization_close(),
            self.run_create(),
            self.run_update(),
            self.participant_create(),
            self.participant_claim(),
        ]
