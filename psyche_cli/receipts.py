"""The record of a transaction that landed. Commands that only read do not import this module."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Receipt:
    """A transaction that landed without an error.

    ``label`` is a short description; ``signature`` is base58. If the endpoint did not return the landed transaction,
    ``logs`` is empty and ``fee_lamports`` is None. ``priority_fee_lamports`` is part of the fee. ``explorer`` is a link
    to an explorer, if the cluster is public.
    """

    label: str
    signature: str
    slot: int
    logs: tuple[str, ...] = ()
    fee_lamports: int | None = None
    priority_fee_lamports: int = 0
    explorer: str | None = None
