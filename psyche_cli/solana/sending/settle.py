"""Bring a recorded transaction of an earlier process to its outcome: resend the same bytes while they can land.

A delivery right after signing may rely on any node's status cache, which covers the last 300 blockhashes. For an older
record that is not enough: a node that no longer has the block would report a transaction that landed as unknown. So
"expired" then requires a node whose ledger reaches back to the time of the record.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from solders.transaction import Transaction

from psyche_cli.environment import Clock
from psyche_cli.errors import NetworkError, TransactionExpired, TransactionUnknown
from psyche_cli.receipts import Receipt
from psyche_cli.solana.public_clusters import explorer_link
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.solana.rpc.types import SignatureStatus
from psyche_cli.solana.sending.delivery import DeliveryTimes, TransactionDelivery
from psyche_cli.solana.sending.journal import JournalEntry, RecordState
from psyche_cli.solana.sending.priority_fee import priority_fee_of
from psyche_cli.solana.sending.transaction import signed_transaction
from psyche_cli.suggestions import GivenOptions

_CACHED_BLOCKS: Final = 100
"""Blocks after the last valid one for which every node knows the status: 300 less 150, and a margin."""

_CACHED_SLOTS: Final = 250
"""Slots since the record for which every node knows the status: 300, and a margin."""


class Settlement:
    """The outcome of a recorded transaction: its state, its slot and error, and a receipt if it has landed."""

    def __init__(
        self, state: RecordState, status: SignatureStatus | None = None, receipt: Receipt | None = None
    ) -> None:
        self.state = state
        self.slot = None if status is None else status.slot
        self.error = None if status is None else status.err
        self.receipt = receipt


def delivery_of(
    entry: JournalEntry, rpc: RpcClient, clock: Clock, deadline: Deadline, times: DeliveryTimes, advice: str
) -> TransactionDelivery:
    """The continued delivery of a recorded transaction. ``advice`` is for the case that its outcome stays unknown."""
    signed = signed_transaction(entry.raw, entry.last_valid_block_height)
    return TransactionDelivery(
        rpc,
        clock,
        signed,
        deadline,
        label=entry.label,
        times=times,
        sent_before=True,
        advice=advice,
        valid_slot=entry.recorded_slot,
    )


def settle(entry: JournalEntry, delivery: TransactionDelivery, rpc: RpcClient) -> Settlement:
    """The outcome of a delivery from ``delivery_of``. Raises TransactionUnknown."""
    changes = rpc.endpoint_changes
    try:
        status = delivery.run()
    except TransactionExpired as expired:
        if not _could_know(entry, rpc, changes):
            raise TransactionUnknown(
                f"{rpc.label} does not know transaction {entry.signature}, but its ledger does not reach back to the "
                "time when it was sent, or another endpoint was searched, so it may have landed.",
                hint=f"Use an endpoint with a full history, or an explorer. {delivery.advice}",
                last_valid_block_height=entry.last_valid_block_height,
                endpoint=rpc.label,
                signature=entry.signature,
            ) from expired
        return Settlement(RecordState.EXPIRED)
    rpc.require_slot(status.slot)
    landed = delivery.landed_transaction()
    if status.err is not None:
        return Settlement(RecordState.FAILED, status)
    receipt = Receipt(
        entry.label,
        entry.signature,
        status.slot,
        landed.logs if landed else (),
        landed.fee_lamports if landed else None,
        priority_fee_of(Transaction.from_bytes(entry.raw).message),
        explorer_link(entry.signature, entry.genesis_hash, entry.endpoint),
    )
    return Settlement(RecordState.LANDED, status, receipt)


def how_to_settle(signature: str, given: GivenOptions) -> str:
    """What to do about a recorded transaction whose outcome is unknown."""
    return (
        f"If you know the outcome: {given.command('tx forget', signature)}; otherwise, to "
        f"determine it: {given.command('tx resume', signature)}"
    )


def _could_know(entry: JournalEntry, rpc: RpcClient, changes: int) -> bool:
    """Whether the endpoint that was searched would still know the transaction if it had landed.

    ``changes`` is the client's number of endpoint changes before the search: the ledger of one endpoint says nothing
    about the reach of another's.
    """
    with suppress(NetworkError):
        position = rpc.chain_position("finalized")
        if entry.last_valid_block_height is None:
            # It may have landed at any time since it was recorded.
            if position.slot <= entry.recorded_slot + _CACHED_SLOTS:
                return True
        elif position.block_height <= entry.last_valid_block_height + _CACHED_BLOCKS:
            return True
        return rpc.first_available_block() <= entry.recorded_slot and rpc.endpoint_changes == changes
    return False
