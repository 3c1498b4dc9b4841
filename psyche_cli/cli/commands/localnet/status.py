"""``psyche-cli localnet status``."""

from __future__ import annotations

from psyche_cli.cli.commands.localnet.options import ReadyFile, exclude_rpc
from psyche_cli.cli.sessions import Call, Reading, reads
from psyche_cli.results import Result


@reads(example="psyche-cli localnet status", local=True)
def command(call: Call, *, ready_file: ReadyFile = None) -> Reading | Result:
    """Show the state of a running local validator.

    Exits with code 11 if none is running, and with code 1 if it cannot execute transactions because its ledger cannot
    be written.
    """
    from psyche_cli.operations.localnet.running import status, status_by_file

    if ready_file is not None:
        exclude_rpc(call)
        return status_by_file(call.environment, ready_file)
    return status
