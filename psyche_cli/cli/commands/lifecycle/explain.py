"""``psyche-cli lifecycle explain``."""

from __future__ import annotations

from psyche_cli.cli.lifecycle_options import MachineName, StateName
from psyche_cli.cli.sessions import plain
from psyche_cli.results import Result


@plain(example="psyche-cli lifecycle explain psyche-run WaitingForMembers")
def command(*, machine: MachineName, state: StateName) -> Result:
    """Explain a state: what it means, how it is reached and what ends it."""
    from psyche_cli.operations.lifecycle.describe import explain_state

    return explain_state(machine, state)
