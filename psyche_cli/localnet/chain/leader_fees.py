"""The leader's share of the fees of transactions: half of the base fees, which are burned otherwise, and priority fees.

A cluster pays it when the block ends; here it is paid with each transaction, so that both are recorded together.
"""

from __future__ import annotations

from solders.account import Account

from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.solana.programs import SYSTEM_PROGRAM


def leader_share(fee: int, transaction: DecodedTransaction) -> int:
    """What the leader earns by a transaction that pays ``fee``, in lamports: all but half of the base fee."""
    return fee - transaction.base_fee // 2


def paid(leader: Account | None, lamports: int) -> Account | None:
    """The account of the leader after it has earned ``lamports``.

    None if they are burned, because it was closed or is owned by another program than the system program.
    """
    if leader is None or leader.owner != SYSTEM_PROGRAM:
        return None
    return Account(leader.lamports + lamports, leader.data, leader.owner, leader.executable, leader.rent_epoch)
