"""Transfer collateral to a run's vault."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Final

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.amounts import format_amount, parse_amount
from psyche_cli.errors import AccountNotFound, InsufficientFunds
from psyche_cli.operations.effects.ledger import Ledger
from psyche_cli.operations.funds import accounts_and_funds, require_lamports
from psyche_cli.operations.rewards.balance_guard import BalanceGuard
from psyche_cli.operations.rewards.collateral import in_both_units, obligations_of
from psyche_cli.operations.rewards.payloads import TopUpData
from psyche_cli.operations.runs.find import locate_run, token_amount
from psyche_cli.operations.sending import read_if_possible
from psyche_cli.operations.signing import SigningSession
from psyche_cli.protocol.accounts.token_accounts import TokenMint
from psyche_cli.protocol.addresses import associated_token_address
from psyche_cli.results import OperationResult
from psyche_cli.solana.raw_account import RawAccount, taken
from psyche_cli.solana.sending.transaction import unique_data_limit

TOP_UP: Final = "top up"
"""The label of transfers to a vault in the journal."""


def top_up_rewards(
    session: SigningSession,
    *,
    run_id: str,
    collateral_amount: str,
    treasurer_index: int | None = None,
    vault_holds: int | None = None,
) -> OperationResult[TopUpData]:
    """Transfer ``collateral_amount`` (whole tokens, exact decimal) from the wallet's token account to the vault.

    Any wallet may top up any run. If an interrupted attempt of the same request has landed, nothing is paid again.

    ``vault_holds`` is the balance of the vault, in base units, for which the amount was computed. If it is another one,
    or the wallet makes another transfer at the same time, on any computer, nothing is paid: a transfer of all that the
    wallet holds to itself precedes the payment, and fails if that has become less.

    Raises Refused for a run without a treasurer, AccountNotFound if the wallet has no token account for the collateral,
    InvalidAmount, InsufficientFunds; StalePlan if the balances have changed.
    """
    located = locate_run(session, run_id, treasurer_index)
    source = associated_token_address(session.authority, located.require_treasurer().collateral_mint)
    [*found, raw_source], funds = accounts_and_funds(session, [*located.addresses, source])
    run = located.read(found)
    treasury = run.treasury
    assert treasury is not None  # require_treasurer has checked this
    mint = treasury.mint
    amount = parse_amount(collateral_amount, mint.decimals, "--collateral-amount")

    def transfer(destination: Pubkey, units: int) -> Instruction:
        return session.instructions.transfer_tokens(
            source=source,
            mint=mint.address,
            destination=destination,
            owner=session.authority,
            amount=units,
            decimals=mint.decimals,
        )

    guard = None if vault_holds is None else BalanceGuard(session, treasury, vault_holds)
    if guard is not None and session.earlier is None:
        guard.check(treasury.vault_amount)
    # With a chosen blockhash or nonce, the same options must result in the same message, to be signed elsewhere.
    instructions = [
        *([] if session.is_limited else [unique_data_limit()]),
        *([] if guard is None else [transfer(source, token_amount(raw_source))]),
        transfer(treasury.vault, amount),
    ]
    receipt = session.earlier
    if receipt is None:
        _require_tokens(session, source, raw_source, mint, amount)
        require_lamports(session, funds, instructions)

        def effects(ledger: Ledger) -> None:
            if guard is not None:
                guard.check(ledger.tokens(treasury.vault))
            ledger.transfer_tokens(source, treasury.vault, amount)

        with nullcontext() if guard is None else guard.explaining(source, token_amount(raw_source)):
            receipt = session.send(instructions, label=TOP_UP, expected=effects, pays_again=True)
    held = read_if_possible(lambda: token_amount(session.rpc.account(treasury.vault)))
    if held is None:
        held = treasury.vault_amount + (amount if session.earlier is None else 0)
    obligations = obligations_of(run, held=held)
    assert obligations is not None  # the run has a treasury
    return OperationResult(
        summary=f"Transferred {format_amount(amount, mint.decimals)} to the vault of run {run_id}"
        + ("." if session.earlier is None else " by an earlier attempt; nothing was sent now."),
        data=TopUpData(
            run_id=run_id,
            collateral_mint=str(mint.address),
            decimals=mint.decimals,
            transferred=in_both_units(amount, mint.decimals),
            vault=str(treasury.vault),
            vault_balance=in_both_units(held, mint.decimals),
            missing_collateral=in_both_units(obligations.missing, mint.decimals),
            vault_cover=obligations.cover,
        ),
        details=(
            ("collateral mint", str(mint.address)),
            ("from", str(source)),
            ("to vault", str(treasury.vault)),
            ("vault balance", format_amount(held, mint.decimals)),
            *obligations.rows,
        ),
        transactions=(receipt,),
        warnings=obligations.warnings,
        next_steps=obligations.next_steps(session.given, run_id),
    )


def _require_tokens(
    session: SigningSession, source: Pubkey, raw_source: RawAccount | None, mint: TokenMint, amount: int
) -> None:
    """Raise AccountNotFound or InsufficientFunds unless the wallet holds ``amount`` base units of the collateral."""
    if taken(raw_source) is None:
        raise AccountNotFound(
            f"The wallet {session.authority} has no token account for the collateral mint {mint.address}.",
            hint=f"Send tokens to the wallet first. Its associated token account is {source}.",
            address=str(source),
            mint=str(mint.address),
        )
    balance = token_amount(raw_source)
    if amount > balance:
        raise InsufficientFunds(
            f"The wallet holds {format_amount(balance, mint.decimals)} of the collateral token, less than the "
            f"requested {format_amount(amount, mint.decimals)}.",
            hint="Use a smaller --collateral-amount, or send more tokens to the wallet first.",
            balance=balance,
            amount=amount,
            token_account=str(source),
        )
