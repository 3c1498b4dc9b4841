"""``psyche-cli authority check``."""

from __future__ import annotations

from psyche_cli.cli.options import RunId, TreasurerIndex, WalletAddress
from psyche_cli.cli.sessions import Call, Reading, reads


@reads(example="psyche-cli authority check --run-id my-run")
def command(
    call: Call, *, run_id: RunId, treasurer_index: TreasurerIndex = None, wallet: WalletAddress = None
) -> Reading:
    """Show who controls a run, and whether the wallet does.

    Lists the main authority, the join authority, the upgrade authority of each program, whether a program was
    redeployed after the run was created, and what this version of the programs cannot change. The wallet is optional.
    """
    from psyche_cli.operations.observe.authority_check import check_authority, wallet_if_any

    key = wallet_if_any(call.environment, wallet)
    return lambda session: check_authority(session, run_id=run_id, wallet=key, treasurer_index=treasurer_index)
