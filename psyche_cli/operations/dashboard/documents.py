"""The JSON documents of the dashboard, which its server sends to the page and an exported file contains.

Times are Unix seconds by the clock of the cluster. A part that cannot be had is null, and ``problems`` says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from psyche_cli.operations.status.diagnosis.payloads import DiagnosisData
from psyche_cli.operations.status.member_payloads import MemberListData
from psyche_cli.operations.status.show_payloads import ShowData, Time
from psyche_cli.payload_types import Address, Constraint, Unsigned


@dataclass(frozen=True)
class Reading:
    """The progress of reading a history."""

    done: Annotated[Unsigned, "Transactions that were read or, in the second pass, replayed."]
    total: Annotated[Unsigned, "Transactions that are known so far."]


@dataclass(frozen=True)
class ClusterNow:
    """The cluster, and when it was last read."""

    label: Annotated[str, "The host of the endpoint, without path and query, or the file of an archive."]
    genesis_hash: Annotated[str | None, "Null if the endpoint has not responded yet."]
    now: Annotated[Time | None, "The latest time that was read; null before the first one."]
    slot: Annotated[Unsigned | None, "Its slot."]
    read_at: Annotated[float | None, "When it was read, by the clock of this machine."]
    stale: Annotated[str | None, "A sentence if the latest attempt to read failed, so that the document is old."]


@dataclass(frozen=True)
class RunSummary:
    """A run in the list."""

    address: Annotated[Address, "The coordinator instance, which identifies the run in URLs."]
    run_id: str
    name: Annotated[str | None, "The name in its metadata; null if the account cannot be read."]
    state: Annotated[str | None, "Null if the account cannot be read; see problem."]
    epoch: Unsigned | None
    step: Unsigned | None
    total_steps: Unsigned | None
    problem: Annotated[str | None, "Why the account cannot be read."]
    main_authority: Annotated[Address | None, "The wallet that administers the run; null if it does not exist."]
    since: Annotated[Time | None, "When it entered its state. Only of the first 16 runs, as all below."] = None
    members: Annotated[Unsigned | None, "Members of the epoch in progress or, between epochs, that joined."] = None
    funded_epochs: Annotated[Unsigned | None, "Epochs that the vault pays; null without rewards."] = None
    severity: Annotated[
        str | None, Constraint(choices=("note", "warning", "blocking")), "The worst finding; null without any."
    ] = None


@dataclass(frozen=True)
class RunList:
    """The runs of a cluster, or those that were selected."""

    cluster: ClusterNow
    only: Annotated[Address | None, "The run, if the dashboard is about a single one."]
    notes: Annotated[list[str], "Sentences about what could not be read."]
    runs: list[RunSummary]


@dataclass(frozen=True)
class MachineState:
    """A state of runs."""

    name: Annotated[str, "As in ``show.state``."]
    meaning: str


@dataclass(frozen=True)
class MachineDrawing:
    """The state machine of runs."""

    states: list[MachineState]
    transitions: Annotated[
        list[dict[str, str | bool | None]],
        "All transitions between two states: ``from`` and ``to`` are their names, null for the creation and the "
        "removal; ``label`` is what causes them; ``rare`` is whether they occur only in exceptional cases.",
    ]


@dataclass(frozen=True)
class StateSpan:
    """A time that the run spent in a state. All rounds of an epoch are one span of the state Training."""

    state: str
    since: Time
    until: Annotated[Time | None, "Null for the state that the run is in."]


@dataclass(frozen=True)
class EpochRow:
    """An epoch. One that was interrupted by a pause during its warmup begins again with the same number."""

    number: Unsigned
    started: Annotated[Time, "The begin of its warmup."]
    ended: Annotated[Time | None, "Null for the epoch in progress."]
    rounds: Annotated[Unsigned, "Rounds that were completed."]
    members: Annotated[Unsigned, "Members with which it began."]
    members_left: Annotated[Unsigned | None, "Members at its end; null for the epoch in progress."]
    earned: Annotated[Unsigned, "Points that its members earned; base units of the collateral with a treasurer."]
    outcome: Annotated[str | None, "Why it ended, in a few words; null for the epoch in progress."]


@dataclass(frozen=True)
class LeafChange:
    """A value of the configuration that was changed."""

    path: Annotated[str, "A dotted path, such as config.min_clients."]
    before: Annotated[str, "As text; ``none`` if it was absent."]
    after: str


@dataclass(frozen=True)
class ConfigurationChange:
    """A transaction that changed the configuration, the rates or the client version."""

    time: Time
    slot: Unsigned
    signature: str
    by: Address
    sentence: str
    changes: list[LeafChange]


@dataclass(frozen=True)
class Configuration:
    """The configuration of the run, and how it was changed."""

    toml: Annotated[str | None, "As a file for update-config; null if there is none, or it is not valid."]
    changes: Annotated[list[ConfigurationChange] | None, "The newest 200, newest first."]
    changes_total: Unsigned


@dataclass(frozen=True)
class TransactionRow:
    """A transaction in words."""

    id: Annotated[Unsigned, "Number in the order of execution, from 1."]
    time: Annotated[Time | None, "Null if no endpoint knows it."]
    slot: Unsigned
    signature: str
    by: Annotated[str, "The wallet that is responsible for it."]
    role: Annotated[str, "owner, member, treasurer, join authority, or empty."]
    sentence: Annotated[str, "What it did; a sentence per instruction."]
    kind: Annotated[str, "The name of its main instruction."]
    fee: Annotated[Unsigned, "In lamports."]
    error: Annotated[str | None, "Why it failed; null if it succeeded."]


@dataclass(frozen=True)
class TransactionPage:
    """Transactions, newest first."""

    total: Annotated[Unsigned, "The number of those that pass the filter."]
    transactions: list[TransactionRow]


@dataclass(frozen=True)
class LatestTransactions:
    """The newest transactions, newest first."""

    total: Unsigned
    latest: list[TransactionRow]
    kinds: Annotated[list[str], "The kinds that occur, for the filter."]
    left_out: Annotated[Unsigned, "Older ones that an exported file does not contain; 0 from the server."] = 0


@dataclass(frozen=True)
class GapRow:
    """A part of the history that is missing."""

    address: str
    signature: Annotated[str | None, "The transaction whose content is missing; null for a whole part."]
    reason: str


@dataclass(frozen=True)
class HistoryState:
    """How complete and reliable the history is."""

    synced_slot: Annotated[Unsigned | None, "It is complete up to this slot, except for the gaps."]
    gaps: Annotated[list[GapRow], "At most 20."]
    gaps_total: Unsigned
    notes: Annotated[list[str], "Sentences about the history."]
    reliable: Annotated[bool, "Whether the replay agrees with the ledger and with the account."]


@dataclass(frozen=True)
class RunView:
    """Everything about a run except its curves and its older transactions."""

    address: Address
    run_id: str
    cluster: ClusterNow
    show: ShowData | None
    members: MemberListData | None
    explain: DiagnosisData | None
    machine: MachineDrawing
    spans: Annotated[list[StateSpan] | None, "The newest 2,000, oldest first."]
    epochs: Annotated[list[EpochRow] | None, "The newest 1,000, oldest first."]
    configuration: Configuration
    transactions: LatestTransactions | None
    history: HistoryState | None
    reading: Annotated[Reading | None, "Progress while the history is read for the first time."]
    problems: Annotated[dict[str, str], "Why parts are null: a sentence for each."] = field(default_factory=dict)


@dataclass(frozen=True)
class Status:
    """Sent at least every 15 seconds, so that the page can recognize a lost server."""

    connected: Annotated[bool, "Whether the latest attempt to read succeeded."]
    problem: Annotated[str | None, "A sentence if it did not."]
    now: Time | None
    slot: Unsigned | None
    stale: str | None
    synced_slot: Annotated[Unsigned | None, "Null without a run."] = None
    reading: Annotated[Reading | None, "Null unless a history is being read for the first time."] = None


@dataclass(frozen=True)
class Exported:
    """The documents in an exported file. ``version`` is that of psyche-cli."""

    exported_at: Annotated[int, "Unix seconds by the clock of the machine."]
    version: str
    run: RunView
    curves: Annotated[Any, "As from the server; null if there are none."]
    runs: Annotated[None, "An exported file is about one run."] = None
