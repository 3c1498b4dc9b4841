"""``psyche-cli localnet reset``."""

from __future__ import annotations

from psyche_cli.cli.sessions import Reading, reads


@reads(example="psyche-cli localnet reset", local=True)
def command() -> Reading:
    """Reset the chain to genesis."""
    from psyche_cli.operations.localnet.control import reset

    return lambda session: reset(session)
