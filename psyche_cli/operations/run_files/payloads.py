"""JSON payloads of the run-file verbs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from psyche_cli.operations.config.payloads import ChangedValue
from psyche_cli.operations.effects.payloads import SimulatedTransaction
from psyche_cli.payload_types import Address, Unsigned

StepKind: TypeAlias = Literal[
    "pause-old",
    "wait-old",
    "export",
    "recreate",
    "create",
    "authorize",
    "deauthorize",
    "delegate",
    "top-up",
    "set-rates",
    "pause",
    "wait",
    "update",
    "set-step",
    "resume",
]

PLAN_FORMAT = 1
"""Version of plan files."""


@dataclass(frozen=True)
class StepData:
    """A step of a plan. Fees are without priority fees."""

    kind: StepKind
    title: str
    subject: Annotated[Address | None, "The grantee, for a step about an authorization."]
    changes: tuple[ChangedValue, ...]
    waits_for: Annotated[str | None, "What must happen before the next step."]
    transactions: Unsigned
    fee_lamports: Unsigned
    rent_lamports: Annotated[int, "Rent to lock; negative if it is recovered."]
    collateral: Annotated[Unsigned | None, "Base units of collateral that are transferred to the vault."]


@dataclass(frozen=True)
class ObstacleData:
    """A value of the file that the run cannot get, and why."""

    key: str
    message: str


@dataclass(frozen=True)
class MigrationData:
    """The run that a migration replaces, as it was when the plan was made."""

    run_id: str
    coordinator_account: Annotated[Address, "Identifies the run, because its id can be used again once it is closed."]
    treasurer_index: Annotated[Unsigned | None, "The index of its treasurer; null without one."]
    state: Annotated[str | None, "Its state; null if it was closed already."]
    closes: Annotated[bool, "Whether it is closed; false if it cannot be, because of its treasurer or layout."]
    recovered_lamports: Annotated[Unsigned, "What closing it recovers."]
    members: Annotated[Unsigned, "The wallets that ever joined it."]
    lost_points: Annotated[Unsigned, "Points of its members that are lost when it is closed."]
    continues: Annotated[bool, "Whether the first step and the checkpoint follow it until it is paused."]
    export: Annotated[str, "The folder that it is exported to."]
    file: Annotated[str, "The run file of the new run."]
    changes: Annotated[tuple[ChangedValue, ...], "How the new run differs from it; amounts in whole tokens."]


@dataclass(frozen=True)
class PlanData:
    """What would make a run match its file, in order."""

    format: Annotated[int, "Version of the format of plan files."]
    run_id: str
    genesis_hash: Annotated[str, "The cluster that the plan is for."]
    wallet: Annotated[Address, "The key that would sign."]
    steps: tuple[StepData, ...]
    obstacles: tuple[ObstacleData, ...]
    transactions: Unsigned
    fee_lamports: Unsigned
    rent_lamports: int
    collateral: Annotated[Unsigned, "Base units of collateral that are transferred in all."]
    decimals: Annotated[Unsigned, "Decimal places of the collateral."]
    state: Annotated[str, "The state of the run: absent, unstarted, running, pausing, paused or finished."]
    ground: Annotated[Mapping[str, object], "The values on which the plan is based, by key."]
    received: Annotated[Unsigned | None, "What the vault had ever received, in base units; null without a treasurer."]
    run_file: Annotated[str, "The run file with its configuration, as TOML."]
    migration: Annotated[MigrationData | None, "The run that is replaced; null if the plan is no migration."]
    digest: Annotated[str, "SHA-256 of everything else in the plan, in hexadecimal."]


@dataclass(frozen=True)
class DoneStep:
    """A step that was done."""

    kind: StepKind
    title: str
    subject: Annotated[Address | None, "The grantee, for a step about an authorization."]
    signatures: tuple[str, ...]


@dataclass(frozen=True)
class PauseProgress:
    """A wait for a pause. After ``limit``, with --on-timeout resume, the run is resumed once it is Paused."""

    state: Annotated[str, "The state of the run."]
    step: Unsigned
    seconds: Annotated[Unsigned, "How long it has lasted."]
    limit: Annotated[Unsigned, "How long it lasts at most, in seconds: --wait."]


@dataclass(frozen=True)
class ProgressData:
    """An event of an apply that has not ended, on a line of its own. Its transactions are those of the step."""

    run_id: str
    finished: Annotated[bool, "Always false; only the last line, which is the result, has true."]
    event: Annotated[
        Literal["begun", "waiting", "done"],
        "begun: the step begins. waiting: it waits for a pause, every ten seconds. done: it is done.",
    ]
    number: Annotated[Unsigned, "The number of the step in the plan that was confirmed, from 1."]
    count: Annotated[Unsigned, "The number of steps of this plan. Those that turn out to be done have no events."]
    kind: StepKind
    title: str
    subject: Annotated[Address | None, "The grantee, for a step about an authorization."]
    waiting: Annotated[PauseProgress | None, "Null unless the event is waiting."]


@dataclass(frozen=True)
class AppliedData:
    """A run that matches its file."""

    run_id: str
    already_so: Annotated[bool, "Whether the run was already as the file describes it, so nothing was sent."]
    finished: Annotated[bool, "Always true: nothing is left to do."]
    steps: Annotated[tuple[DoneStep, ...], "What was done now, in order; not what an earlier process had done."]


@dataclass(frozen=True)
class DryAppliedData:
    """What apply would do. Nothing was signed or sent."""

    run_id: str
    dry_run: Annotated[bool, "Always true."]
    steps: tuple[StepData, ...]
    transactions: Annotated[
        list[SimulatedTransaction], "Those that depend on an earlier step are listed, but not simulated."
    ]


@dataclass(frozen=True)
class ChangedBy:
    """The latest event of a run that changed a value, from its history."""

    by: Annotated[Address, "The wallet that is responsible for it."]
    role: Annotated[str, "Its role in the run: owner, member, treasurer, join authority; empty for another wallet."]
    signature: str
    slot: Unsigned
    time: Annotated[int | None, "Unix time in seconds; null if the endpoint does not know it."]


@dataclass(frozen=True)
class DriftedValue:
    """A value of a run that is not as its file says."""

    key: str
    run: Annotated[object, "The value of the run; amounts in base units."]
    file: Annotated[object, "The value in the file; amounts in base units."]
    changed_by: Annotated[ChangedBy | None, "Null if the history of the run was never read, or does not tell."]


@dataclass(frozen=True)
class ComparisonError:
    """Why a file could not be compared with its run."""

    code: Annotated[str, "The code of the error, as in docs/errors.md."]
    message: str
    problems: Annotated[tuple[str, ...], "What is wrong with the file."]


@dataclass(frozen=True)
class DriftedFile:
    """A run file, and how its run differs from it."""

    path: str
    run_id: Annotated[str | None, "Null if the file cannot be read."]
    error: Annotated[ComparisonError | None, "Null if the file was compared."]
    as_written: Annotated[bool, "Whether the run is as the file says; false if it could not be compared."]
    has_history: Annotated[bool, "Whether the history of the run was read before, so that changes have authors."]
    different: tuple[DriftedValue, ...]


@dataclass(frozen=True)
class DriftData:
    """Run files, and how their runs differ from them."""

    files: tuple[DriftedFile, ...]
