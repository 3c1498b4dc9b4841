"""Operations on a run in compact JSON, and their outcomes in the model.

An operation is ``{"clock": [unix_timestamp, slot], "op": [name, argument, ...]}`` with strings as arguments; its result
is ``"ok"``, an error code or ``"panic"``. The wallet of client N is SHA-256("client-N").
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from psyche_cli.model.bloom import bloom_of, wallet_item
from psyche_cli.model.coordinator_model import apply
from psyche_cli.model.execution import Clock
from psyche_cli.model.instructions import (
    Checkpoint,
    Committee,
    HealthCheck,
    Instruction,
    JoinRun,
    SetFutureEpochRates,
    SetPaused,
    Tick,
    Update,
    WarmupWitness,
    Witness,
)
from psyche_cli.model.outcomes import Outcome
from psyche_cli.model.states import CoordinatorState, initial_state
from psyche_cli.protocol.accounts.coordinator_parts import EpochClient, EpochRates, Identity
from psyche_cli.protocol.accounts.coordinator_rounds import WitnessRecord
from tests.support.config_keys import CONFIG_KEYS

Operation: TypeAlias = dict[str, Any]

OWNER = hashlib.sha256(b"owner").digest()
BLOOM_KEYS = (11, 22, 33, 44, 55, 66, 77, 88)
_CHECKPOINTS = {"dummy": "Dummy", "hub": "Hub", "p2p": "P2P", "gcs": "Gcs", "p2pgcs": "P2PGcs"}
_SHORT_NAMES = {name: short for short, name in _CHECKPOINTS.items()}


def client(number: int | str) -> Identity:
    """Client N."""
    return Identity(hashlib.sha256(f"client-{number}".encode()).digest())


def instruction_of(op: list[str]) -> tuple[Instruction, bytes]:
    """The instruction of an operation, and its signer."""
    name, arguments = op[0], op[1:]
    if name in _OWNERS:
        return _OWNERS[name](arguments), OWNER
    if name == "tick":
        return Tick(), OWNER
    signer = client(arguments[0])
    if name == "join":
        return JoinRun(signer), signer.signer
    if name == "checkpoint":
        return Checkpoint(checkpoint_of(arguments[1])), signer.signer
    if name == "health":
        committee, position, index = (int(argument) for argument in arguments[2:])
        return HealthCheck(client(arguments[1]), Committee(committee), position, index), signer.signer
    position, index, flag = (int(argument) for argument in arguments[1:4])
    record = WitnessRecord(position, index, flag, participants(arguments[4]))
    return (Witness(record) if name == "witness" else WarmupWitness(record)), signer.signer


def participants(numbers: str) -> Any:
    """A participant bloom of the clients ``0,2,5``; ``-`` for none."""
    seen = [] if numbers == "-" else [wallet_item(client(number).signer) for number in numbers.split(",")]
    return bloom_of(BLOOM_KEYS, seen)


def checkpoint_of(text: str) -> str | dict[str, Any]:
    """A checkpoint from its short form, such as ``hub:a/b`` or ``eph``."""
    kind, _, repository = text.partition(":")
    if kind == "eph":
        return "Ephemeral"
    names = ("bucket", "prefix") if kind.endswith("gcs") else ("repo_id", "revision")
    return {_CHECKPOINTS[kind]: dict(zip(names, (repository, None), strict=True))}


def checkpoint_text(checkpoint: str | dict[str, Any]) -> str:
    """The short form of a checkpoint."""
    if isinstance(checkpoint, str):
        return "eph"
    ((name, repository),) = checkpoint.items()
    return f"{_SHORT_NAMES[name]}:{next(iter(repository.values()))}"


def model_of(
    checkpoint: str = "hub:a/b", max_seq_len: int = 128, cold_start: int = 0, optimizer: str = "distro"
) -> Any:
    """A valid model with these changes."""
    distro = {
        "clip_grad_norm": None,
        "weight_decay": None,
        "compression_decay": 0.5,
        "compression_topk": 8,
        "compression_chunk": 64,
        "quantize_1bit": True,
    }
    return {
        "LLM": {
            "max_seq_len": max_seq_len,
            "cold_start_warmup_steps": cold_start,
            "architecture": "HfLlama",
            "checkpoint": checkpoint_of(checkpoint),
            "data_type": "Pretraining",
            "data_location": "Dummy",
            "lr_schedule": {"Constant": {"base_lr": 0.5, "warmup_init_lr": 0.0, "warmup_steps": 0}},
            "optimizer": {"Distro": distro} if optimizer == "distro" else "Dummy",
        }
    }


def _rates(arguments: list[str]) -> Instruction:
    return SetFutureEpochRates(*(None if argument == "-" else int(argument) for argument in arguments))


def _config(arguments: list[str]) -> Instruction:
    return Update(config=dict(zip(CONFIG_KEYS, map(int, arguments), strict=True)))


def _model(arguments: list[str]) -> Instruction:
    checkpoint, max_seq_len, cold_start, optimizer = arguments
    return Update(model=model_of(checkpoint, int(max_seq_len), int(cold_start), optimizer))


def _progress(arguments: list[str]) -> Instruction:
    return Update(progress=dict(zip(("epoch", "step", "epoch_start_data_index"), map(int, arguments), strict=True)))


def _metadata(_: list[str]) -> Instruction:
    return Update(metadata={"name": "n", "description": "d", "num_parameters": 1, "vocab_size": 2})


_OWNERS = {
    "pause": lambda arguments: SetPaused(arguments[0] == "1"),
    "rates": _rates,
    "config": _config,
    "model": _model,
    "progress": _progress,
    "metadata": _metadata,
}


def digest(state: CoordinatorState) -> dict[str, Any]:
    """The mutable parts of a state in compact form. Random seeds are strings, since JSON numbers cannot hold them."""
    epoch = state.epoch
    return {
        "nonce": state.nonce,
        "rs": int(state.run_state),
        "ts": state.run_state_start_timestamp,
        "pp": int(state.pending_pause),
        "prog": [state.progress["epoch"], state.progress["step"], state.progress["epoch_start_data_index"]],
        "head": epoch.rounds_head,
        "ss": epoch.start_step,
        "ls": epoch.last_step,
        "st": epoch.start_timestamp,
        "fr": int(epoch.first_round),
        "cs": int(epoch.cold_start_epoch),
        "clients": _epoch_clients(epoch.clients),
        "exited": _epoch_clients(epoch.exited_clients),
        "rounds": [
            [
                part.data_index,
                str(part.random_seed),
                part.height,
                part.clients_len,
                part.tie_breaker_tasks,
                [[record.position, record.index, int(bool(record.witness))] for record in part.witnesses],
            ]
            for part in epoch.rounds
        ],
        "ck": checkpoint_text(state.model["LLM"]["checkpoint"]),
        "na": state.next_active,
        "cur": _rate_list(state.current_epoch_rates),
        "fut": _rate_list(state.future_epoch_rates),
        "wf": int(state.is_warmup_first_tick),
        "tf": int(state.is_training_first_tick),
        "all": [[part.id.display_id, part.earned, part.slashed, part.active] for part in state.clients],
    }


def _epoch_clients(clients: Iterable[EpochClient]) -> list[list[Any]]:
    return [[part.id.display_id, int(part.state), part.exited_height] for part in clients]


def _rate_list(rates: EpochRates) -> list[int]:
    return [rates.earning_rate_total_shared, rates.slashing_rate_per_client]


def result_of(outcome: Outcome) -> str | int:
    """``"ok"``, an error code or ``"panic"``."""
    if outcome.error is not None:
        return int(outcome.error)
    return "ok" if outcome.abort is None else "panic"


def replay(operations: Iterable[Operation]) -> Iterator[tuple[Operation, Outcome]]:
    """Each operation with the model's outcome, on a new run."""
    state = initial_state("run", "")
    for operation in operations:
        instruction, signer = instruction_of(operation["op"])
        outcome = apply(state, instruction, signer, Clock(*operation["clock"]))
        yield operation, outcome
        state = outcome.state


def fingerprint(outcome: Outcome) -> str:
    """A fingerprint of 8 hex digits of the resulting state and the log."""
    text = json.dumps([digest(outcome.state), outcome.log], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:8]
