"""JSON payloads of ``dashboard``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from psyche_cli.payload_types import Unsigned


@dataclass(frozen=True)
class DashboardReadyData:
    """A dashboard that is ready."""

    url: Annotated[str, "URL of the page."]
    token_file: Annotated[str | None, "The file with the token that the page must be opened with; null without one."]
    pid: Annotated[Unsigned, "Process id of the server."]


@dataclass(frozen=True)
class ExportedDashboardData:
    """A page that was written to a file."""

    run_id: str
    path: str
    size_bytes: Unsigned
    transactions: Annotated[Unsigned, "Transactions in the file, the newest ones of the run."]
    left_out: Annotated[Unsigned, "Older transactions that are not in the file."]
    synced_slot: Annotated[Unsigned | None, "The history is complete up to this slot, except for gaps."]
    reliable: Annotated[bool, "Whether the replay of the history agrees with the ledger and with the account."]
