"""``psyche-cli localnet wait``."""

from __future__ import annotations

from psyche_cli.cli.commands.localnet.options import ReadyFile, WaitTimeout, exclude_rpc
from psyche_cli.cli.sessions import Call, Reading, reads
from psyche_cli.results import Result


@reads(example="psyche-cli localnet wait --timeout 2m", local=True)
def command(
    call: Call,
    *,
    timeout: WaitTimeout = "60",
    ready_file: ReadyFile = None,
) -> Reading | Result:
    """Wait for a local validator to become ready.

    Exits with code 10 on timeout.
    """
    from psyche_cli.operations.localnet.wait import wait_for_file, wait_until_healthy

    if ready_file is not None:
        exclude_rpc(call)
        return wait_for_file(call.environment, ready_file, timeout)
    return lambda session: wait_until_healthy(session, call.environment.clock, timeout)
