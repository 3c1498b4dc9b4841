"""Recorded operations and their outcomes, in the compact form of the golden file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

from psyche_cli.model import instructions as steps
from psyche_cli.model.bloom import bloom_of, wallet_item
from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.accounts.coordinator_parts import EpochClient, Identity
from psyche_cli.protocol.accounts.coordinator_rounds import BloomFilter, WitnessRecord
from tests.support.config_keys import CONFIG_KEYS

from .coordinator_bytes import Table

BLOOM_KEYS = (11, 22, 33, 44, 55, 66, 77, 88)
KINDS = {"eph": "Ephemeral", "dummy": "Dummy", "hub": "Hub", "p2p": "P2P", "gcs": "Gcs", "p2pgcs": "P2PGcs"}
SHORT = {long: short for short, long in KINDS.items()}
ADAMW = {"AdamW": {"betas": [0.5, 0.75], "weight_decay": 0.125, "eps": 0.25, "clip_grad_norm": 1.0}}
DISTRO = {
    "Distro": {
        "clip_grad_norm": None,
        "weight_decay": 0.5,
        "compression_decay": 0.25,
        "compression_topk": 4,
        "compression_chunk": 64,
        "quantize_1bit": True,
    }
}


def client(number: int | str) -> bytes:
    """The wallet of client ``number``."""
    return hashlib.sha256(f"client-{number}".encode()).digest()


def checkpoint_value(short: str) -> str | Table:
    """A checkpoint from its short form, such as ``hub:a/b``, in the form of the model."""
    kind, _, repo = short.partition(":")
    if kind == "eph":
        return "Ephemeral"
    name, detail = ("bucket", "prefix") if kind.endswith("gcs") else ("repo_id", "revision")
    return {KINDS[kind]: {name: repo, detail: None}}


def model_value(
    checkpoint: str, max_seq_len: int, cold_start_warmup_steps: int, optimizer: str | Table = "Dummy"
) -> Table:
    return {
        "LLM": {
            "max_seq_len": max_seq_len,
            "cold_start_warmup_steps": cold_start_warmup_steps,
            "architecture": "HfLlama",
            "checkpoint": checkpoint_value(checkpoint),
            "data_type": "Pretraining",
            "data_location": {"Local": "/data"},
            "lr_schedule": {"Constant": {"base_lr": 0.25, "warmup_init_lr": 0.0, "warmup_steps": 5}},
            "optimizer": optimizer,
        }
    }


@lru_cache(maxsize=4096)
def seen(participants: str) -> BloomFilter:
    """A filter that contains a comma-separated list of client numbers; ``-`` is an empty filter without keys."""
    if participants == "-":
        return BloomFilter()
    numbers = [number for number in participants.split(",") if number]
    return bloom_of(BLOOM_KEYS, [wallet_item(client(number)) for number in numbers])


def _record(position: str, index: str, flag: str, participants: str) -> WitnessRecord:
    return WitnessRecord(int(position), int(index), int(flag), seen(participants))


def _number(word: str) -> int | None:
    return None if word == "-" else int(word)


def parse(op: Sequence[str]) -> tuple[steps.Instruction, bytes]:
    """The instruction of a recorded operation, and its signer (None: the main authority)."""
    name, *words = op
    match name:
        case "tick":
            return steps.Tick(), b""
        case "pause":
            return steps.SetPaused(words[0] == "1"), b""
        case "rates":
            return steps.SetFutureEpochRates(_number(words[0]), _number(words[1])), b""
        case "config":
            return steps.Update(config=dict(zip(CONFIG_KEYS, map(int, words), strict=True))), b""
        case "model":
            optimizer = DISTRO if words[3] == "distro" else "Dummy"
            return steps.Update(model=model_value(words[0], int(words[1]), int(words[2]), optimizer)), b""
        case "progress":
            names = ("epoch", "step", "epoch_start_data_index")
            return steps.Update(progress=dict(zip(names, map(int, words), strict=True))), b""
        case "metadata":
            metadata = {"name": "name", "description": "", "num_parameters": 0, "vocab_size": 0}
            return steps.Update(metadata=metadata), b""
    signer = client(words[0])
    match name:
        case "join":
            return steps.JoinRun(Identity(signer)), signer
        case "checkpoint":
            return steps.Checkpoint(checkpoint_value(words[1])), signer
        case "witness":
            return steps.Witness(_record(*words[1:])), signer
        case "warmup":
            return steps.WarmupWitness(_record(*words[1:])), signer
        case "health":
            committee, position, index = map(int, words[2:])
            return steps.HealthCheck(Identity(client(words[1])), steps.Committee(committee), position, index), signer
    raise ValueError(f"no such operation: {op}")


def _clients(clients: Sequence[EpochClient]) -> list[list[object]]:
    return [[client.id.display_id, int(client.state), client.exited_height] for client in clients]


def _short_checkpoint(checkpoint: str | Table) -> str:
    if isinstance(checkpoint, str):
        return SHORT[checkpoint]
    ((kind, repo),) = checkpoint.items()
    return f"{SHORT[kind]}:{next(iter(repo.values()))}"


def summary(state: CoordinatorState) -> dict[str, object]:
    """The state in the golden file's compact form."""
    epoch, current, future = state.epoch, state.current_epoch_rates, state.future_epoch_rates
    return {
        "rs": int(state.run_state),
        "ts": state.run_state_start_timestamp,
        "pp": int(state.pending_pause),
        "prog": [state.progress[key] for key in ("epoch", "step", "epoch_start_data_index")],
        "head": epoch.rounds_head,
        "ss": epoch.start_step,
        "ls": epoch.last_step,
        "st": epoch.start_timestamp,
        "fr": int(epoch.first_round),
        "cs": int(epoch.cold_start_epoch),
        "clients": _clients(epoch.clients),
        "exited": _clients(epoch.exited_clients),
        "rounds": [
            [
                round_.data_index,
                str(round_.random_seed),
                round_.height,
                round_.clients_len,
                round_.tie_breaker_tasks,
                [[witness.position, witness.index, witness.witness] for witness in round_.witnesses],
            ]
            for round_ in epoch.rounds
        ],
        "ck": _short_checkpoint(state.model["LLM"]["checkpoint"]),
        "na": state.next_active,
        "cur": [current.earning_rate_total_shared, current.slashing_rate_per_client],
        "fut": [future.earning_rate_total_shared, future.slashing_rate_per_client],
        "wf": int(state.is_warmup_first_tick),
        "tf": int(state.is_training_first_tick),
        "all": [[c.id.display_id, c.earned, c.slashed, c.active] for c in state.clients],
    }
