"""What a run has cost so far: rent, fees and rewards."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Final

from psyche_cli.amounts import format_amount, format_sol, ui_decimal
from psyche_cli.operations.observe.epoch_fees import fees_by_epoch
from psyche_cli.operations.observe.run_payloads import CostData, EpochFees, LockedRent, RewardCost, SignerFees
from psyche_cli.operations.rewards.collateral import in_both_units
from psyche_cli.operations.runs.find import Run, locate_run
from psyche_cli.operations.sessions import Session
from psyche_cli.results import OperationResult
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.rpc.client import SIGNATURES_PER_CALL
from psyche_cli.solana.rpc.whole_transactions import LedgerTransaction, ledger_transactions

if TYPE_CHECKING:
    from solders.pubkey import Pubkey

    from psyche_cli.solana.rpc.types import AddressSignature

_MILLION: Final = 1_000_000
_SHOWN_EPOCHS: Final = 10
"""The newest epochs, whose fees are shown to people; JSON has all."""
_PRECISION: Final = Context(prec=12)
"""Significant digits of a price, which usually has no exact decimal form."""


def cost_of_run(
    session: Session, *, run_id: str, transactions: int, treasurer_index: int | None = None
) -> OperationResult[CostData]:
    """The rent that the run's accounts hold, the fees of its newest ``transactions``, and what its members earned.

    Takes three round trips, or four for a run with a treasurer, plus one per further 1,000 signatures and one per 20
    transactions. Counts all transactions that include the coordinator account or the vault, even if they failed. Raises
    RunNotFound, AccountNotFound, AccountError.
    """
    located = locate_run(session, run_id, treasurer_index)
    found = session.rpc.accounts(located.addresses)
    run = located.read(found)
    rent = locked_rent(run, found)
    vaults = [run.treasury.vault] if run.treasury else []
    lists = [_newest_signatures(session, address, transactions) for address in (run.account.address, *vaults)]
    newest_first = heapq.merge(*(records for records, _ in lists), key=lambda record: -record.slot)
    merged = list(dict.fromkeys(record.signature for record in newest_first))
    signatures = merged[:transactions]
    complete = len(merged) <= transactions and all(is_all for _, is_all in lists)
    if len(signatures) > 1:
        session.notify(f"Reading {len(signatures)} transactions.")
    return _result(session, run, rent, ledger_transactions(session.rpc, signatures), complete=complete)


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


def _newest_signatures(session: Session, address: Pubkey, most: int) -> tuple[list[AddressSignature], bool]:
    """The newest transactions, newest first, and whether these are all."""
    found: list[AddressSignature] = []
    while True:
        page = session.rpc.signatures_for_address(address, before=found[-1].signature if found else None)
        found += page
        if len(found) > most:
            return found[:most], False
        if len(page) < SIGNATURES_PER_CALL:
            return found, True


def _fees(transactions: Sequence[LedgerTransaction]) -> list[SignerFees]:
    """The fees by fee payer, highest first."""
    counts: dict[Pubkey, int] = defaultdict(int)
    lamports: dict[Pubkey, int] = defaultdict(int)
    for transaction in transactions:
        payer = transaction.message.accounts[0].address
        assert payer is not None  # the first account is never from a lookup table
        counts[payer] += 1
        lamports[payer] += transaction.fee
    payers = sorted(counts, key=lambda payer: (-lamports[payer], str(payer)))
    return [SignerFees(signer=str(key), transactions=counts[key], lamports=lamports[key]) for key in payers]


def price_of(base_units: int, decimals: int, tokens: int, *, per: int) -> Decimal | None:
    """Whole collateral tokens for every ``per`` trained tokens, to 12 digits; None if nothing was trained."""
    if tokens == 0:
        return None
    return _PRECISION.divide(ui_decimal(base_units * per, decimals), Decimal(tokens))


def _result(
    session: Session,
    run: Run,
    rent: list[LockedRent],
    found: Sequence[LedgerTransaction | None],
    *,
    complete: bool,
) -> OperationResult[CostData]:
    account = run.account
    known = [transaction for transaction in found if transaction is not None]
    fees = _fees(known)
    by_epoch = fees_by_epoch(found, current=account.epoch, complete=complete, coordinator=session.programs.coordinator)
    complete, transactions = complete and len(known) == len(found), len(found)
    locked = sum(item.lamports for item in rent)
    paid = sum(payer.lamports for payer in fees)
    llm: Any = account.model["LLM"]
    sequences = run.trained_sequences
    tokens = sequences * int(llm["max_seq_len"])
    rewards = _rewards(run, tokens, known)
    ended = [one.lamports for one in by_epoch if one.complete and one.epoch < account.epoch]
    per_epoch = sum(ended) // len(ended) if ended else None
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
            fees_by_epoch=by_epoch,
            fees_per_epoch_lamports=per_epoch,
            trained_sequences=sequences,
            trained_tokens=tokens,
            rewards=rewards,
        ),
        details=(
            *((f"rent of {item.account}", f"{format_sol(item.lamports)} SOL  {item.address}") for item in rent),
            *((f"fees paid by {payer.signer}", _shown(payer)) for payer in fees),
            *((f"fees of epoch {one.epoch}", _shown(one)) for one in by_epoch[-_SHOWN_EPOCHS:] if len(by_epoch) > 1),
            *((("average of ended epochs", f"{format_sol(per_epoch)} SOL"),) if per_epoch is not None else ()),
            ("trained tokens", str(tokens)),
            *(_reward_rows(rewards, run) if rewards else ()),
        ),
        warnings=()
        if complete
        else ("Fees are incomplete: the run has more transactions, or the node no longer has all of them.",),
    )


def _rewards(run: Run, tokens: int, transactions: Sequence[LedgerTransaction]) -> RewardCost | None:
    if run.treasury is None:
        return None
    decimals, vault = run.treasury.mint.decimals, run.treasury.vault
    earned = sum(client.earned for client in run.account.clients)
    paid = run.treasury.run.total_claimed_collateral_amount
    changes = [change for transaction in transactions for change in transaction.effects.tokens]
    return RewardCost(
        collateral_mint=str(run.treasury.mint.address),
        topped_up=in_both_units(run.treasury.vault_amount + paid, decimals),
        top_ups=sum(change.address == vault and change.after > change.before for change in changes),
        earned=in_both_units(earned, decimals),
        paid=in_both_units(paid, decimals),
        earned_per_million_tokens=price_of(earned, decimals, tokens, per=_MILLION),
        paid_per_million_tokens=price_of(paid, decimals, tokens, per=_MILLION),
        paid_per_trained_token=price_of(paid, decimals, tokens, per=1),
    )


def _shown(fees: SignerFees | EpochFees) -> str:
    count = "1 transaction" if fees.transactions == 1 else f"{fees.transactions} transactions"
    known = "" if isinstance(fees, SignerFees) or fees.complete else " or more"
    return f"{format_sol(fees.lamports)} SOL{known}, {count}"


def _reward_rows(rewards: RewardCost, run: Run) -> tuple[tuple[str, str], ...]:
    assert run.treasury is not None  # it pays the rewards
    decimals = run.treasury.mint.decimals
    prices = [
        ("earned per million tokens", rewards.earned_per_million_tokens),
        ("paid per million tokens", rewards.paid_per_million_tokens),
    ]
    count = "1 top-up" if rewards.top_ups == 1 else f"{rewards.top_ups} top-ups"
    return (
        ("transferred to the vault", f"{format_amount(rewards.topped_up.base_units, decimals)}, {count}"),
        ("rewards earned", format_amount(rewards.earned.base_units, decimals)),
        ("rewards paid", format_amount(rewards.paid.base_units, decimals)),
        *((label, f"{price:f}") for label, price in prices if price is not None),
    )
