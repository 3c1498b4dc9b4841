"""Decoding of instruction data: the coordinator calls of an instruction, in the form of the lifecycle model.

The reader follows the programs' IDLs and Borsh's rules: invalid data (truncated data, an unknown tag, a boolean or
option other than 0 or 1, invalid UTF-8, NaN) is error 102. Bytes after the arguments are ignored.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psyche_cli.model import instructions as steps
from psyche_cli.protocol.accounts.coordinator_parts import Identity
from psyche_cli.protocol.accounts.coordinator_rounds import BloomFilter, WitnessRecord

from .chain import discriminator

IDL_FOLDER = Path(__file__).resolve().parents[2] / "idl"
_NUMBERS = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "i32": "<i", "i64": "<q", "f32": "<f", "f64": "<d"}


class NotDecodable(Exception):
    """The arguments are not those of the instruction (error 102)."""


@dataclass(frozen=True)
class InitCoordinator:
    """``init_coordinator``, which corresponds to ``states.initial_state`` in the model."""

    run_id: str
    client_version: str


CoordinatorCall = steps.Instruction | InitCoordinator


@dataclass(frozen=True)
class Call:
    """An instruction of one of the programs: its name, its account names in order, and its arguments."""

    name: str
    accounts: tuple[str, ...]
    arguments: dict[str, Any]


class ProgramReader:
    """Reads the instructions of the program that an IDL describes."""

    def __init__(self, program: str) -> None:
        idl = json.loads((IDL_FOLDER / f"{program}.json").read_text())
        self._types = {entry["name"]: entry["type"] for entry in idl["types"]}
        self._instructions = {discriminator(_snake(entry["name"])): entry for entry in idl["instructions"]}

    def call(self, data: bytes) -> Call:
        """The instruction in ``data``. Raises NotDecodable."""
        entry = self._instructions[data[:8]]
        source = _Source(data[8:])
        accounts = tuple(_snake(account["name"]) for account in entry["accounts"])
        return Call(_snake(entry["name"]), accounts, self._fields(entry["args"], source))

    def _fields(self, fields: list[dict[str, Any]], source: _Source) -> dict[str, Any]:
        return {_snake(field["name"]): self._read(field["type"], source) for field in fields}

    def _read(self, kind: Any, source: _Source) -> Any:
        if isinstance(kind, str):
            return source.simple(kind)
        ((form, inner),) = kind.items()
        if form == "option":
            return self._read(inner, source) if source.boolean() else None
        if form == "array":
            element, count = inner
            if element == "u8":
                return list(source.take(count))
            return [self._read(element, source) for _ in range(count)]
        return self._defined(inner, source)

    def _defined(self, name: str, source: _Source) -> Any:
        if name.startswith("FixedString"):
            return source.fixed_text(int(name.removeprefix("FixedString")))
        definition = self._types[name]
        if definition["kind"] == "struct":
            return self._fields(definition["fields"], source)
        tag = source.simple("u8")
        if tag >= len(definition["variants"]):
            raise NotDecodable(f"{name} has no variant {tag}")
        variant = definition["variants"][tag]
        fields = variant.get("fields")
        if not fields:
            return variant["name"]
        named = isinstance(fields[0], dict) and "name" in fields[0]
        return {variant["name"]: self._fields(fields, source) if named else self._read(fields[0], source)}


class _Source:
    """A sequential reader of bytes."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise NotDecodable("unexpected end of data")
        self._at += count
        return taken

    def boolean(self) -> bool:
        value = self.take(1)[0]
        if value > 1:
            raise NotDecodable(f"{value} is no boolean")
        return value == 1

    def simple(self, kind: str) -> Any:
        if kind == "bool":
            return self.boolean()
        if kind == "publicKey":
            return self.take(32)
        if kind == "string":
            try:
                return self.take(self.simple("u32")).decode()
            except UnicodeDecodeError as error:
                raise NotDecodable("the text is not UTF-8") from error
        form = _NUMBERS[kind]
        (value,) = struct.unpack(form, self.take(struct.calcsize(form)))
        if value != value:
            raise NotDecodable("not a number")
        return value

    def fixed_text(self, size: int) -> str:
        """A fixed string as ``coordinator_bytes`` reads it from the account."""
        return self.take(size).rstrip(b"\0").decode(errors="surrogateescape")


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def coordinator_call(call: Call) -> CoordinatorCall:
    """A coordinator instruction in the form of the model."""
    given = call.arguments
    match call.name:
        case "init_coordinator":
            return InitCoordinator(given["run_id"], given["client_version"])
        case "update":
            return steps.Update(**given)
        case "update_client_version":
            return steps.UpdateClientVersion(given["new_version"])
        case "set_future_epoch_rates":
            return steps.SetFutureEpochRates(
                given["epoch_earning_rate_total_shared"], given["epoch_slashing_rate_per_client"]
            )
        case "set_paused":
            return steps.SetPaused(given["paused"])
        case "join_run":
            return steps.JoinRun(_identity(given["client_id"]))
        case "tick":
            return steps.Tick()
        case "witness":
            return steps.Witness(_record(given))
        case "warmup_witness":
            return steps.WarmupWitness(_record(given))
        case "health_check":
            committee = ("TieBreaker", "Verifier", "Trainer").index(given["committee"])
            return steps.HealthCheck(
                _identity(given["id"]), steps.Committee(committee), given["position"], given["index"]
            )
        case "checkpoint":
            return steps.Checkpoint(given["repo"])
        case "free_coordinator":
            return steps.FreeCoordinator()
    raise ValueError(f"the coordinator has no instruction {call.name}")


def treasurer_calls(call: Call) -> list[CoordinatorCall]:
    """The inner calls of the coordinator by an instruction of the treasurer, in order."""
    if call.name == "run_create":
        return [InitCoordinator(call.arguments["run_id"], call.arguments["client_version"])]
    if call.name != "run_update":
        return []
    given = call.arguments["params"]
    update = steps.Update(given["metadata"], given["config"], given["model"], given["progress"])
    rates = steps.SetFutureEpochRates(given["epoch_earning_rate_total_shared"], given["epoch_slashing_rate_per_client"])
    calls: list[CoordinatorCall] = []
    if update != steps.Update():
        calls.append(update)
    if rates != steps.SetFutureEpochRates():
        calls.append(rates)
    if given["paused"] is not None:
        calls.append(steps.SetPaused(given["paused"]))
    if given["client_version"] is not None:
        calls.append(steps.UpdateClientVersion(given["client_version"]))
    return calls


def _identity(value: dict[str, Any]) -> Identity:
    return Identity(value["signer"], bytes(value["p2p_identity"]))


def _record(given: dict[str, Any]) -> WitnessRecord:
    proof, merkle = given["proof"], given["broadcast_merkle"]
    participants, broadcasts = (
        BloomFilter(tuple(given[name]["keys"]), tuple(given[name]["bits"]))
        for name in ("participant_bloom", "broadcast_bloom")
    )
    return WitnessRecord(
        proof["position"], proof["index"], proof["witness"], participants, broadcasts, bytes(merkle["inner"])
    )
