"""Claim the rewards of members from a run's vault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.amounts import format_amount
from psyche_cli.errors import InsufficientFunds, Refused, UsageError
from psyche_cli.limits import PARTICIPANT_BYTES, TOKEN_ACCOUNT_BYTES
from psyche_cli.operations.effects.ledger import Effects, Ledger
from psyche_cli.operations.funds import Funds, accounts_and_funds, require_lamports
from psyche_cli.operations.outlets import PlannedTransaction
from psyche_cli.operations.rewards.claims import Claim, claims_of, missing_in_order
from psyche_cli.operations.rewards.collateral import in_both_units
from psyche_cli.operations.rewards.payloads import RewardClaimsData, WalletClaim
from psyche_cli.operations.runs.find import Run, Treasury, locate_run
from psyche_cli.operations.sending import read_if_possible
from psyche_cli.operations.signing import SigningSession
from psyche_cli.protocol.accounts.small_accounts import Participant, TreasurerRun
from psyche_cli.protocol.accounts.token_accounts import decode_token_account
from psyche_cli.protocol.addresses import associated_token_address, find_participant, participant_address
from psyche_cli.protocol.programs import ProgramIds
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult
from psyche_cli.solana.raw_account import RawAccount, taken
from psyche_cli.solana.rent import Rent
from psyche_cli.solana.sending.transaction import Signer
from psyche_cli.solana.wallet import Wallet, load_keypair_file

if TYPE_CHECKING:
    from psyche_cli.environment import Environment


@dataclass(frozen=True)
class _Payment:
    """A claim of ``amount`` base units, and the instructions of its transaction."""

    claim: Claim
    wallet: Signer
    amount: int
    tokens: Pubkey
    instructions: list[Instruction]
    rent: int


def read_wallets(folder: Path, environment: Environment) -> list[Wallet]:
    """Load the keypair files (``*.json``) of a folder, sorted by name, without duplicate keys.

    Raises UsageError if there are none, and WalletError for a file that is not a keypair.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except OSError as error:
        raise UsageError(f"Cannot read the folder {folder}: {error.strerror}.", path=str(folder)) from error
    if not paths:
        raise UsageError(f"The folder {folder} contains no keypair files (*.json).", path=str(folder))
    wallets = [load_keypair_file(path, environment.diagnostics.line, environment.redactor) for path in paths]
    return list(dict.fromkeys(wallets))


def claim_rewards(
    session: SigningSession,
    *,
    run_id: str,
    wallets: Sequence[Wallet] | None = None,
    partial: bool = False,
    treasurer_index: int | None = None,
) -> OperationResult[RewardClaimsData]:
    """Claim the unclaimed rewards of each wallet (by default the session's), with one transaction per wallet.

    The session's wallet pays the fees, and the rent of missing token and participant accounts. With ``partial``, a
    vault that cannot pay everything pays the wallets in order until it is empty. Wallets with nothing to claim are
    skipped. Before anything is sent, raises Refused for a run without a treasurer or a token account that the program
    rejects, and InsufficientFunds if the vault or the wallet holds too little.
    """
    members: list[Signer] = [session.wallet] if wallets is None else list(wallets)
    keys = [wallet.address for wallet in members]
    located = locate_run(session, run_id, treasurer_index)
    treasurer = located.require_treasurer()
    tokens = [associated_token_address(key, treasurer.collateral_mint) for key in keys]
    records = [participant_address(treasurer.address, key, session.programs) for key in keys]
    first, count = len(located.addresses), len(members)
    found, funds = accounts_and_funds(session, [*located.addresses, *tokens, *records])
    run = located.read(found[:first])
    treasury = run.treasury
    assert treasury is not None  # its treasurer was found
    raw_tokens, raw_records = found[first : first + count], found[first + count :]
    claims = claims_of(session, run, keys, raw_records)
    amounts = payable(session, run, treasury, claims, partial=partial)
    payments = [
        _payment(session, run, treasury, claim, wallet, amount, token, (raw_token, raw_record), funds)
        for claim, wallet, amount, token, raw_token, raw_record in zip(
            claims, members, amounts, tokens, raw_tokens, raw_records, strict=True
        )
        if amount > 0
    ]
    if payments:
        rent = sum(payment.rent for payment in payments)
        require_lamports(session, funds, *(payment.instructions for payment in payments), rent=rent)
    receipts: dict[Pubkey, Receipt] = {}
    sending = session.send_all([_planned(session, treasury, payment, funds.rent) for payment in payments])
    for payment in payments:
        if receipts:
            session.deadline.restart()
        receipts[payment.claim.wallet] = next(sending)
    return _result(session, run, treasury, claims, amounts, tokens, receipts)


