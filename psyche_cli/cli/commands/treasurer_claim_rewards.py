"""``psyche-cli treasurer-claim-rewards``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from psyche_cli.cli.options import RunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Call, Writing, writes


@writes(example="psyche-cli treasurer-claim-rewards --run-id my-run")
def command(
    call: Call,
    *,
    run_id: RunId,
    wallets: Annotated[
        Path | None,
        option(
            "--wallets",
            metavar="DIR",
            help="Claim for each keypair file (*.json) in this folder instead; the wallet pays fees and rent.",
        ),
    ] = None,
    partial: Annotated[
        bool, option("--partial", help="If the vault cannot cover all rewards, claim as much as it holds.")
    ] = False,
    treasurer_index: TreasurerIndex = None,
) -> Writing:
    """Claim a member's rewards from a run's vault.

    Pays all unclaimed rewards to the member's associated token account, which is created if necessary. If the vault
    cannot cover them, nothing is sent unless --partial is given. Safe to repeat: rewards are never paid twice.
    """
    from psyche_cli.operations.rewards.treasurer_claim_rewards import claim_rewards, read_wallets

    members = None if wallets is None else read_wallets(wallets, call.environment)
    return lambda session: claim_rewards(
        session, run_id=run_id, wallets=members, partial=partial, treasurer_index=treasurer_index
    )
