"""The transactions of a run since an observation, from the ledger of the endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from psyche_cli.solana.rpc.client import SIGNATURES_PER_CALL
from psyche_cli.solana.rpc.whole_transactions import ledger_transactions

if TYPE_CHECKING:
    from collections.abc import Container

    from solders.pubkey import Pubkey
    from solders.signature import Signature

    from psyche_cli.operations.sessions import Session
    from psyche_cli.operations.status.observation import Observation
    from psyche_cli.solana.rpc.types import AddressSignature
    from psyche_cli.solana.rpc.whole_transactions import LedgerTransaction

MOST_TRANSACTIONS: Final = 2000
"""More are not read: the differences between two observations are then reported as one change."""

_FIRST_PAGE: Final = 50


class LedgerPart(NamedTuple):
    """Transactions in order. ``missing_slot`` is that of the first one which the ledger does not contain yet, if any.

    Those after it are left out.
    """

    transactions: dict[Signature, LedgerTransaction]
    missing_slot: int | None


def transactions_since(
    session: Session, before: Observation, known: Container[Signature], *, with_vault: bool
) -> LedgerPart | None:
    """The successful transactions that include the coordinator account, in order, from the slot of ``before`` on.

    Those in that slot may be before it; ``known`` ones are left out. ``with_vault`` adds those that include the vault.
    None if there are too many. Raises NetworkError.
    """
    addresses = [before.run.account.address]
    if with_vault and before.run.treasury is not None:
        addresses.append(before.run.treasury.vault)
    lists = []
    for address in addresses:
        newest_first = _signatures(session, address, before.clock.slot)
        if newest_first is None:
            return None
        lists.append(newest_first[::-1])
    merged = _merged(session, *lists)
    wanted = [one for one in merged if one.err is None and one.signature not in known]
    found: dict[Signature, LedgerTransaction] = {}
    for one, transaction in zip(
        wanted, ledger_transactions(session.rpc, [one.signature for one in wanted]), strict=True
    ):
        if transaction is None:
            return LedgerPart(found, one.slot)
        found[one.signature] = transaction
    return LedgerPart(found, None)


def _signatures(session: Session, address: Pubkey, first_slot: int) -> list[AddressSignature] | None:
    """The transactions that include ``address``, newest first, from ``first_slot`` on; None if there are too many."""
    found: list[AddressSignature] = []
    limit = _FIRST_PAGE
    while True:
        before = found[-1].signature if found else None
        page = session.rpc.signatures_for_address(address, before=before, limit=limit)
        wanted = [one for one in page if one.slot >= first_slot]
        found += wanted
        if len(page) < limit or len(wanted) < len(page):
            return found
        if len(found) > MOST_TRANSACTIONS:
            return None
        limit = SIGNATURES_PER_CALL


def _merged(
    session: Session, first: Sequence[AddressSignature], second: Sequence[AddressSignature] = ()
) -> list[AddressSignature]:
    """The transactions of both lists, each once, in the order of execution. Raises NetworkError.

    If each list has transactions in a slot that the other one does not have, the block of the slot tells their order.
    """
    merged: list[AddressSignature] = []
    for slot in sorted({one.slot for one in (*first, *second)}):
        here, there = ([one for one in each if one.slot == slot] for each in (first, second))
        longest = max(here, there, key=len)
        together = list({one.signature: one for one in (*here, *there)}.values())
        if len(together) > len(longest):
            order = {signature: index for index, signature in enumerate(session.rpc.block_signatures(slot))}
            longest = sorted(together, key=lambda one: order.get(one.signature, len(order)))
        merged += longest
    return merged
