"""From what the sender returns to what a result shows."""

from __future__ import annotations

from psyche_cli.cluster.sender import Receipt
from psyche_cli.results import TransactionRecord


def record(label: str, receipt: Receipt) -> TransactionRecord:
    """The record of a transaction that landed; ``label`` says what it did."""
    return TransactionRecord(label=label, signature=str(receipt.signature), slot=receipt.slot, logs=tuple(receipt.logs))
