"""JSON payloads of the verbs of ``history``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from psyche_cli.operations.observe.payloads import RunDump
from psyche_cli.operations.status.show_payloads import ShowData
from psyche_cli.payload_types import JsonShape, Unsigned

_OBJECT: Final = JsonShape({"type": "object"})


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


@dataclass(frozen=True)
class HistoryEntry:
    """An event: an instruction of a transaction, or a call by a program, and what it did."""

    slot: Unsigned
    position: Annotated[Unsigned, "Place among the transactions of the run in the slot, from 0."]
    instruction: Annotated[Unsigned, "Index of the instruction in the transaction."]
    inner_call: Annotated[Unsigned, "0 for the instruction itself, else the number of the call that it led to."]
    time: Annotated[int | None, "Unix time in seconds; null if the endpoint does not know it."]
    signature: str
    commitment: Annotated[str, "confirmed or finalized."]
    incarnation: Annotated[Unsigned | None, "Which life of the run id, from 1; null outside of them."]
    by: Annotated[str, "The wallet that is responsible for it."]
    role: Annotated[str, "Its role in the run: owner, member, treasurer, join authority; empty for another wallet."]
    program: str
    kind: Annotated[str, "Name of the instruction."]
    sentence: Annotated[str, "Who did what, and with what effect."]
    outcome: Annotated[str, "done, failed, undone or not_run."]
    error: Annotated[str | None, "Why the transaction failed, of the instruction that failed."]
    fee_lamports: Annotated[Unsigned, "Fee of the whole transaction."]
    signers: list[str]
    accounts: Annotated[Mapping[str, str], "Addresses by role."]
    arguments: Annotated[Mapping[str, object], _OBJECT, "In the form of json-dump-run."]
    is_reliable: Annotated[bool, "Whether the ledger and the replay have agreed so far."]
    problems: Annotated[list[str], "In what they disagree about this event."]


@dataclass(frozen=True)
class IncarnationData:
    """One life of the run id, from its creation until it is closed."""

    number: Unsigned
    coordinator_account: str
    created_by: Annotated[str | None, "Signature; null if the creation is in a gap."]
    created_slot: Unsigned | None
    closed_by: Annotated[str | None, "Signature; null for a run that exists."]
    closed_slot: Unsigned | None


@dataclass(frozen=True)
class GapData:
    """A part of the history that no endpoint has returned so far."""

    address: Annotated[str, "The address whose transactions are missing."]
    after_signature: Annotated[str | None, "Those after this one are missing; null: from the beginning of the chain."]
    before_signature: Annotated[str | None, "Those before this one are missing; null: up to the newest."]
    signature: Annotated[str | None, "A single transaction whose content is missing."]
    reason: str


@dataclass(frozen=True)
class DifferenceData:
    """A value of the run as it is now that differs from the replayed one."""

    path: str
    sentence: str


@dataclass(frozen=True)
class HistoryFacts:
    """What a history covers, and how far it can be relied on."""

    run_id: str
    genesis_hash: Annotated[str, "The cluster."]
    synced_slot: Annotated[Unsigned | None, "The slot up to which it is complete, except for the gaps."]
    transactions: Annotated[Unsigned, "Transactions with their content."]
    incarnations: list[IncarnationData]
    gaps: Annotated[list[GapData], "At most 100."]
    differences: Annotated[list[DifferenceData], "Between the replayed run and the run as it is now."]
    notes: Annotated[list[str], "What else is to be known about the history."]


@dataclass(frozen=True)
class HistoryData:
    """The latest events of a history that pass the filters, the oldest first."""

    history: HistoryFacts
    matching: Annotated[Unsigned, "Events that pass the filters. Only the latest ones are listed."]
    events: list[HistoryEntry]


@dataclass(frozen=True)
class HistoryFileData:
    """Events that were written to a file."""

    history: HistoryFacts
    path: str
    format: Annotated[Literal["jsonl", "csv", "parquet"], "Format of the file."]
    events: Annotated[Unsigned, "Rows of the file."]


@dataclass(frozen=True)
class PastRunData:
    """A run as it was."""

    slot: Annotated[Unsigned, "Slot of the latest transaction until then."]
    time: Annotated[int, "Its Unix time in seconds."]
    signature: Annotated[str, "Its signature."]
    incarnation: Unsigned
    is_reliable: Annotated[bool, "Whether the ledger and the replay have agreed so far."]
    problems: Annotated[list[str], "In what they disagree."]
    show: Annotated[ShowData, "As show would have printed it."]
    dump: Annotated[RunDump, "As json-dump-run would have printed it."]
