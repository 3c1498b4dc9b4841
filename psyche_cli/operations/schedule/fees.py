"""A warning before the wallet cannot pay the fees of a schedule any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from psyche_cli.amounts import format_sol
from psyche_cli.limits import LAMPORTS_PER_SIGNATURE
from psyche_cli.operations.funds import Funds
from psyche_cli.operations.signing import SigningSession
from psyche_cli.receipts import Receipt

MANY: Final = 500
"""Transactions for which the wallet should have SOL, for operations that are repeated."""

FEW: Final = 10
"""The same for a single one."""


def low_on_sol(session: SigningSession, funds: Funds, receipts: Sequence[Receipt], wanted: int) -> tuple[str, ...]:
    """A sentence if the wallet cannot pay the fees of ``wanted`` more transactions like the last of ``receipts``.

    Without one, their fees are those of their signatures. The wallet keeps the rent-exempt minimum.
    """
    signers = 1 if session.payer == session.authority else 2
    fees = [receipt.fee_lamports for receipt in receipts if receipt.fee_lamports is not None]
    left = max(funds.balance - funds.rent.exempt_minimum(0), 0)
    count = left // max([signers * LAMPORTS_PER_SIGNATURE, *fees[-1:]])
    if count >= wanted:
        return ()
    more = "1 more transaction" if count == 1 else f"{count} more transactions"
    balance = format_sol(funds.balance)
    warning = f"The wallet {session.payer} holds {balance} SOL, enough for the fees of {more}. Send more SOL to it."
    return (warning,)
