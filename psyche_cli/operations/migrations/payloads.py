"""JSON payloads of rehearsed migrations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from psyche_cli.operations.localnet.play_payloads import PlayedMember
from psyche_cli.operations.run_files.payloads import StepKind
from psyche_cli.payload_types import Unsigned


@dataclass(frozen=True)
class RehearsedStep:
    """A step that was done in the rehearsal."""

    kind: StepKind
    title: str
    transactions: Unsigned
    planned_lamports: Annotated[int, "The fees and the rent of the plan; negative if it recovers more."]
    lamports: Annotated[int, "What the wallet has paid."]


@dataclass(frozen=True)
class RehearsedEpoch:
    """The epoch that simulated members have played in the new run."""

    first_step: Annotated[Unsigned, "The step at which the run was started."]
    last_step: Unsigned
    rounds: Unsigned
    seconds: Annotated[Unsigned, "The cluster's time that it took."]
    earning_rate: Annotated[Unsigned, "Points per epoch, which are base units of the collateral."]
    decimals: Unsigned
    members: tuple[PlayedMember, ...]


@dataclass(frozen=True)
class RehearsedMigration:
    """A migration that was carried out on a local validator, and the new run after it."""

    run_id: Annotated[str, "The id of the new run."]
    old_run_id: str
    slot: Annotated[Unsigned, "The slot of the accounts that were copied."]
    stand_in_key: Annotated[bool, "Whether a new key has taken the place of the owner, whose key is not here."]
    steps: tuple[RehearsedStep, ...]
    planned_lamports: int
    lamports: int
    epoch: Annotated[RehearsedEpoch | None, "Null for a run without a configuration, which cannot be started."]
    differences: Annotated[tuple[str, ...], "What was not as planned, as sentences; empty if the rehearsal succeeded."]
