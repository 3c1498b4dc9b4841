"""``psyche-cli localnet snapshot``."""

from __future__ import annotations

from psyche_cli.cli.sessions import Reading, reads


@reads(example="psyche-cli localnet snapshot", local=True)
def command() -> Reading:
    """Take a snapshot and print its number."""
    from psyche_cli.operations.localnet.control import take_snapshot

    return lambda session: take_snapshot(session)
