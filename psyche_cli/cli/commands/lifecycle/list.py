"""``psyche-cli lifecycle list``."""

from __future__ import annotations

from psyche_cli.cli.sessions import plain
from psyche_cli.results import Result


@plain(example="psyche-cli lifecycle list")
def command() -> Result:
    """List the state machines."""
    from psyche_cli.operations.lifecycle.describe import list_machines

    return list_machines()
