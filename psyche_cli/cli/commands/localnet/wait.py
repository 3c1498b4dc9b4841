"""``psyche-cli localnet wait``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import option
from psyche_cli.cli.sessions import Call, Reading, reads


@reads(example="psyche-cli localnet wait --timeout 2m", local=True)
def command(
    call: Call,
    *,
    timeout: Annotated[
        str,
        option("--timeout", metavar="DURATION", help="Maximum time to wait: seconds, or a duration such as 90s or 2m."),
    ] = "60",
) -> Reading:
    """Wait for a local validator to become ready.

    Exits with code 10 on timeout.
    """
    from psyche_cli.operations.localnet.wait import wait_until_healthy

    return lambda session: wait_until_healthy(session, call.environment.clock, timeout)
