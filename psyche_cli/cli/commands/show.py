"""``psyche-cli show``."""

from __future__ import annotations

from psyche_cli.cli.options import RunId, TreasurerIndex
from psyche_cli.cli.sessions import Reading, reads


@reads(example="psyche-cli show --run-id my-run")
def command(*, run_id: RunId, treasurer_index: TreasurerIndex = None) -> Reading:
    """Show a run on one screen: state, progress, members and rewards.

    Shows the state, what it means, what ends it and when; the progress of the epoch and of the run, with an estimate of
    their ends; members, witnesses, rewards and the vault; the latest transactions; and what needs attention. Does not
    need a wallet.
    """
    from psyche_cli.operations.status.show import show

    return lambda session: show(session, run_id=run_id, treasurer_index=treasurer_index)
