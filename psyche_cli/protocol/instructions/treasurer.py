"""Instructions of the treasurer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psyche_cli.protocol.addresses import (
    associated_token_address,
    check_run_id,
    instance_address,
    participant_address,
    treasurer_run_address,
)
from psyche_cli.protocol.instructions.program_instructions import (
    ProgramInstructions,
    Table,
    checked_client_version,
    owner_accounts,
)
from psyche_cli.solana.programs import ASSOCIATED_TOKEN_PROGRAM, SYSTEM_PROGRAM, TOKEN_PROGRAM

if TYPE_CHECKING:
    from solders.instruction import Instruction
    from solders.pubkey import Pubkey


class TreasurerInstructions(ProgramInstructions):
    """The instructions of the main authority and of participants."""

    def run_create(
        self,
        *,
        payer: Pubkey,
        index: int,
        collateral_mint: Pubkey,
        run_id: str,
        account: Pubkey,
        main_authority: Pubkey,
        join_authority: Pubkey,
        client_version: str,
    ) -> Instruction:
        """Create the treasurer's Run, its vault for ``collateral_mint``, and the run on the coordinator."""
        run = treasurer_run_address(index, self.programs)
        return self.build(
            "treasurer",
            "run_create",
            {
                "payer": payer,
                "run": run,
                "run_collateral": associated_token_address(run, collateral_mint),
                "collateral_mint": collateral_mint,
                "coordinator_instance": instance_address(run_id, self.programs),
                "coordinator_account": account,
                "coordinator_program": self.programs.coordinator,
                "associated_token_program": ASSOCIATED_TOKEN_PROGRAM,
                "token_program": TOKEN_PROGRAM,
                "system_program": SYSTEM_PROGRAM,
            },
            {
                "index": index,
                "run_id": check_run_id(run_id),
                "client_version": checked_client_version(client_version),
                "main_authority": main_authority,
                "join_authority": join_authority,
            },
        )

    def run_update(
        self,
        *,
        authority: Pubkey,
        run: Pubkey,
        instance: Pubkey,
        account: Pubkey,
        metadata: Table | None = None,
        config: Table | None = None,
        model: Table | None = None,
        progress: Table | None = None,
        earning_rate: int | None = None,
        slashing_rate: int | None = None,
        paused: bool | None = None,
        client_version: str | None = None,
    ) -> Instruction:
        """Forward the given changes to the coordinator: update, then rates (points), pause, client version."""
        return self.build(
            "treasurer",
            "run_update",
            owner_accounts(authority, instance, account)
            | {"run": run, "coordinator_program": self.programs.coordinator},
            {
                "params": {
                    "metadata": metadata,
                    "config": config,
                    "model": model,
                    "progress": progress,
                    "epoch_earning_rate_total_shared": earning_rate,
                    "epoch_slashing_rate_per_client": slashing_rate,
                    "paused": paused,
                    "client_version": None if client_version is None else checked_client_version(client_version),
                }
            },
        )

    def participant_create(self, *, payer: Pubkey, user: Pubkey, run: Pubkey) -> Instruction:
        """Create the record of what ``user`` has claimed from the treasurer's ``run``."""
        return self.build(
            "treasurer",
            "participant_create",
            {
                "payer": payer,
                "user": user,
                "run": run,
                "participant": participant_address(run, user, self.programs),
                "system_program": SYSTEM_PROGRAM,
            },
            {},
        )

    def participant_claim(
        self,
        *,
        user: Pubkey,
        user_collateral: Pubkey,
        run: Pubkey,
        collateral_mint: Pubkey,
        account: Pubkey,
        points: int,
    ) -> Instruction:
        """Pay earned points, one base unit of collateral per point, into the token account ``user_collateral``."""
        return self.build(
            "treasurer",
            "participant_claim",
            {
                "user": user,
                "user_collateral": user_collateral,
                "run": run,
                "run_collateral": associated_token_address(run, collateral_mint),
                "coordinator_account": account,
                "participant": participant_address(run, user, self.programs),
                "token_program": TOKEN_PROGRAM,
            },
            {"claim_earned_points": points},
        )
