"""A real Solana VM with the three programs, and raw instructions, independent of the project's client code."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from solders.account import Account
from solders.clock import Clock
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.message import Message
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import Transaction
from solders.transaction_metadata import FailedTransactionMetadata

import psyche_cli

COORDINATOR = Pubkey.from_string("4SHugWqSXwKE5fqDchkJcPEqnoZE22VYKtSTVm7axbT7")
AUTHORIZER = Pubkey.from_string("PsyAUmhpmiUouWsnJdNGFSX8vZ6rWjXjgDPHsgqPGyw")
TREASURER = Pubkey.from_string("EnU7DRx5az5YWxaxgqEGbXSYtudcfnjXewyBRRZCjJPw")
SYSTEM = Pubkey.default()
TOKEN = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
ASSOCIATED_TOKEN = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
PROGRAM_FILES = {COORDINATOR: "coordinator", AUTHORIZER: "authorizer", TREASURER: "treasurer"}
PROGRAMS_FOLDER = Path(psyche_cli.__file__).parent / "localnet" / "programs"

COORDINATOR_ACCOUNT_SIZE = 119_160
COORDINATOR_ACCOUNT_RENT = 830_244_480
SOL = 1_000_000_000
ABORT = "abort"

Code = int | str | None


@dataclass(frozen=True)
class Outcome:
    """The outcome of a transaction. ``code`` is None for success, a program's code, or the runtime's error name."""

    code: Code
    logs: tuple[str, ...]
    compute_units: int

    def said(self, text: str) -> bool:
        return any(text in line for line in self.logs)


def discriminator(instruction: str) -> bytes:
    return hashlib.sha256(f"global:{instruction}".encode()).digest()[:8]


def account_discriminator(name: str) -> bytes:
    return hashlib.sha256(f"account:{name}".encode()).digest()[:8]


def borsh_string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<I", len(raw)) + raw


def fixed(text: str, size: int) -> bytes:
    return text.encode().ljust(size, b"\0")


def option(value: bytes | None) -> bytes:
    return b"\0" if value is None else b"\1" + value


def wallet(name: str) -> Keypair:
    return Keypair.from_seed(hashlib.sha256(name.encode()).digest())


def meta(key: Pubkey, flags: str = "") -> AccountMeta:
    """An account of an instruction; ``flags`` holds s for signer, w for writable."""
    return AccountMeta(key, "s" in flags, "w" in flags)


class Chain:
    """A LiteSVM without signature verification, so that tests can sign for any wallet."""

    def __init__(self, *, believe_signatures: bool = True) -> None:
        svm = LiteSVM().with_blockhash_check(False).with_transaction_history(0).with_sigverify(not believe_signatures)
        for program, name in PROGRAM_FILES.items():
            svm.add_program_from_file(program, PROGRAMS_FOLDER / f"{name}.so")
        self.svm = svm
        self.payer = Keypair.from_seed(bytes(32))
        self.payer_key = self.payer.pubkey()  # which solders computes anew each time
        self.fund(self.payer_key, 1_000_000 * SOL)
        self.set_clock(1000, 1)

    def fund(self, address: Pubkey, lamports: int) -> None:
        """Set the lamports of an account, without changing the rest of it."""
        account = self.svm.get_account(address)
        owner = SYSTEM if account is None else account.owner
        self.put(address, self.data(address), owner, lamports)

    def put(self, address: Pubkey, data: bytes = b"", owner: Pubkey = SYSTEM, lamports: int | None = None) -> None:
        rent = self.svm.minimum_balance_for_rent_exemption(len(data))
        self.svm.set_account(address, Account(rent if lamports is None else lamports, data, owner, False, 0))

    def data(self, address: Pubkey) -> bytes:
        account = self.svm.get_account(address)
        return b"" if account is None else bytes(account.data)

    def lamports(self, address: Pubkey) -> int:
        return self.svm.get_balance(address) or 0

    def exists(self, address: Pubkey) -> bool:
        return self.lamports(address) > 0

    def set_clock(self, unix_timestamp: int, slot: int) -> None:
        self.svm.set_clock(Clock(slot, 0, 0, 0, unix_timestamp))

    def send(self, *instructions: Instruction) -> Outcome:
        """Execute the instructions in one transaction, paid by ``payer``."""
        message = Message.new_with_blockhash(list(instructions), self.payer_key, Hash.default())
        count = message.header.num_required_signatures
        return outcome_of(self.svm.send_transaction(Transaction.populate(message, [Signature.default()] * count)))

    def must(self, *instructions: Instruction) -> Outcome:
        outcome = self.send(*instructions)
        assert outcome.code is None, (outcome.code, outcome.logs)
        return outcome


def outcome_of(result: object) -> Outcome:
    failed = isinstance(result, FailedTransactionMetadata)
    metadata = result.meta() if isinstance(result, FailedTransactionMetadata) else result
    logs, units = tuple(metadata.logs()), metadata.compute_units_consumed()  # type: ignore[attr-defined]  # a union without a stub
    if not isinstance(result, FailedTransactionMetadata):
        return Outcome(None, logs, units)
    assert failed
    error = json.loads(result.to_json())["err"]
    reason = error["InstructionError"][1] if isinstance(error, dict) and "InstructionError" in error else error
    if isinstance(reason, dict) and "Custom" in reason:
        return Outcome(int(reason["Custom"]), logs, units)
    if reason == "ProgramFailedToComplete":
        return Outcome(ABORT, logs, units)
    return Outcome(str(reason), logs, units)


def find_pda(program: Pubkey, *seeds: bytes) -> tuple[Pubkey, int]:
    return Pubkey.find_program_address(list(seeds), program)


def instance_address(run_id: str) -> Pubkey:
    return find_pda(COORDINATOR, b"coordinator", run_id.encode())[0]


def authorization_address(grantor: Pubkey, grantee: Pubkey, scope: bytes = b"CoordinatorJoinRun") -> Pubkey:
    return find_pda(AUTHORIZER, b"Authorization", bytes(grantor), bytes(grantee), scope)[0]


def treasurer_run_address(index: int) -> Pubkey:
    return find_pda(TREASURER, b"Run", struct.pack("<Q", index))[0]


def participant_address(run: Pubkey, user: Pubkey) -> Pubkey:
    return find_pda(TREASURER, b"Participant", bytes(run), bytes(user))[0]


def token_address(owner: Pubkey, mint: Pubkey) -> Pubkey:
    return find_pda(ASSOCIATED_TOKEN, bytes(owner), bytes(TOKEN), bytes(mint))[0]


def instruction(program: Pubkey, name: str, accounts: Sequence[AccountMeta], arguments: bytes = b"") -> Instruction:
    return Instruction(program, discriminator(name) + arguments, list(accounts))
