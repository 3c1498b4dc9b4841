"""What a vault received before the first check of a schedule, from the ledger of the endpoint."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from psyche_cli.errors import HttpStatusError, NetworkError, RpcError
from psyche_cli.operations.runs.find import Treasury
from psyche_cli.operations.schedule.received import Level
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.codes import INTERNAL_ERROR
from psyche_cli.solana.rpc.retry import RetryPolicy
from psyche_cli.solana.rpc.whole_transactions import ledger_transactions

MOST_TRANSACTIONS: Final = 400
"""How many transactions of a vault are read at most. With more, the ledger counts as unknown."""


def levels_from_ledger(rpc: RpcClient, treasury: Treasury, *, slot: int, since: int, now: int) -> list[Level] | None:
    """The levels of a vault from ``since`` to ``now``, at which its treasury was read in ``slot``.

    None if the endpoint does not know, or not all: its ledger must lead from balance to balance to that of the vault
    without a gap. Takes at most 1 + MOST_TRANSACTIONS / 20 requests. Raises NetworkError if it may succeed later.
    """
    try:
        listed = rpc.signatures_for_address(treasury.vault, limit=MOST_TRANSACTIONS)
        recent = [one for one in listed if one.block_time is None or one.block_time > since]
        if len(recent) == MOST_TRANSACTIONS:
            return None
        found = ledger_transactions(rpc, [one.signature for one in recent if one.err is None])
    except NetworkError as error:
        if _is_refusal(error):
            return None
        raise
    changes: list[tuple[int, int]] = []
    balance = treasury.vault_amount
    for transaction in found:  # the newest first
        if transaction is None:
            return None
        for change in (one for one in transaction.effects.tokens if one.address == treasury.vault):
            if change.after != balance and not changes and transaction.slot >= slot:
                continue  # it has landed since the vault was read
            if change.after != balance:
                return None
            balance = change.before
            time = now if transaction.block_time is None else transaction.block_time
            changes.append((time, change.after - change.before))
    if balance > 0 and len(recent) == len(listed):
        return None  # it was funded before everything that the ledger still has
    return _levels(changes, treasury.received, since)


def _is_refusal(error: NetworkError) -> bool:
    """Whether the endpoint does not offer its ledger, as opposed to a failure that passes."""
    if RetryPolicy().deadline(error) is not None:
        return False
    if isinstance(error, HttpStatusError):
        return error.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, RpcError) and error.rpc_code != INTERNAL_ERROR


def _levels(changes: list[tuple[int, int]], received: int, since: int) -> list[Level]:
    """The levels that lead to ``received`` by these changes, which are times and amounts, the newest first."""
    incomes = [(time, amount) for time, amount in reversed(changes) if amount > 0]
    amount = received - sum(one for _, one in incomes)
    levels = [Level(since, since, amount)]
    for time, income in incomes:
        amount += income
        levels.append(Level(max(time, levels[-1].first), max(time, levels[-1].first), amount))
    return levels
