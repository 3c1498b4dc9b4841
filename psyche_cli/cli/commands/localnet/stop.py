"""``psyche-cli localnet stop``."""

from __future__ import annotations

from psyche_cli.cli.commands.localnet.options import ReadyFile, WaitTimeout, exclude_rpc
from psyche_cli.cli.sessions import Call, Reading, reads
from psyche_cli.results import Result


@reads(example="psyche-cli localnet stop", local=True)
def command(
    call: Call,
    *,
    timeout: WaitTimeout = "60",
    ready_file: ReadyFile = None,
) -> Reading | Result:
    """Stop a running local validator and wait until its ports are free.

    Succeeds if none is running. Exits with code 10 on timeout.
    """
    from psyche_cli.operations.localnet.running import stop, stop_by_file

    if ready_file is not None:
        exclude_rpc(call)
        return stop_by_file(call.environment, ready_file, timeout)
    return lambda session: stop(session, call.environment.clock, timeout)