def _planned(session: SigningSession, treasury: Treasury, payment: _Payment, rent: Rent) -> PlannedTransaction:
    own = payment.wallet == session.wallet
    return PlannedTransaction(
        payment.instructions,
        label="claim" if own else f"claim of {payment.claim.wallet}",
        expected=_effects_of(payment, treasury, rent, session.programs),
        extra_signers=() if own else (payment.wallet,),
    )


def _effects_of(payment: _Payment, treasury: Treasury, rent: Rent, programs: ProgramIds) -> Effects:
    """The effects of a claim: missing accounts are created, tokens are paid, and the payment is recorded."""
    run, user, amount = treasury.run.address, payment.claim.wallet, payment.amount
    participant, bump = find_participant(run, user, programs)

    def record_participant(record: Participant) -> Participant:
        return record._replace(
            claimed_collateral_amount=record.claimed_collateral_amount + amount,
            claimed_earned_points=record.claimed_earned_points + amount,
        )

    def record_total(record: TreasurerRun) -> TreasurerRun:
        return record._replace(
            total_claimed_collateral_amount=record.total_claimed_collateral_amount + amount,
            total_claimed_earned_points=record.total_claimed_earned_points + amount,
        )

    def effects(ledger: Ledger) -> None:
        if not ledger.exists(payment.tokens):
            ledger.create_token_account(payment.tokens, owner=user, mint=treasury.mint.address, rent=rent)
        if not ledger.exists(participant):
            content = Participant(participant, 0, bump, 0, 0)
            ledger.create(participant, owner=programs.treasurer, size=PARTICIPANT_BYTES, rent=rent, content=content)
        ledger.transfer_tokens(treasury.vault, payment.tokens, amount)
        ledger.change(participant, record_participant)
        ledger.change(run, record_total)

    return effects


def payable(
    session: SigningSession, run: Run, treasury: Treasury, claims: Sequence[Claim], *, partial: bool
) -> list[int]:
    """The amount to pay each wallet, in base units. Raises InsufficientFunds if the vault cannot cover the claims."""
    missing = missing_in_order((claim.claimable for claim in claims), treasury.vault_amount)
    if any(missing) and not partial:
        claimable, decimals = sum(claim.claimable for claim in claims), treasury.mint.decimals
        short = format_amount(sum(missing), decimals)
        top_up = session.given.command("treasurer-top-up-rewards", "--collateral-amount", short, run_id=run.run_id)
        raise InsufficientFunds(
            f"The vault of run {run.run_id!r} is short by {short}: the claims total "
            f"{format_amount(claimable, decimals)}, but it holds {format_amount(treasury.vault_amount, decimals)}.",
            hint=f"Use --partial to claim as much as possible, or top up the vault first: {top_up}",
            run_id=run.run_id,
            balance=treasury.vault_amount,
            amount=claimable,
            token_account=str(treasury.vault),
        )
    return [claim.claimable - lack for claim, lack in zip(claims, missing, strict=True)]


