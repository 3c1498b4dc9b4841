"""List the rewards of a run's members."""

from __future__ import annotations

from psyche_cli.amounts import format_amount
from psyche_cli.operations.rewards.claims import claims_of_members, missing_in_order
from psyche_cli.operations.rewards.collateral import in_both_units, obligations_of
from psyche_cli.operations.rewards.payloads import MemberRewards, RewardListData
from psyche_cli.operations.runs.find import locate_run
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.tables import csv_text
from psyche_cli.results import OperationResult

_COLUMNS = ("earned", "slashed", "claimed", "claimable", "missing")


def list_rewards(
    session: Session, *, run_id: str, treasurer_index: int | None = None
) -> OperationResult[RewardListData]:
    """The earned, lost, claimed and claimable rewards of each wallet that ever joined, and the vault's shortfall.

    Takes two round trips, plus one per 100 members. Raises Refused for a run without a treasurer.
    """
    located = locate_run(session, run_id, treasurer_index)
    located.require_treasurer()
    run = located.read(session.rpc.accounts(located.addresses))
    treasury = run.treasury
    assert treasury is not None  # its treasurer was found
    claims = claims_of_members(session, run)
    missing = missing_in_order((claim.claimable for claim in claims), treasury.vault_amount)
    decimals = treasury.mint.decimals
    members = [
        MemberRewards(
            wallet=str(claim.wallet),
            earned=in_both_units(claim.earned, decimals),
            slashed=in_both_units(claim.slashed, decimals),
            claimed=in_both_units(claim.claimed, decimals),
            claimable=in_both_units(claim.claimable, decimals),
            missing=in_both_units(lack, decimals),
        )
        for claim, lack in zip(claims, missing, strict=True)
    ]
    shortfall = sum(missing)
    claimable = sum(claim.claimable for claim in claims)
    held = treasury.vault_amount
    covered = (
        f"the vault is short by {format_amount(shortfall, decimals)}" if shortfall > 0 else "the vault covers them"
    )
    top_up = ("--collateral-amount", format_amount(shortfall, decimals))
    claims_only = (session.given.command("treasurer-top-up-rewards", *top_up, run_id=run_id),) if shortfall > 0 else ()
    obligations = obligations_of(run)
    assert obligations is not None  # the run has a treasury
    return OperationResult(
        summary=f"The members of run {run_id} may claim {format_amount(claimable, decimals)}; {covered}.",
        data=RewardListData(
            run_id=run_id,
            collateral_mint=str(treasury.mint.address),
            decimals=decimals,
            vault=str(treasury.vault),
            vault_balance=in_both_units(held, decimals),
            claimable=in_both_units(claimable, decimals),
            missing=in_both_units(shortfall, decimals),
            vault_cover=obligations.cover,
            members=members,
        ),
        details=(
            ("vault", str(treasury.vault)),
            ("vault balance", format_amount(held, decimals)),
            *obligations.rows,
            *((member.wallet, _row(member, decimals)) for member in members),
        ),
        warnings=obligations.warnings,
        next_steps=obligations.next_steps(session.given, run_id) or claims_only,
    )


def rewards_csv(data: RewardListData) -> str:
    """The members as CSV with a header row and amounts in whole tokens."""
    rows = [(member.wallet, *_amounts(member, data.decimals)) for member in data.members]
    return csv_text([("wallet", *_COLUMNS), *rows])


def _row(member: MemberRewards, decimals: int) -> str:
    return ", ".join(
        f"{name} {amount}" for name, amount in zip(_COLUMNS, _amounts(member, decimals), strict=True) if amount != "0"
    )


def _amounts(member: MemberRewards, decimals: int) -> tuple[str, ...]:
    return tuple(format_amount(getattr(member, name).base_units, decimals) for name in _COLUMNS)
