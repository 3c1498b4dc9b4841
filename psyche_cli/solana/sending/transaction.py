"""Legacy transactions: assembly, check of the packet size, and signing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from solders.compute_budget import ID as COMPUTE_BUDGET
from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import Message
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import Transaction

from psyche_cli.errors import TransactionTooLarge
from psyche_cli.limits import (
    LAMPORTS_PER_SIGNATURE,
    MAX_LOADED_BYTES,
    MAX_MESSAGE_ACCOUNTS,
    MAX_TRANSACTION_BYTES,
    SIGNATURE_BYTES,
)
from psyche_cli.solana.nonces import NonceUse, nonce_used_by
from psyche_cli.solana.rpc.types import Blockhash

_SET_LOADED_BYTES = b"\x04"
"""The tag of the instruction SetLoadedAccountsDataSizeLimit, which solders does not offer."""


class Signer(Protocol):
    """A key that can sign a message: a wallet, or one whose signature was made elsewhere."""

    @property
    def address(self) -> Pubkey:
        """The public key."""
        ...

    def sign_message(self, message: bytes) -> Signature:
        """The signature of a message."""
        ...


@dataclass(frozen=True)
class LegacyTransaction:
    """A serialized transaction.

    ``program_ids`` are those of the top-level instructions, in order; ``account_keys`` are the accounts in the order of
    the message.
    """

    raw: bytes
    program_ids: tuple[Pubkey, ...]
    account_keys: tuple[Pubkey, ...]

    @property
    def message(self) -> Message:
        """The message, that is, the signed part."""
        return Transaction.from_bytes(self.raw).message


@dataclass(frozen=True)
class SignedTransaction(LegacyTransaction):
    """A signed transaction, whose bytes may be sent repeatedly. ``signature`` identifies it on the cluster.

    It can land up to ``last_valid_block_height`` or, with a durable nonce, as long as ``nonce`` has not been used. One
    of the two is None.
    """

    signature: Signature
    last_valid_block_height: int | None
    nonce: NonceUse | None = None


def unique_data_limit() -> Instruction:
    """An instruction without other effects that makes a payment distinct from others of the same amount.

    Two processes that sign the same transfer with the same blockhash produce the same transaction: it would pay only
    once, but both processes would report it. The instruction lowers the limit of the accounts' data that the
    transaction loads, 64 MiB, by up to a quarter, with 24 random bits. A transfer loads less than 1 MiB. It costs
    nothing, and a compute unit limit may be set beside it.
    """
    limit = MAX_LOADED_BYTES - int.from_bytes(os.urandom(3), "big")
    return Instruction(COMPUTE_BUDGET, _SET_LOADED_BYTES + limit.to_bytes(4, "little"), [])


def transaction_size(instructions: Sequence[Instruction], payer: Pubkey) -> int:
    """The size of the signed transaction in bytes, for planning; the maximum is MAX_TRANSACTION_BYTES.

    The signers are taken from the account metas. Raises TransactionTooLarge for more than 256 accounts, the maximum of
    a message.
    """
    message = composed(instructions, payer, Hash.default())
    # The signature count takes one byte for up to 127 signatures, far more than fit.
    return 1 + message.header.num_required_signatures * SIGNATURE_BYTES + len(bytes(message))


def transaction_fee(instructions: Sequence[Instruction], payer: Pubkey) -> int:
    """The transaction fee in lamports, charged on success and on failure: 5,000 per signature."""
    return composed(instructions, payer, Hash.default()).header.num_required_signatures * LAMPORTS_PER_SIGNATURE


def writable_accounts(instructions: Sequence[Instruction], payer: Pubkey) -> tuple[Pubkey, ...]:
    """The accounts that the transaction may change, the payer first."""
    metas = [meta.pubkey for instruction in instructions for meta in instruction.accounts if meta.is_writable]
    return tuple(dict.fromkeys((payer, *metas)))


def unsigned_transaction(
    instructions: Sequence[Instruction], payer: Pubkey, blockhash: Hash | None = None
) -> LegacyTransaction:
    """A transaction for simulation that cannot land: its signatures are zeros, and by default its blockhash is, too.
    ``payer`` pays the fee.

    Raises TransactionTooLarge above 1,232 bytes.
    """
    message = composed(instructions, payer, blockhash or Hash.default())
    signatures = [Signature.default()] * message.header.num_required_signatures
    return LegacyTransaction(serialized(message, signatures), *_outline(instructions, message))


def sign_transaction(
    instructions: Sequence[Instruction], wallet: Signer, extra_signers: Sequence[Signer], blockhash: Blockhash
) -> SignedTransaction:
    """Assemble and sign a transaction, and verify the signatures; ``wallet`` pays the fee.

    Raises TransactionTooLarge above 1,232 bytes, and ValueError for a missing signer or an invalid signature, which are
    programming errors.
    """
    message = composed(instructions, wallet.address, blockhash.hash)
    signers = {signer.address: signer for signer in (wallet, *extra_signers)}
    required = message.account_keys[: message.header.num_required_signatures]
    missing = [str(key) for key in required if key not in signers]
    if missing:
        raise ValueError(f"missing wallets for the signers {', '.join(missing)}")
    content = bytes(message)
    signatures = [signers[key].sign_message(content) for key in required]
    if not all(signature.verify(key, content) for key, signature in zip(required, signatures, strict=True)):
        raise ValueError("invalid signature")
    return SignedTransaction(
        serialized(message, signatures),
        *_outline(instructions, message),
        signature=signatures[0],
        last_valid_block_height=blockhash.last_valid_block_height,
        nonce=nonce_used_by(message) if blockhash.last_valid_block_height is None else None,
    )


def signed_transaction(raw: bytes, last_valid_block_height: int | None) -> SignedTransaction:
    """The transaction with these signed bytes. ``last_valid_block_height`` is None for the value of a durable nonce.

    Raises ValueError for anything else than a signed legacy transaction.
    """
    transaction = Transaction.from_bytes(raw)
    message = transaction.message
    keys = message.account_keys
    programs = tuple(keys[instruction.program_id_index] for instruction in message.instructions)
    return SignedTransaction(
        raw,
        programs,
        tuple(keys),
        transaction.signatures[0],
        last_valid_block_height=last_valid_block_height,
        nonce=nonce_used_by(message) if last_valid_block_height is None else None,
    )


def serialized(message: Message, signatures: Sequence[Signature]) -> bytes:
    """The bytes of a transaction. Raises TransactionTooLarge above 1,232 bytes."""
    raw = bytes(Transaction.populate(message, signatures))
    if len(raw) > MAX_TRANSACTION_BYTES:
        raise TransactionTooLarge(
            f"The transaction is {len(raw)} bytes long; the maximum is {MAX_TRANSACTION_BYTES}.",
            size=len(raw),
            limit=MAX_TRANSACTION_BYTES,
        )
    return raw


def _outline(instructions: Sequence[Instruction], message: Message) -> tuple[tuple[Pubkey, ...], tuple[Pubkey, ...]]:
    """The program ids and the account keys."""
    return tuple(instruction.program_id for instruction in instructions), tuple(message.account_keys)


def composed(instructions: Sequence[Instruction], payer: Pubkey, blockhash: Hash) -> Message:
    """The message of a transaction. Raises TransactionTooLarge for more than 256 accounts."""
    keys = {payer}
    for instruction in instructions:
        keys.add(instruction.program_id)
        keys.update(meta.pubkey for meta in instruction.accounts)
    if len(keys) > MAX_MESSAGE_ACCOUNTS:  # solders panics
        raise TransactionTooLarge(
            f"The transaction uses {len(keys)} accounts; the maximum is {MAX_MESSAGE_ACCOUNTS}.",
            accounts=len(keys),
        )
    return Message.new_with_blockhash(list(instructions), payer, blockhash)
