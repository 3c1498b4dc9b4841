"""What a member can claim from the treasurer of its run."""

from __future__ import annotations

from typing import NamedTuple

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.protocol.accounts.small_accounts import CoordinatorInstance, decode_participant, decode_treasurer_run
from psyche_cli.protocol.accounts.token_accounts import decode_token_account
from psyche_cli.protocol.addresses import associated_token_address, participant_address
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.programs import ProgramIds
from psyche_cli.solana.raw_account import RawAccount, taken
from psyche_cli.solana.rpc.client import RpcClient


class Treasury(NamedTuple):
    """The treasurer of a run: its Run account, the mint of its collateral, and the run's coordinator account."""

    run: Pubkey
    mint: Pubkey
    account: Pubkey
    programs: ProgramIds

    @property
    def vault(self) -> Pubkey:
        """The token account from which members are paid."""
        return associated_token_address(self.run, self.mint)

    def participant(self, wallet: Pubkey) -> Pubkey:
        """The account that records what ``wallet`` has claimed."""
        return participant_address(self.run, wallet, self.programs)

    def claim(self, build: Instructions, wallet: Pubkey, points: int, *, has_participant: bool) -> list[Instruction]:
        """The instructions that claim ``points`` for ``wallet``, and create the accounts that this needs."""
        first = build.create_associated_token_account(payer=wallet, owner=wallet, mint=self.mint)
        create = [] if has_participant else [build.participant_create(payer=wallet, user=wallet, run=self.run)]
        tokens = associated_token_address(wallet, self.mint)
        last = build.participant_claim(
            user=wallet,
            user_collateral=tokens,
            run=self.run,
            collateral_mint=self.mint,
            account=self.account,
            points=points,
        )
        return [first, *create, last]


def treasury_of(rpc: RpcClient, instance: CoordinatorInstance, programs: ProgramIds) -> Treasury | None:
    """The treasurer that controls the run, whatever its index is; None for a run without one. Raises AccountError."""
    raw = taken(rpc.account(instance.main_authority))
    if raw is None or raw.owner != programs.treasurer:
        return None
    run = decode_treasurer_run(raw, programs)
    return Treasury(run.address, run.collateral_mint, instance.coordinator_account, programs)


def claimable_points(
    earned: int, participant: RawAccount | None, vault: RawAccount | None, programs: ProgramIds
) -> int:
    """The points of ``earned`` that are not claimed yet and that the vault can pay. Raises AccountError."""
    record, tokens = taken(participant), taken(vault)
    claimed = 0 if record is None else decode_participant(record, programs).claimed_earned_points
    held = 0 if tokens is None else decode_token_account(tokens).amount
    return max(min(earned - claimed, held), 0)
