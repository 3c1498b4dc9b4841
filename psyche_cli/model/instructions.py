"""The coordinator's instructions as immutable objects.

Integers must fit their wire types (u64 indices and positions, u8 bytes, u32 steps) and text must be valid Unicode:
other values cannot be encoded. There is no class for ``init_coordinator``; ``states.initial_state`` is its effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeAlias

from psyche_cli.model.states import PlainTable
from psyche_cli.protocol.accounts.coordinator_parts import Identity
from psyche_cli.protocol.accounts.coordinator_rounds import WitnessRecord


class Committee(IntEnum):
    """A client's role in a round; the values are those on the wire."""

    TIE_BREAKER = 0
    VERIFIER = 1
    TRAINER = 2


@dataclass(frozen=True)
class Update:
    """Owner: replace any of the four tables, each as a whole, in the shape that decoding the account yields."""

    metadata: PlainTable | None = None
    config: Mapping[str, int] | None = None
    model: PlainTable | None = None
    progress: Mapping[str, int] | None = None


@dataclass(frozen=True)
class UpdateClientVersion:
    """Owner: set the version of the training client that the run requires, at most 96 bytes of UTF-8."""

    new_version: str


@dataclass(frozen=True)
class SetFutureEpochRates:
    """Owner: set the rates, in points, from the next epoch on; None leaves a rate unchanged."""

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
    """Any signer: apply the transitions that are due."""


@dataclass(frozen=True)
class Witness:
    """Client: report what was observed in the current round."""

    record: WitnessRecord


@dataclass(frozen=True)
class WarmupWitness:
    """Client: report that the model is loaded."""

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
    """Client: report where the model was uploaded, for example ``{"Hub": {"repo_id": ..., "revision": ...}}``."""

    checkpoint: str | Mapping[str, Any]


@dataclass(frozen=True)
class FreeCoordinator:
    """Owner: close the run and reclaim its rent."""


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
