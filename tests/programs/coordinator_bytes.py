"""Conversion of the coordinator account's bytes to a state of the model, and of the model's instructions to bytes.

Offsets and encodings are duplicated here, independently of the package's decoder and of the C structures.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.model import instructions as steps
from psyche_cli.model.states import CoordinatorState, EpochState
from psyche_cli.protocol.accounts.coordinator_parts import EpochClient, EpochRates, Identity, PendingClient
from psyche_cli.protocol.accounts.coordinator_rounds import BloomFilter, Round, WitnessRecord
from psyche_cli.protocol.run_states import ClientState, RunState
from tests.support.config_keys import CONFIG_KEYS

from .chain import COORDINATOR, fixed, instruction, meta, option

Table = Mapping[str, Any]

CONFIG = struct.Struct("<6QI5HBB")
ARCHITECTURES = ("HfLlama", "HfDeepseek", "HfAuto", "Torchtitan")
CHECKPOINTS = ("Ephemeral", "Dummy", "Hub", "P2P", "Gcs", "P2PGcs")
DATA_TYPES = ("Pretraining", "Finetuning")
DATA_LOCATIONS = ("Dummy", "Server", "Local", "Http", "WeightedHttp", "Preprocessed")
HTTP_LOCATIONS = ("SingleUrl", "NumberedFiles", "Gcp")
TOKEN_SIZES = ("TwoBytes", "FourBytes")
SCHEDULES = {
    "Constant": ("dd", "I", ("base_lr", "warmup_init_lr", "warmup_steps")),
    "Linear": ("ddd", "II", ("base_lr", "warmup_init_lr", "final_lr", "warmup_steps", "total_steps")),
    "Cosine": ("ddd", "II", ("base_lr", "warmup_init_lr", "final_lr", "warmup_steps", "total_steps")),
    "WarmupStableDecay": (
        "dddd",
        "IIII",
        (
            "base_lr",
            "warmup_init_lr",
            "cosine_decay_final_lr",
            "linear_decay_final_lr",
            "warmup_steps",
            "stable_steps",
            "cosine_decay_steps",
            "linear_decay_steps",
        ),
    ),
}
OPTIMIZERS = ("Dummy", "AdamW", "Distro")


def u64(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 8], "little")


def u32(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "little")


def u16(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 2], "little")


def f32(data: bytes, offset: int) -> float:
    value: float = struct.unpack_from("<f", data, offset)[0]
    return value


def text(data: bytes, offset: int, size: int) -> str:
    return data[offset : offset + size].rstrip(b"\0").decode(errors="surrogateescape")


# --- the account -----------------------------------------------------------------------------------------------------


def decode(data: bytes) -> CoordinatorState:
    """The run in a coordinator account of 119,160 bytes."""
    return CoordinatorState(
        run_id=text(data, 376, 32),
        client_version=text(data, 119050, 96),
        metadata={
            "name": text(data, 16, 64),
            "description": text(data, 80, 280),
            "num_parameters": u64(data, 360),
            "vocab_size": u64(data, 368),
        },
        config=dict(zip(CONFIG_KEYS, CONFIG.unpack_from(data, 968), strict=True)),
        model={"LLM": _llm(data)},
        progress={"epoch": u16(data, 1032), "step": u32(data, 1036), "epoch_start_data_index": u64(data, 1040)},
        run_state=RunState(data[408]),
        run_state_start_timestamp=u64(data, 94408),
        pending_pause=bool(data[94416]),
        epoch=EpochState(
            rounds=tuple(_round(data, 1048 + 14112 * index) for index in range(4)),
            rounds_head=u32(data, 94376),
            clients=_epoch_clients(data, 57496),
            exited_clients=_epoch_clients(data, 75936),
            start_step=u32(data, 94380),
            last_step=u32(data, 94384),
            start_timestamp=u64(data, 94392),
            first_round=bool(data[94400]),
            cold_start_epoch=bool(data[94401]),
        ),
        clients=tuple(_pending_client(data, 94424 + 96 * index) for index in range(u64(data, 119000))),
        next_active=u64(data, 119008),
        current_epoch_rates=EpochRates(u64(data, 119016), u64(data, 119024)),
        future_epoch_rates=EpochRates(u64(data, 119032), u64(data, 119040)),
        is_warmup_first_tick=bool(data[119048]),
        is_training_first_tick=bool(data[119049]),
        nonce=u64(data, 119152),
    )


def _llm(data: bytes) -> Table:
    return {
        "max_seq_len": u32(data, 424),
        "cold_start_warmup_steps": u32(data, 428),
        "architecture": ARCHITECTURES[u32(data, 432)],
        "checkpoint": _checkpoint(data),
        "data_type": DATA_TYPES[u32(data, 572)],
        "data_location": _data_location(data),
        "lr_schedule": _schedule(data),
        "optimizer": _optimizer(data),
    }


def _repo_keys(checkpoint_kind: str) -> tuple[str, str]:
    return ("bucket", "prefix") if checkpoint_kind.endswith("Gcs") else ("repo_id", "revision")


def _checkpoint(data: bytes) -> str | Table:
    kind = CHECKPOINTS[u32(data, 436)]
    if kind == "Ephemeral":
        return kind
    name, detail = _repo_keys(kind)
    return {kind: {name: text(data, 505, 64), detail: text(data, 441, 64) if data[440] else None}}


def _data_location(data: bytes) -> str | Table:
    kind = DATA_LOCATIONS[u32(data, 576)]
    if kind == "Dummy":
        return kind
    if kind != "Http":
        return {kind: text(data, 580, 64 if kind == "Server" else 192)}
    shuffle: str | Table = {"Seeded": list(data[848:880])} if u32(data, 844) else "DontShuffle"
    location = _http_location(data)
    return {"Http": {"location": location, "token_size_in_bytes": TOKEN_SIZES[u32(data, 840)], "shuffle": shuffle}}


def _http_location(data: bytes) -> Table:
    kind = HTTP_LOCATIONS[u32(data, 580)]
    if kind == "SingleUrl":
        return {kind: text(data, 584, 192)}
    if kind == "Gcp":
        return {kind: {"bucket_name": text(data, 584, 64), "filter_directory": text(data, 648, 192)}}
    numbers = {"start_index": u32(data, 648), "n_left_pad_zeros": data[652], "num_files": u32(data, 656)}
    return {kind: {"url_template": text(data, 584, 64), **numbers}}


def _schedule(data: bytes) -> Table:
    kind = list(SCHEDULES)[u32(data, 880)]
    rates, counts, names = SCHEDULES[kind]
    return {kind: dict(zip(names, struct.unpack_from(f"<{rates}{counts}", data, 888), strict=True))}


def _optional_float(data: bytes, offset: int) -> float | None:
    return f32(data, offset + 4) if u32(data, offset) else None


def _optimizer(data: bytes) -> str | Table:
    kind = OPTIMIZERS[u32(data, 936)]
    if kind == "Dummy":
        return kind
    if kind == "AdamW":
        values = {"betas": [f32(data, 940), f32(data, 944)], "weight_decay": f32(data, 948), "eps": f32(data, 952)}
        return {kind: {**values, "clip_grad_norm": _optional_float(data, 956)}}
    return {
        kind: {
            "clip_grad_norm": _optional_float(data, 940),
            "weight_decay": _optional_float(data, 948),
            "compression_decay": f32(data, 956),
            "compression_topk": u16(data, 960),
            "compression_chunk": u16(data, 962),
            "quantize_1bit": bool(data[964]),
        }
    }


def _bloom(data: bytes, offset: int) -> BloomFilter:
    numbers = struct.unpack_from("<24Q", data, offset)
    return BloomFilter(numbers[:8], numbers[8:])


def _round(data: bytes, offset: int) -> Round:
    starts = (offset + 440 * index for index in range(u64(data, offset + 14080)))
    return Round(
        data_index=u64(data, offset + 14088),
        random_seed=u64(data, offset + 14096),
        height=u32(data, offset + 14104),
        clients_len=u16(data, offset + 14108),
        tie_breaker_tasks=u16(data, offset + 14110),
        witnesses=tuple(
            WitnessRecord(
                position=u64(data, at),
                index=u64(data, at + 8),
                witness=data[at + 16],
                participant_bloom=_bloom(data, at + 24),
                broadcast_bloom=_bloom(data, at + 216),
                broadcast_merkle=data[at + 408 : at + 440],
            )
            for at in starts
        ),
    )


def _identity(data: bytes, at: int) -> Identity:
    return Identity(data[at : at + 32], data[at + 32 : at + 64])


def _epoch_clients(data: bytes, offset: int) -> tuple[EpochClient, ...]:
    starts = (offset + 72 * index for index in range(u64(data, offset + 18432)))
    return tuple(EpochClient(_identity(data, at), ClientState(data[at + 64]), u32(data, at + 68)) for at in starts)


def _pending_client(data: bytes, at: int) -> PendingClient:
    return PendingClient(_identity(data, at), u64(data, at + 72), u64(data, at + 80), u64(data, at + 88))


# --- arguments -------------------------------------------------------------------------------------------------------


def config_bytes(config: Mapping[str, int]) -> bytes:
    return CONFIG.pack(*(config[key] for key in CONFIG_KEYS))


def checkpoint_bytes(checkpoint: str | Table) -> bytes:
    if isinstance(checkpoint, str):
        return bytes([CHECKPOINTS.index(checkpoint)])
    ((kind, repo),) = checkpoint.items()
    name, detail = (repo[key] for key in _repo_keys(kind))
    return bytes([CHECKPOINTS.index(kind)]) + fixed(name, 64) + option(None if detail is None else fixed(detail, 64))


def data_location_bytes(location: str | Table) -> bytes:
    if isinstance(location, str):
        return bytes([DATA_LOCATIONS.index(location)])
    ((kind, value),) = location.items()
    tag = bytes([DATA_LOCATIONS.index(kind)])
    if kind != "Http":
        return tag + fixed(value, 64 if kind == "Server" else 192)
    token_size = bytes([TOKEN_SIZES.index(value["token_size_in_bytes"])])
    shuffle = value["shuffle"]
    seed = b"\0" if shuffle == "DontShuffle" else b"\1" + bytes(shuffle["Seeded"])
    return tag + _http_location_bytes(value["location"]) + token_size + seed


def _http_location_bytes(location: Table) -> bytes:
    ((kind, value),) = location.items()
    tag = bytes([HTTP_LOCATIONS.index(kind)])
    if kind == "SingleUrl":
        return tag + fixed(value, 192)
    if kind == "Gcp":
        return tag + fixed(value["bucket_name"], 64) + fixed(value["filter_directory"], 192)
    numbers = struct.pack("<IBI", value["start_index"], value["n_left_pad_zeros"], value["num_files"])
    return tag + fixed(value["url_template"], 64) + numbers


def schedule_bytes(schedule: Table) -> bytes:
    ((kind, values),) = schedule.items()
    rates, counts, names = SCHEDULES[kind]
    return bytes([list(SCHEDULES).index(kind)]) + struct.pack(f"<{rates}{counts}", *(values[name] for name in names))


def _optional_float_bytes(value: float | None) -> bytes:
    return option(None if value is None else struct.pack("<f", value))


def optimizer_bytes(optimizer: str | Table) -> bytes:
    if isinstance(optimizer, str):
        return bytes([OPTIMIZERS.index(optimizer)])
    ((kind, values),) = optimizer.items()
    tag, clip = bytes([OPTIMIZERS.index(kind)]), _optional_float_bytes(values["clip_grad_norm"])
    if kind == "AdamW":
        return tag + struct.pack("<4f", *values["betas"], values["weight_decay"], values["eps"]) + clip
    decay = _optional_float_bytes(values["weight_decay"])
    compression = [values[f"compression_{name}"] for name in ("decay", "topk", "chunk")]
    return tag + clip + decay + struct.pack("<fHHB", *compression, values["quantize_1bit"])


def model_bytes(model: Table) -> bytes:
    llm = model["LLM"]
    return (
        struct.pack("<BII", 0, llm["max_seq_len"], llm["cold_start_warmup_steps"])
        + bytes([ARCHITECTURES.index(llm["architecture"])])
        + checkpoint_bytes(llm["checkpoint"])
        + bytes([DATA_TYPES.index(llm["data_type"])])
        + data_location_bytes(llm["data_location"])
        + schedule_bytes(llm["lr_schedule"])
        + optimizer_bytes(llm["optimizer"])
    )


def metadata_bytes(metadata: Table) -> bytes:
    numbers = struct.pack("<QQ", metadata["num_parameters"], metadata["vocab_size"])
    return fixed(metadata["name"], 64) + fixed(metadata["description"], 280) + numbers


def progress_bytes(progress: Mapping[str, int]) -> bytes:
    return struct.pack("<HIQ", progress["epoch"], progress["step"], progress["epoch_start_data_index"])


def update_arguments(update: steps.Update) -> bytes:
    return (
        option(None if update.metadata is None else metadata_bytes(update.metadata))
        + option(None if update.config is None else config_bytes(update.config))
        + option(None if update.model is None else model_bytes(update.model))
        + option(None if update.progress is None else progress_bytes(update.progress))
    )


def rate_arguments(rates: steps.SetFutureEpochRates) -> bytes:
    values = (rates.earning_rate_total_shared, rates.slashing_rate_per_client)
    return b"".join(option(None if value is None else struct.pack("<Q", value)) for value in values)


def witness_bytes(record: WitnessRecord) -> bytes:
    proof = struct.pack("<QQB", record.position, record.index, record.witness)
    blooms = (record.participant_bloom, record.broadcast_bloom)
    return proof + b"".join(struct.pack("<24Q", *bloom.keys, *bloom.bits) for bloom in blooms) + record.broadcast_merkle


EMPTY_WITNESS_METADATA = bytes(389)


def name_and_arguments(step: steps.Instruction) -> tuple[str, bytes]:
    """The instruction's name in the program, and its Borsh arguments."""
    match step:
        case steps.Update():
            return "update", update_arguments(step)
        case steps.UpdateClientVersion():
            version = step.new_version.encode()
            return "update_client_version", struct.pack("<I", len(version)) + version
        case steps.SetFutureEpochRates():
            return "set_future_epoch_rates", rate_arguments(step)
        case steps.SetPaused():
            return "set_paused", bytes([step.paused])
        case steps.JoinRun():
            return "join_run", step.client_id.signer + step.client_id.p2p_identity
        case steps.Tick():
            return "tick", b""
        case steps.Witness():
            return "witness", witness_bytes(step.record) + EMPTY_WITNESS_METADATA
        case steps.WarmupWitness():
            return "warmup_witness", witness_bytes(step.record)
        case steps.HealthCheck():
            accused = step.accused.signer + step.accused.p2p_identity
            return "health_check", accused + struct.pack("<BQQ", step.committee, step.position, step.index)
        case steps.Checkpoint():
            return "checkpoint", checkpoint_bytes(step.checkpoint)
        case steps.FreeCoordinator():
            return "free_coordinator", b""


@dataclass(frozen=True)
class RunAccounts:
    """The accounts of the instructions of one run."""

    authority: Pubkey
    authorization: Pubkey
    instance: Pubkey
    account: Pubkey

    def encode(self, step: steps.Instruction, signer: Pubkey) -> Instruction:
        """``step`` as an instruction signed by ``signer``."""
        name, arguments = name_and_arguments(step)
        accounts = [meta(signer, "s"), meta(self.instance), meta(self.account, "w")]
        if isinstance(step, steps.JoinRun):
            accounts.insert(1, meta(self.authorization))
        if isinstance(step, steps.FreeCoordinator):
            accounts = [accounts[0], meta(self.authority, "w"), meta(self.instance, "w"), accounts[2]]
        return instruction(COORDINATOR, name, accounts, arguments)
