"""Checks that the wallet can pay fees and rent before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.amounts import format_sol
from psyche_cli.errors import InsufficientFunds
from psyche_cli.operations.signing import SigningSession
from psyche_cli.solana.funding import how_to_fund
from psyche_cli.solana.programs import RENT_SYSVAR
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.rent import Rent, decode_rent
from psyche_cli.solana.sending.transaction import transaction_fee


class Funds(NamedTuple):
    """The wallet's ``balance`` in lamports, and the cluster's rent parameters."""

    balance: int
    rent: Rent


def accounts_and_funds(session: SigningSession, addresses: Sequence[Pubkey]) -> tuple[list[RawAccount | None], Funds]:
    """Read accounts together with the wallet's funds in one round trip. Missing accounts are None."""
    *found, wallet, rent = session.rpc.accounts([*addresses, session.payer, RENT_SYSVAR])
    return found, Funds(balance=0 if wallet is None else wallet.lamports, rent=decode_rent(rent))


def require_lamports(
    session: SigningSession, funds: Funds, *transactions: Sequence[Instruction], rent: int = 0
) -> None:
    """Raise InsufficientFunds unless the wallet can pay the fees of ``transactions`` and ``rent`` lamports.

    The cluster also rejects a payment that leaves the wallet with a nonzero balance below the rent-exempt minimum.
    """
    if rent > 0:
        balance = format_sol(funds.balance)
        session.notify(f"This will lock {format_sol(rent)} SOL of rent; the wallet holds {balance} SOL.")
    _require(session, funds, [transaction_fee(instructions, session.payer) for instructions in transactions], rent)
    # A priority fee takes a simulation, which reports a lack of SOL less clearly.
    _require(session, funds, [session.fee(instructions) for instructions in transactions], rent)


def _require(session: SigningSession, funds: Funds, fees: Sequence[int], rent: int) -> None:
    wallet = session.payer
    needed = rent + sum(fees)
    balance = funds.balance
    minimum = funds.rent.exempt_minimum(0)
    short = first_short_balance(balance, (*fees, rent), minimum)
    if short is None:
        return
    cost = f"{format_sol(needed)} SOL of {'rent and fees' if rent > 0 else 'fees'}"
    why = f"less than the {cost}"
    if balance >= needed:
        why = (
            f"enough for the {cost}, but its balance would drop to {format_sol(short)} SOL, and an account must hold "
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
    """The first balance after one of the ``payments`` that the cluster would reject; None if it accepts all. Lamports.

    The cluster checks a wallet after the fee and again after the instructions. The balance must then be zero or at
    least the rent-exempt ``minimum``, or must have been below the minimum before without having increased since.
    """
    for payment in payments:
        left = balance - payment
        if left < 0 or (0 < left < minimum and balance >= minimum):
            return left
        balance = left
    return None
