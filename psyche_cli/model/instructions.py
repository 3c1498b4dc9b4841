"""The coordinator's instructions as values.

Integers must fit the wire's types (u64 indices and positions, u8 bytes, u32 steps) and texts be valid Unicode: what
could not be encoded never reaches the program. ``init_coordinator`` is ``states.initial_state``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeAlias

from psyche_cli.model.states import PlainTable
from psyche_cli.protocol.accounts.coordinator_parts import Identity, WitnessRecord


class Committee(IntEnum):
    """What a client does in a round; the value is the wire's."""

    TIE_BREAKER = 0
    VERIFIER = 1
    TRAINER = 2


@dataclass(frozen=True)
class Update:
    """Owner: replace any of the four tables, each as a whole, given in the shape in which the account decodes."""

    metadata: PlainTable | None = None
    config: Mapping[str, int] | None = None
    model: PlainTable | None = None
    progress: Mapping[str, int] | None = None


@dataclass(frozen=True)
class UpdateClientVersion:
    """Owner: the version of the training client that the run demands, at most 96 bytes of UTF-8."""

    new_version: str


@dataclass(frozen=True)
class SetFutureEpochRates:
    """Owner: the rates, in points, from the next epoch on; None leaves one as it is."""

    earning_rate_total_shared: int | None = None
    slashing_rate_per_client: int | None = None


@dataclass(frozen=True)
class SetPaused:
    """Owner: pause (True) or resume (False)."""

    paused: bool


@dataclass(frozen=True)
class JoinRun:
    """Client: take part in the next epoch."""

    client_id: Identity


@dataclass(frozen=True)
class Tick:
    """Anybody: let time take effect."""


@dataclass(frozen=True)
class Witness:
    """Client: what was seen in the round under way."""

    record: WitnessRecord


@dataclass(frozen=True)
class WarmupWitness:
    """Client: the model is loaded."""

    record: WitnessRecord


@dataclass(frozen=True)
class HealthCheck:
    """Client: report that ``accused``, at ``index`` of the previous round, was absent from it."""

    accused: Identity
    committee: Committee
    position: int
    index: int


@dataclass(frozen=True)
class Checkpoint:
    """Client: where the model was uploaded to, as ``{"Hub": {"repo_id": ..., "revision": ...}}`` and the like."""

    checkpoint: str | Mapping[str, Any]


@dataclass(frozen=True)
class FreeCoordinator:
    """Owner: close the run and take the rent back."""


Instruction: TypeAlias = (
    Update
    | UpdateClientVersion
    | SetFutureEpochRates
    | SetPaused
    | JoinRun
    | Tick
    | Witness
    | WarmupWitness
    | HealthCheck
    | Checkpoint
    | FreeCoordinator
)
