"""Conversion of a decoded instruction of the coordinator to one of the model, to replay what a run has executed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from psyche_cli.model.instructions import (
    Checkpoint,
    Committee,
    FreeCoordinator,
    HealthCheck,
    Instruction,
    JoinRun,
    SetFutureEpochRates,
    SetPaused,
    Tick,
    Update,
    UpdateClientVersion,
    WarmupWitness,
    Witness,
)
from psyche_cli.protocol.accounts.coordinator_parts import Identity
from psyche_cli.protocol.accounts.coordinator_rounds import BloomFilter, WitnessRecord


def instruction_from_arguments(name: str, given: Mapping[str, Any], *, exact: bool = False) -> Instruction | None:
    """The instruction ``name`` (in snake case) with these arguments in serde shape; None for ``init_coordinator``.

    With ``exact``, the flag of a report of the warmup stays as it is in the instruction and in the account; otherwise
    it is 0 or 1, as the account is decoded.
    """
    match name:
        case "update":
            return Update(given["metadata"], given["config"], given["model"], given["progress"])
        case "update_client_version":
            return UpdateClientVersion(given["new_version"])
        case "set_future_epoch_rates":
            return SetFutureEpochRates(
                given["epoch_earning_rate_total_shared"], given["epoch_slashing_rate_per_client"]
            )
        case "set_paused":
            return SetPaused(given["paused"])
        case "join_run":
            return JoinRun(_identity(given["client_id"]))
        case "tick":
            return Tick()
        case "witness":
            return Witness(_record(given))
        case "warmup_witness":
            # Its flag is not verified, and stored as it is; a stored flag is read as 0 or 1.
            record = _record(given)
            return WarmupWitness(record if exact else replace(record, witness=int(bool(record.witness))))
        case "health_check":
            committee = Committee[_snake_of(given["committee"])]
            return HealthCheck(_identity(given["id"]), committee, given["position"], given["index"])
        case "checkpoint":
            return Checkpoint(given["repo"])
        case "free_coordinator":
            return FreeCoordinator()
    return None


def _snake_of(committee: str) -> str:
    return "TIE_BREAKER" if committee == "TieBreaker" else committee.upper()


def _identity(value: Mapping[str, Any]) -> Identity:
    return Identity(bytes(value["signer"]), value["p2p_identity"])


def _record(given: Mapping[str, Any]) -> WitnessRecord:
    proof = given["proof"]
    participants, broadcasts = (
        BloomFilter(tuple(given[name]["keys"]), tuple(given[name]["bits"]))
        for name in ("participant_bloom", "broadcast_bloom")
    )
    return WitnessRecord(
        position=proof["position"],
        index=proof["index"],
        witness=proof["witness"],
        participant_bloom=participants,
        broadcast_bloom=broadcasts,
        broadcast_merkle=given["broadcast_merkle"]["inner"],
    )
