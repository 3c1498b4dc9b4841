"""Legacy transactions: put together, measured against the packet size, signed once."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from solders.compute_budget import set_compute_unit_limit
from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import Message
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import Transaction

from psyche_cli.errors import TransactionTooLarge
from psyche_cli.limits import LAMPORTS_PER_SIGNATURE, MAX_MESSAGE_ACCOUNTS, MAX_TRANSACTION_BYTES, SIGNATURE_BYTES
from psyche_cli.solana.rpc.types import Blockhash
from psyche_cli.solana.wallet import Wallet

_MARK_BASE = 200_000


@dataclass(frozen=True)
class LegacyTransaction:
    """The bytes of a transaction.

    ``program_ids`` are those of the top-level instructions in their order, ``account_keys`` the accounts in the
    message's order.
    """

    raw: bytes
    program_ids: tuple[Pubkey, ...]
    account_keys: tuple[Pubkey, ...]


@dataclass(frozen=True)
class SignedTransaction(LegacyTransaction):
    """The bytes that are sent, as often as it takes. ``signature`` identifies them on the cluster."""

    signature: Signature
    last_valid_block_height: int


def distinguishing_mark() -> Instruction:
    """An instruction that makes a payment differ from every other of the same amount; it changes nothing else.

    Two processes that sign the same transfer with the same blockhash make one and the same transaction: it would pay
    once, and both would report it. The mark is a compute unit limit far above what a transfer takes, with 17 random
    bits. It costs nothing as long as no price per unit is set.
    """
    return set_compute_unit_limit(_MARK_BASE + secrets.randbits(17))


def transaction_size(instructions: Sequence[Instruction], payer: Pubkey) -> int:
    """Bytes of the signed transaction, for planning: it fits when at most MAX_TRANSACTION_BYTES.

    The signers follow from the account metas. Raises TransactionTooLarge when there are more than 256 accounts, which
    no message can express.
    """
    message = _message(instructions, payer, Hash.default())
    # The number of signatures takes one byte up to 127 of them, far more than fit.
    return 1 + message.header.num_required_signatures * SIGNATURE_BYTES + len(bytes(message))


def transaction_fee(instructions: Sequence[Instruction], payer: Pubkey) -> int:
    """Lamports that the cluster takes for the transaction, whether it succeeds or fails: 5,000 per signature."""
    return _message(instructions, payer, Hash.default()).header.num_required_signatures * LAMPORTS_PER_SIGNATURE


def unsigned_transaction(instructions: Sequence[Instruction], payer: Pubkey) -> LegacyTransaction:
    """A transaction that nobody can send: its blockhash and all its signatures are zeros. ``payer`` pays the fee.

    Raises TransactionTooLarge beyond 1,232 bytes.
    """
    message = _message(instructions, payer, Hash.default())
    signatures = [Signature.default()] * message.header.num_required_signatures
    return LegacyTransaction(_raw(message, signatures), *_outline(instructions, message))


def sign_transaction(
    instructions: Sequence[Instruction], wallet: Wallet, extra_signers: Sequence[Wallet], blockhash: Blockhash
) -> SignedTransaction:
    """Put together, sign, and verify the signatures; ``wallet`` pays the fee.

    Raises TransactionTooLarge beyond 1,232 bytes, and ValueError when a signer that the instructions ask for is not
    among the wallets, or a signature is wrong (mistakes of the program, not of its user).
    """
    message = _message(instructions, wallet.address, blockhash.hash)
    signers = {signer.address: signer for signer in (wallet, *extra_signers)}
    required = message.account_keys[: message.header.num_required_signatures]
    missing = [str(key) for key in required if key not in signers]
    if missing:
        raise ValueError(f"missing wallets for the signers {', '.join(missing)}")
    content = bytes(message)
    signatures = [signers[key].sign_message(content) for key in required]
    if not all(signature.verify(key, content) for key, signature in zip(required, signatures, strict=True)):
        raise ValueError("a signature is wrong")
    return SignedTransaction(
        _raw(message, signatures),
        *_outline(instructions, message),
        signature=signatures[0],
        last_valid_block_height=blockhash.last_valid_block_height,
    )


def _raw(message: Message, signatures: Sequence[Signature]) -> bytes:
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


def _message(instructions: Sequence[Instruction], payer: Pubkey, blockhash: Hash) -> Message:
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