def _payment(
    session: SigningSession,
    run: Run,
    treasury: Treasury,
    claim: Claim,
    wallet: Signer,
    amount: int,
    tokens: Pubkey,
    found: tuple[RawAccount | None, RawAccount | None],
    funds: Funds,
) -> _Payment:
    """The transaction of a claim, which first creates missing accounts.

    ``found`` are the wallet's token account and participant account.
    """
    raw_tokens, raw_record = found
    payer, user, mint = session.payer, claim.wallet, treasury.mint.address
    make = session.instructions
    instructions: list[Instruction] = []
    rent = 0
    existing = taken(raw_tokens)
    if existing is None:
        instructions.append(make.create_associated_token_account(payer=payer, owner=user, mint=mint))
        rent += max(funds.rent.exempt_minimum(TOKEN_ACCOUNT_BYTES) - _lamports(raw_tokens), 0)
    else:
        check_token_account(existing, user)
    if not claim.has_participant:
        instructions.append(make.participant_create(payer=payer, user=user, run=treasury.run.address))
        rent += max(funds.rent.exempt_minimum(PARTICIPANT_BYTES) - _lamports(raw_record), 0)
    instructions.append(
        make.participant_claim(
            user=user,
            user_collateral=tokens,
            run=treasury.run.address,
            collateral_mint=mint,
            account=run.account.address,
            points=amount,
        )
    )
    return _Payment(claim, wallet, amount, tokens, instructions, rent)


def _lamports(raw: RawAccount | None) -> int:
    return raw.lamports if raw else 0


def check_token_account(raw: RawAccount, user: Pubkey) -> None:
    """Raise Refused for an associated token account that the treasurer does not pay to. Raises AccountError."""
    account = decode_token_account(raw)
    if account.owner != user:
        raise Refused(
            f"The associated token account {account.address} of {user} is now owned by {account.owner}; rewards are "
            "only paid to an account that the member owns.",
        )
    if account.delegate is not None:
        raise Refused(
            f"The token account {account.address} has the delegate {account.delegate}; the treasurer only pays to an "
            "account without a delegate.",
            hint=f"Remove it first: spl-token revoke {account.address}",
        )


def _result(
    session: SigningSession,
    run: Run,
    treasury: Treasury,
    claims: Sequence[Claim],
    amounts: Sequence[int],
    tokens: Sequence[Pubkey],
    receipts: dict[Pubkey, Receipt],
) -> OperationResult[RewardClaimsData]:
    decimals = treasury.mint.decimals
    total = sum(amounts)
    vault = read_if_possible(lambda: session.rpc.token_account_balance(treasury.vault)) if receipts else None
    held = vault.base_units if vault else treasury.vault_amount - total
    reports = [
        WalletClaim(
            wallet=str(claim.wallet),
            outcome="claimed" if amount > 0 else "nothing to claim" if claim.joined else "never joined",
            claimed=in_both_units(amount, decimals),
            left=in_both_units(claim.claimable - amount, decimals),
            earned=in_both_units(claim.earned, decimals),
            token_account=str(account),
            signature=receipts[claim.wallet].signature if amount > 0 else None,
        )
        for claim, amount, account in zip(claims, amounts, tokens, strict=True)
    ]
    left = sum(claim.claimable for claim in claims) - total
    count = "" if len(claims) == 1 else f" for {len(receipts)} of {len(claims)} wallets"
    return OperationResult(
        summary=f"Claimed {format_amount(total, decimals)}{count} from the vault of run {run.run_id}."
        if receipts
        else f"There is nothing to claim from run {run.run_id}.",
        data=RewardClaimsData(
            run_id=run.run_id,
            already_so=not receipts,
            collateral_mint=str(treasury.mint.address),
            decimals=decimals,
            claimed=in_both_units(total, decimals),
            left=in_both_units(left, decimals),
            vault_balance=in_both_units(held, decimals),
            wallets=reports,
        ),
        details=(
            ("collateral mint", str(treasury.mint.address)),
            *((report.wallet, _row(report, decimals)) for report in reports),
            ("vault balance", format_amount(held, decimals)),
        ),
        transactions=tuple(receipts.values()),
        warnings=(f"The vault could not pay {format_amount(left, decimals)}.",) if left > 0 else (),
    )


def _row(report: WalletClaim, decimals: int) -> str:
    if report.outcome != "claimed":
        return report.outcome
    left = f", {format_amount(report.left.base_units, decimals)} left" if report.left.base_units > 0 else ""
    return f"claimed {format_amount(report.claimed.base_units, decimals)}{left}"
