"""JSON payloads of the verbs of ``history``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from psyche_cli.payload_types import Unsigned


@dataclass(frozen=True)
class ExportedData:
    """A run that was exported to an archive."""

    run_id: str
    genesis_hash: Annotated[str, "The cluster."]
    path: Annotated[str, "The archive."]
    bytes: Annotated[Unsigned, "Its size."]
    sha256: Annotated[str, "Its SHA-256 checksum in hexadecimal."]
    slot: Annotated[Unsigned, "The slot in which the accounts were read."]
    accounts: Annotated[Unsigned, "Accounts that exist."]
    transactions: Annotated[Unsigned, "Transactions with their content."]
    events: Annotated[Unsigned, "Decoded instructions, and calls by programs."]
    gaps: Annotated[Unsigned, "Parts of the history, and single transactions, that no endpoint has returned so far."]
