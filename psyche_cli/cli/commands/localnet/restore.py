"""``psyche-cli localnet restore``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import Argument
from psyche_cli.cli.sessions import Reading, reads


@reads(example="psyche-cli localnet restore 1", local=True)
def command(
    *,
    number: Annotated[int, Argument(metavar="NUMBER", help="Number of the snapshot.", min=1)],
) -> Reading:
    """Restore a snapshot."""
    from psyche_cli.operations.localnet.control import restore_snapshot

    return lambda session: restore_snapshot(session, number)
