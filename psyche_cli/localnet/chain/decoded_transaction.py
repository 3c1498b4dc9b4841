"""A transaction as it comes in: decoded, checked for its form, and read for what the bank must know of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from solders.hash import Hash
from solders.message import Message, MessageV0, from_bytes_versioned, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from psyche_cli.solana.programs import SYSTEM_PROGRAM

TRANSACTION_TYPE: Final = "solana_transaction::versioned::VersionedTransaction"
"""What validators call a transaction in their errors."""

_ADVANCE_NONCE: Final = (4).to_bytes(4, "little")


@dataclass(frozen=True)
class DecodedTransaction:
    """A well-formed transaction with its bytes. Signatures and blockhash are not yet judged."""

    raw: bytes
    versioned: VersionedTransaction

    @cached_property
    def message(self) -> Message | MessageV0:
        """The signed part."""
        return self.versioned.message

    @cached_property
    def signature(self) -> Signature:
        """The first signature, by which the transaction is known."""
        return self.versioned.signatures[0]

    @cached_property
    def message_hash(self) -> Hash:
        """What a duplicate is recognised by."""
        return self.message.hash()

    @cached_property
    def recent_blockhash(self) -> Hash:
        """The blockhash, or the durable nonce, that limits the transaction's life."""
        return self.message.recent_blockhash

    @cached_property
    def static_keys(self) -> tuple[Pubkey, ...]:
        """The addresses inside the message, the fee payer first."""
        return tuple(self.message.account_keys)

    @property
    def version(self) -> int | str:
        """0 or ``"legacy"``."""
        return 0 if isinstance(self.message, MessageV0) else "legacy"

    @property
    def lookups(self) -> list[tuple[Pubkey, bytes, bytes]]:
        """Look-up tables with the indexes used of them: writable, then read-only."""
        if not isinstance(self.message, MessageV0):
            return []
        return [
            (lookup.account_key, bytes(lookup.writable_indexes), bytes(lookup.readonly_indexes))
            for lookup in self.message.address_table_lookups
        ]

    def is_static_key_writable(self, index: int) -> bool:
        """Whether the message asks to write the account at this index of ``static_keys``."""
        header = self.message.header
        signers = header.num_required_signatures
        if index < signers:
            return index < signers - header.num_readonly_signed_accounts
        return index < len(self.static_keys) - header.num_readonly_unsigned_accounts

    @cached_property
    def static_writable_keys(self) -> tuple[Pubkey, ...]:
        """Those of ``static_keys`` that the message asks to write."""
        return tuple(key for index, key in enumerate(self.static_keys) if self.is_static_key_writable(index))

    @cached_property
    def nonce_account(self) -> Pubkey | None:
        """The nonce account whose value stands in for a blockhash, when the first instruction advances one."""
        if not self.message.instructions:
            return None
        first = self.message.instructions[0]
        keys = self.static_keys
        accounts = bytes(first.accounts)
        if (
            keys[first.program_id_index] != SYSTEM_PROGRAM
            or bytes(first.data)[:4] != _ADVANCE_NONCE
            or len(accounts) < 3
            or accounts[0] >= len(keys)
            or not self.is_static_key_writable(accounts[0])
        ):
            return None
        return keys[accounts[0]]

    @property
    def nonce_authority_signs(self) -> set[Pubkey]:
        """The signers named by the first instruction (one of them must be the nonce account's authority)."""
        signers = self.message.header.num_required_signatures
        first = self.message.instructions[0]
        return {self.static_keys[index] for index in bytes(first.accounts) if index < signers}

    def with_blockhash(self, blockhash: Hash) -> DecodedTransaction:
        """The same transaction with another blockhash, for simulation: its signatures are wrong now."""
        message = bytes(to_bytes_versioned(self.message))
        # Before the blockhash: the version (but for legacy), 3 bytes of header, the number of keys, and the keys.
        keys = len(self.static_keys)
        start = (self.version != "legacy") + 3 + (1 if keys < 128 else 2) + 32 * keys
        changed = from_bytes_versioned(message[:start] + bytes(blockhash) + message[start + 32 :])
        transaction = VersionedTransaction.populate(changed, self.versioned.signatures)
        return DecodedTransaction(bytes(transaction), transaction)

    def signatures_verify(self) -> bool:
        """Whether every signature is genuine."""
        return all(self.versioned.verify_with_results())


class MalformedTransaction(Exception):
    """Bytes that are no transaction, or one that refers to what it does not have. Its text is the one of validators."""


def parse_transaction(raw: bytes) -> DecodedTransaction:
    """Decode and sanitize a transaction. Raises MalformedTransaction."""
    try:
        transaction = VersionedTransaction.from_bytes(raw)
    except ValueError as error:
        raise MalformedTransaction(f"failed to deserialize {TRANSACTION_TYPE}: {error}") from error
    try:
        transaction.sanitize()
    except Exception as error:  # solders.SanitizeError is not importable by a stable name
        raise MalformedTransaction(
            "invalid transaction: Transaction failed to sanitize accounts offsets correctly"
        ) from error
    # Bytes after the transaction are tolerated, as by validators, but not kept.
    return DecodedTransaction(bytes(transaction), transaction)
