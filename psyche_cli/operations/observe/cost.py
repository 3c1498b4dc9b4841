"""What a run has cost so far: rent, fees and rewards."""

from __future__ import annotations

from collections import defaultdict
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Final

from psyche_cli.amounts import format_amount, format_sol, ui_decimal
from psyche_cli.operations.observe.run_payloads import CostData, LockedRent, RewardCost, SignerFees
from psyche_cli.operations.rewards.collateral import in_both_units
from psyche_cli.operations.runs.find import Run, locate_run
from psyche_cli.operations.sessions import Session
from psyche_cli.results import OperationResult
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.rpc.client import SIGNATURES_PER_CALL

if TYPE_CHECKING:
    from solders.pubkey import Pubkey
    from solders.signature import Signature

_MILLION: Final = 1_000_000
_PRECISION: Final = Context(prec=12)
"""Significant digits of a price, which usually has no exact decimal form."""


def cost_of_run(
    session: Session, *, run_id: str, transactions: int, treasurer_index: int | None = None
) -> OperationResult[CostData]:
    """The rent that the run's accounts hold, the fees of its newest ``transactions``, and what its members earned.

    Takes two round trips, plus one per 1,000 signatures and one per transaction. Counts all transactions that include
    the coordinator account, even if they failed. Top-ups do not include it. Raises RunNotFound, AccountNotFound,
    AccountError.
    """
    located = locate_run(session, run_id, treasurer_index)
    found = session.rpc.accounts(located.addresses)
    run = located.read(found)
    rent = locked_rent(run, found)
    signatures, complete = _newest_signatures(session, run.account.address, transactions)
    if len(signatures) > 1:
        session.notify(f"Reading {len(signatures)} transactions.")
    fees, all_known = _fees(session, signatures)
    return _result(run, rent, fees, len(signatures), complete=complete and all_known)


def locked_rent(run: Run, found: list[RawAccount | None]) -> list[LockedRent]:
    """The lamports in each account of the run. ``found`` are the accounts at the run's ``addresses``."""
    accounts = [
        ("coordinator account", run.account.address, run.account.lamports),
        ("coordinator instance", run.instance.address, run.instance.lamports),
    ]
    if run.treasury is not None:
        treasurer, vault = run.treasury.run, found[1]
        accounts.append(("treasurer run", treasurer.address, treasurer.lamports))
        accounts.append(("vault", run.treasury.vault, vault.lamports if vault else 0))
    return [LockedRent(account=name, address=str(address), lamports=held) for name, address, held in accounts]


def _newest_signatures(session: Session, address: Pubkey, most: int) -> tuple[list[Signature], bool]:
    """The signatures of the newest transactions, and whether these are all."""
    found: list[Signature] = []
    while True:
        page = session.rpc.signatures_for_address(address, before=found[-1] if found else None)
        found += [record.signature for record in page]
        if len(found) > most:
            return found[:most], False
        if len(page) < SIGNATURES_PER_CALL:
            return found, True


def _fees(session: Session, signatures: list[Signature]) -> tuple[list[SignerFees], bool]:
    """The fees by fee payer, highest first, and whether the node had all transactions."""
    counts: dict[Pubkey, int] = defaultdict(int)
    lamports: dict[Pubkey, int] = defaultdict(int)
    known = 0
    with session.rpc.waits.showing("Reading transactions") as wait:
        transactions = []
        for index, signature in enumerate(signatures, start=1):
            wait.now(f"{index} of {len(signatures)}")
            transactions.append(session.rpc.landed_transaction(signature))
    for landed in transactions:
        if landed is not None and landed.payer is not None:
            known += 1
            counts[landed.payer] += 1
            lamports[landed.payer] += landed.fee_lamports
    payers = sorted(counts, key=lambda payer: (-lamports[payer], str(payer)))
    fees = [SignerFees(signer=str(key), transactions=counts[key], lamports=lamports[key]) for key in payers]
    return fees, known == len(signatures)


def trained_sequences(run: Run) -> int:
    """The number of sequences that the run has trained, according to its data index."""
    account = run.account
    if account.run_state.is_active:
        return account.current_round.data_index
    return account.progress["epoch_start_data_index"]


def price_per_million(base_units: int, decimals: int, tokens: int) -> Decimal | None:
    """Whole collateral tokens per million trained tokens, to 12 digits; None if nothing was trained."""
    if tokens == 0:
        return None
    return _PRECISION.divide(ui_decimal(base_units * _MILLION, decimals), Decimal(tokens))


def _result(
    run: Run, rent: list[LockedRent], fees: list[SignerFees], transactions: int, *, complete: bool
) -> OperationResult[CostData]:
    account = run.account
    locked = sum(item.lamports for item in rent)
    paid = sum(payer.lamports for payer in fees)
    llm: Any = account.model["LLM"]
    sequences = trained_sequences(run)
    tokens = sequences * int(llm["max_seq_len"])
    rewards = _rewards(run, tokens)
    per_epoch = paid // account.epoch if account.epoch > 0 else None
    scope = "" if complete else f" in the newest {transactions} transactions"
    recovery = "which cannot be recovered" if run.treasury else "recoverable by closing it"
    held = f"holds {format_sol(locked)} SOL of rent ({recovery})"
    return OperationResult(
        summary=f"Run {run.run_id} {held} and has cost {format_sol(paid)} SOL in fees{scope}.",
        data=CostData(
            run_id=run.run_id,
            rent=rent,
            rent_lamports=locked,
            rent_recoverable=run.treasury is None,
            fees=fees,
            fees_lamports=paid,
            transactions=transactions,
            complete=complete,
            epochs=account.epoch,
            fees_per_epoch_lamports=per_epoch,
            trained_sequences=sequences,
            trained_tokens=tokens,
            rewards=rewards,
        ),
        details=(
            *((f"rent of {item.account}", f"{format_sol(item.lamports)} SOL  {item.address}") for item in rent),
            *((f"fees paid by {payer.signer}", _shown(payer)) for payer in fees),
            *((("fees per epoch", f"{format_sol(per_epoch)} SOL"),) if per_epoch is not None else ()),
            ("trained tokens", str(tokens)),
            *(_reward_rows(rewards, run) if rewards else ()),
        ),
        warnings=()
        if complete
        else ("Fees are incomplete: the run has more transactions, or the node no longer has all of them.",),
    )


def _rewards(run: Run, tokens: int) -> RewardCost | None:
    if run.treasury is None:
        return None
    decimals = run.treasury.mint.decimals
    earned = sum(client.earned for client in run.account.clients)
    return RewardCost(
        collateral_mint=str(run.treasury.mint.address),
        earned=in_both_units(earned, decimals),
        paid=in_both_units(run.treasury.run.total_claimed_collateral_amount, decimals),
        earned_per_million_tokens=price_per_million(earned, decimals, tokens),
    )


def _shown(payer: SignerFees) -> str:
    count = "1 transaction" if payer.transactions == 1 else f"{payer.transactions} transactions"
    return f"{format_sol(payer.lamports)} SOL, {count}"


def _reward_rows(rewards: RewardCost, run: Run) -> tuple[tuple[str, str], ...]:
    assert run.treasury is not None  # it pays the rewards
    decimals = run.treasury.mint.decimals
    price = rewards.earned_per_million_tokens
    return (
        ("rewards earned", format_amount(rewards.earned.base_units, decimals)),
        ("rewards paid", format_amount(rewards.paid.base_units, decimals)),
        *((("earned per million tokens", f"{price:f}"),) if price is not None else ()),
    )
