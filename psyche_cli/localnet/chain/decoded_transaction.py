"""Decoding and sanitizing of received transactions, with the properties that the bank uses."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from solders.hash import Hash
from solders.instruction import CompiledInstruction
from solders.message import MessageV0, from_bytes_versioned, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from psyche_cli.limits import LAMPORTS_PER_SIGNATURE
from psyche_cli.solana.nonces import ADVANCE_NONCE
from psyche_cli.solana.programs import COMPUTE_BUDGET_PROGRAM, PRECOMPILES, SYSTEM_PROGRAM
from psyche_cli.solana.sending.priority_fee import priority_fee_of

TRANSACTION_TYPE: Final = "solana_transaction::versioned::VersionedTransaction"
"""The name of the transaction type in validators' error messages."""
_PRECOMPILES: Final = frozenset(PRECOMPILES)
_NONCE_INSTRUCTIONS: Final = frozenset((number).to_bytes(4, "little") for number in (4, 5, 6))
"""Those of the system program that advance, withdraw from, and initialize a nonce account."""


class DecodedTransaction:
    """A well-formed transaction with its bytes. Signatures and blockhash are not yet checked.

    ``message`` is its signed part, ``signature`` the first signature, which identifies it, ``recent_blockhash`` the
    blockhash or durable nonce that limits its validity, and ``static_keys`` the addresses in the message, beginning
    with the fee payer. ``required_signatures`` is the number of its signers; ``programs`` are those of its top-level
    ``instructions``, which only static keys can name. ``nonces`` are the accounts that these create, advance
    or withdraw from as nonce accounts.
    """

    def __init__(self, raw: bytes, versioned: VersionedTransaction) -> None:
        self.raw = raw
        self.versioned = versioned
        self.message: Final = versioned.message
        self.signature: Final = versioned.signatures[0]
        self.recent_blockhash: Final = self.message.recent_blockhash
        self.static_keys: Final = tuple(self.message.account_keys)
        self.instructions: Final[list[CompiledInstruction]] = self.message.instructions
        keys, header = self.static_keys, self.message.header
        self.programs: Final = tuple([keys[instruction.program_id_index] for instruction in self.instructions])
        self.required_signatures: Final = header.num_required_signatures
        self._first_readonly_signer = self.required_signatures - header.num_readonly_signed_accounts
        self._first_readonly_other = len(keys) - header.num_readonly_unsigned_accounts
        self._message_hash: Hash | None = None
        self.nonces: Final = self._nonces() if SYSTEM_PROGRAM in self.programs else ()

    @property
    def message_hash(self) -> Hash:
        """The hash by which duplicates are detected."""
        if self._message_hash is None:
            self._message_hash = self.message.hash()
        return self._message_hash

    @property
    def base_fee(self) -> int:
        """The fee without a priority fee, in lamports: for its signatures and those that precompiles verify."""
        signatures = self.required_signatures
        if not _PRECOMPILES.isdisjoint(self.programs):
            signatures += sum(self.verified_by(program) for program in PRECOMPILES)
        return LAMPORTS_PER_SIGNATURE * signatures

    def verified_by(self, precompile: Pubkey) -> int:
        """The number of signatures that this precompile verifies."""
        return sum(
            (bytes(instruction.data) or b"\0")[0]
            for program, instruction in zip(self.programs, self.instructions, strict=True)
            if program == precompile
        )

    @property
    def priority_fee(self) -> int:
        """The priority fee, in lamports."""
        return priority_fee_of(self.message) if COMPUTE_BUDGET_PROGRAM in self.static_keys else 0

    @property
    def fee(self) -> int:
        """The whole fee, in lamports."""
        return self.base_fee + self.priority_fee

    @property
    def is_versioned(self) -> bool:
        """Whether the message has version 0, and may use lookup tables."""
        return isinstance(self.message, MessageV0)

    @property
    def version(self) -> int | str:
        """0 or ``"legacy"``."""
        return 0 if self.is_versioned else "legacy"

    @property
    def lookups(self) -> list[tuple[Pubkey, bytes, bytes]]:
        """The lookup tables, each with the indexes of its writable and of its read-only accounts."""
        if not isinstance(self.message, MessageV0):
            return []
        return [
            (lookup.account_key, bytes(lookup.writable_indexes), bytes(lookup.readonly_indexes))
            for lookup in self.message.address_table_lookups
        ]

    def is_static_key_writable(self, index: int) -> bool:
        """Whether the message declares the account at this index of ``static_keys`` writable."""
        if index < self.required_signatures:
            return index < self._first_readonly_signer
        return index < self._first_readonly_other

    @property
    def static_writable_keys(self) -> tuple[Pubkey, ...]:
        """The ``static_keys`` that the message declares writable."""
        keys, signers = self.static_keys, self.required_signatures
        return keys[: self._first_readonly_signer] + keys[signers : self._first_readonly_other]

    @cached_property
    def nonce_account(self) -> Pubkey | None:
        """The nonce account that the first instruction advances, whose value replaces a blockhash; None without one."""
        if not self.instructions:
            return None
        first = self.instructions[0]
        keys = self.static_keys
        accounts = bytes(first.accounts)
        if (
            keys[first.program_id_index] != SYSTEM_PROGRAM
            or bytes(first.data)[:4] != ADVANCE_NONCE
            or len(accounts) < 3
            or accounts[0] >= len(keys)
            or not self.is_static_key_writable(accounts[0])
        ):
            return None
        return keys[accounts[0]]

    def _nonces(self) -> tuple[Pubkey, ...]:
        keys = self.static_keys
        found = []
        for program, instruction in zip(self.programs, self.instructions, strict=True):
            if program == SYSTEM_PROGRAM and bytes(instruction.data)[:4] in _NONCE_INSTRUCTIONS:
                found += [keys[index] for index in bytes(instruction.accounts)[:1] if index < len(keys)]
        return tuple(found)

    @property
    def nonce_authority_signs(self) -> set[Pubkey]:
        """The signers of the first instruction (one of them must be the nonce account's authority)."""
        first = self.instructions[0]
        return {self.static_keys[index] for index in bytes(first.accounts) if index < self.required_signatures}

    def with_blockhash(self, blockhash: Hash) -> DecodedTransaction:
        """A copy with another blockhash, for simulation; its signatures are invalid."""
        message = bytes(to_bytes_versioned(self.message))
        # Before the blockhash: the version (except for legacy), 3 bytes of header, the number of keys, and the keys.
        keys = len(self.static_keys)
        start = (self.version != "legacy") + 3 + (1 if keys < 128 else 2) + 32 * keys
        changed = from_bytes_versioned(message[:start] + bytes(blockhash) + message[start + 32 :])
        transaction = VersionedTransaction.populate(changed, self.versioned.signatures)
        return DecodedTransaction(bytes(transaction), transaction)

    def signatures_verify(self) -> bool:
        """Whether every signature is valid."""
        return all(self.versioned.verify_with_results())


class MalformedTransaction(Exception):
    """The bytes are not a transaction, or its indexes are invalid. The text is a validator's error message."""


def parse_transaction(raw: bytes) -> DecodedTransaction:
    """Decode and sanitize a transaction. Raises MalformedTransaction."""
    try:
        transaction = VersionedTransaction.from_bytes(raw)
    except ValueError as error:
        raise MalformedTransaction(f"failed to deserialize {TRANSACTION_TYPE}: {error}") from error
    try:
        transaction.sanitize()
    except Exception as error:  # solders.SanitizeError has no stable import path
        raise MalformedTransaction(
            "invalid transaction: Transaction failed to sanitize accounts offsets correctly"
        ) from error
    # Trailing bytes are tolerated, as by validators, but not stored.
    return DecodedTransaction(bytes(transaction), transaction)
