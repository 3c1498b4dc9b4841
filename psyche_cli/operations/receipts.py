"""From what the sender returns to what a result shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from psyche_cli.cluster.sender import Receipt
from psyche_cli.errors import PsycheError
from psyche_cli.results import TransactionRecord

_Value = TypeVar("_Value")


def record(label: str, receipt: Receipt) -> TransactionRecord:
    """The record of a transaction that landed; ``label`` says what it did."""
    return TransactionRecord(label=label, signature=str(receipt.signature), slot=receipt.slot, logs=tuple(receipt.logs))


def look_after(read: Callable[[], _Value]) -> _Value | None:
    """What ``read`` finds, or None when the endpoint fails or lies, or the user has had enough (Ctrl-C).

    For looking at the outcome of a transaction that has landed: whoever takes a failed look for a failed transaction
    repeats a payment.
    """
    try:
        return read()
    except (PsycheError, KeyboardInterrupt):
        return None
