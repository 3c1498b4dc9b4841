"""Whether the wallet can pay for what is about to be sent: the fees of all its transactions, and rent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.amounts import format_sol
from psyche_cli.errors import InsufficientFunds
from psyche_cli.operations.sessions import SigningSession
from psyche_cli.solana.funding import how_to_fund
from psyche_cli.solana.programs import RENT_SYSVAR
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.rent import Rent, decode_rent
from psyche_cli.solana.sending.transaction import transaction_fee


@dataclass(frozen=True)
class Funds:
    """What the wallet holds (``balance``, lamports), and what the cluster asks for storage."""

    balance: int
    rent: Rent


def accounts_and_funds(session: SigningSession, addresses: Sequence[Pubkey]) -> tuple[list[RawAccount | None], Funds]:
    """Some accounts, and with them in one round trip what the wallet can pay."""
    *found, wallet, rent = session.rpc.accounts([*addresses, session.wallet.address, RENT_SYSVAR])
    return found, Funds(balance=0 if wallet is None else wallet.lamports, rent=decode_rent(rent))


def require_lamports(
    session: SigningSession, funds: Funds, *transactions: Sequence[Instruction], rent: int = 0
) -> None:
    """Refuse what the wallet cannot pay: the fees of ``transactions`` and ``rent`` lamports.

    The cluster also refuses a payment that leaves a wallet with some lamports but fewer than an account must hold.
    Raises InsufficientFunds before anything is signed.
    """
    wallet = session.wallet.address
    fees = [transaction_fee(instructions, wallet) for instructions in transactions]
    needed = rent + sum(fees)
    balance = funds.balance
    if rent > 0:
        session.notify(f"This will lock {format_sol(rent)} SOL of rent; the wallet holds {format_sol(balance)} SOL.")
    minimum = funds.rent.exempt_minimum(0)
    short = first_short_balance(balance, (*fees, rent), minimum)
    if short is None:
        return
    cost = f"{format_sol(needed)} SOL of {'rent and fees' if rent > 0 else 'fees'}"
    why = f"less than the {cost}"
    if balance >= needed:
        why = (
            f"enough for the {cost}, but it would drop to {format_sol(short)} SOL on the way, and an account must hold "
            f"either nothing or at least {format_sol(minimum)} SOL"
        )
    raise InsufficientFunds(
        f"The wallet {wallet} holds {format_sol(balance)} SOL, {why}.",
        hint=how_to_fund(wallet, session.rpc.label, needed + minimum - balance),
        wallet=str(wallet),
        balance=balance,
        needed=needed,
    )


def first_short_balance(balance: int, payments: Iterable[int], minimum: int) -> int | None:
    """The first balance that the cluster does not let the ``payments``, one after the other, bring a wallet to.

    It looks at a wallet after the fee, and again after the instructions: then it holds nothing, or at least the
    rent-exempt ``minimum``, or it held less than that before and has become no richer. None if all is well.
    """
    for payment in payments:
        left = balance - payment
        if left < 0 or (0 < left < minimum and balance >= minimum):
            return left
        balance = left
    return None
