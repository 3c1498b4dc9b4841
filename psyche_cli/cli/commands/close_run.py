"""``psyche-cli close-run``."""

from __future__ import annotations

from psyche_cli.cli.options import RunId, TreasurerIndex
from psyche_cli.cli.sessions import Writing, writes


@writes(example="psyche-cli close-run --run-id my-run", confirms=True)
def command(*, run_id: RunId, treasurer_index: TreasurerIndex = None) -> Writing:
    """Close a run and recover its rent.

    Deletes a run that is Uninitialized, Paused or Finished. Shows the rent that the wallet recovers and asks for
    confirmation, which requires a terminal or --yes. The run id can be reused afterwards.

    A run with a treasurer can never be closed.
    """
    from psyche_cli.operations.runs.close_run import close_run

    return lambda session: close_run(session, run_id=run_id, treasurer_index=treasurer_index)
