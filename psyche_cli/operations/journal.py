"""The journal of an invocation, and the run ids in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from psyche_cli.environment import Environment
from psyche_cli.private_keys import refuse_key_as_path
from psyche_cli.solana.sending.journal import FILE_NAME, Journal

_MOST_RUN_IDS: Final = 100
_PATIENCE_SECONDS: Final = 0.2
"""How long a completion waits for a process that is writing to the journal."""


def open_journal(environment: Environment, folder: Path | None) -> Journal:
    """The journal in ``folder`` (None: the default state folder). Raises UsageError for a key in place of a folder."""
    if folder is not None:
        refuse_key_as_path("--state-dir", folder)
    return Journal(folder or environment.state_folder, environment.clock)


def known_run_ids(folder: Path) -> list[str]:
    """The ids of the runs in the journal in ``folder``, latest first; those that cannot be shown on a line are omitted.

    For shell completion: does not check the journal, and returns an empty list if it cannot be read.
    """
    query = (
        "SELECT run_id FROM transactions WHERE run_id IS NOT NULL GROUP BY run_id "
        f"ORDER BY max(recorded_at) DESC, run_id LIMIT {_MOST_RUN_IDS}"
    )
    with suppress(sqlite3.Error, OSError, ValueError):
        uri = f"{(folder / FILE_NAME).absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=_PATIENCE_SECONDS)) as connection:
            return [str(run_id) for (run_id,) in connection.execute(query) if str(run_id).isprintable()]
    return []
