"""``psyche-cli json-dump-run``."""

from __future__ import annotations

from psyche_cli.cli.options import RunId, TreasurerIndex
from psyche_cli.cli.sessions import Reading, reads


@reads(example="psyche-cli json-dump-run --run-id my-run | jq .coordinator_account.status")
def command(*, run_id: RunId, treasurer_index: TreasurerIndex = None) -> Reading:
    """Print the full state of a run as JSON.

    Does not need a wallet.
    """
    from psyche_cli.operations.observe.json_dump import dump_run

    return lambda session: dump_run(session, run_id=run_id, treasurer_index=treasurer_index)
