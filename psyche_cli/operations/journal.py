"""The journal of an invocation."""

from __future__ import annotations

from pathlib import Path

from psyche_cli.environment import Environment
from psyche_cli.private_keys import refuse_key_as_path
from psyche_cli.solana.sending.journal import Journal


def open_journal(environment: Environment, folder: Path | None) -> Journal:
    """The journal in ``folder`` (None: the default state folder). Raises UsageError for a key in place of a folder."""
    if folder is not None:
        refuse_key_as_path("--state-dir", folder)
    return Journal(folder or environment.state_folder, environment.clock)
