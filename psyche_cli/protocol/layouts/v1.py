"""The coordinator account, version 1: an 8-byte discriminator and this memory image of 119,152 bytes.

The program casts the account to its ``repr(C)`` structures, which are mirrored below: fields in declaration order at
their natural alignment (as in ctypes without ``_pack_``), little-endian.
"""

from __future__ import annotations

from ctypes import LittleEndianStructure, c_uint8, c_uint16, c_uint32, c_uint64

from psyche_cli.limits import MAX_CLIENTS, MAX_WITNESSES, STORED_ROUNDS
from psyche_cli.protocol.layouts.kinds import (
    Bytes32,
    FixedVec,
    SmallBoolean,
    TagOnly,
    Text32,
    Text64,
    Text96,
    Text280,
)
from psyche_cli.protocol.layouts.v1_model import Model
from psyche_cli.protocol.run_states import ClientState, RunState

COORDINATOR_ACCOUNT_VERSION = 1


class RunStateTag(TagOnly, c_uint8):
    """One byte."""

    variants = tuple(state.variant for state in RunState)


class ClientStateTag(TagOnly, c_uint8):
    """One byte."""

    variants = tuple(state.text for state in ClientState)


class RunMetadata(LittleEndianStructure):
    """360 bytes."""

    _fields_ = (
        ("name", Text64),
        ("description", Text280),
        ("num_parameters", c_uint64),
        ("vocab_size", c_uint64),
    )


class CoordinatorConfig(LittleEndianStructure):
    """64 bytes; all times are seconds."""

    _fields_ = (
        ("warmup_time", c_uint64),
        ("cooldown_time", c_uint64),
        ("max_round_train_time", c_uint64),
        ("round_witness_time", c_uint64),
        ("global_batch_size_warmup_tokens", c_uint64),
        ("epoch_time", c_uint64),
        ("total_steps", c_uint32),
        ("init_min_clients", c_uint16),
        ("min_clients", c_uint16),
        ("witness_nodes", c_uint16),
        ("global_batch_size_start", c_uint16),
        ("global_batch_size_end", c_uint16),
        ("verification_percent", c_uint8),
        ("waiting_for_members_extra_time", c_uint8),
    )


class CoordinatorProgress(LittleEndianStructure):
    """16 bytes."""

    _fields_ = (("epoch", c_uint16), ("step", c_uint32), ("epoch_start_data_index", c_uint64))


class WitnessProof(LittleEndianStructure):
    """24 bytes."""

    _fields_ = (("position", c_uint64), ("index", c_uint64), ("witness", SmallBoolean))


class BloomFilter(LittleEndianStructure):
    """192 bytes."""

    _fields_ = (("keys", c_uint64 * 8), ("bits", c_uint64 * 16))


class MerkleRoot(LittleEndianStructure):
    """32 bytes."""

    _fields_ = (("inner", Bytes32),)


class WitnessRecord(LittleEndianStructure):
    """440 bytes."""

    _fields_ = (
        ("proof", WitnessProof),
        ("participant_bloom", BloomFilter),
        ("broadcast_bloom", BloomFilter),
        ("broadcast_merkle", MerkleRoot),
    )


class WitnessVec(FixedVec, LittleEndianStructure):
    """Up to 32 witnesses of a round."""

    _fields_ = (("data", WitnessRecord * MAX_WITNESSES), ("len", c_uint64))


class RoundRecord(LittleEndianStructure):
    """14,112 bytes."""

    _fields_ = (
        ("witnesses", WitnessVec),
        ("data_index", c_uint64),
        ("random_seed", c_uint64),
        ("height", c_uint32),
        ("clients_len", c_uint16),
        ("tie_breaker_tasks", c_uint16),
    )


class NodeIdentity(LittleEndianStructure):
    """64 bytes: the wallet's key and the network key."""

    _fields_ = (("signer", Bytes32), ("p2p_identity", Bytes32))


class EpochClientRecord(LittleEndianStructure):
    """72 bytes, aligned to 4."""

    _fields_ = (("id", NodeIdentity), ("state", ClientStateTag), ("exited_height", c_uint32))


class EpochClientVec(FixedVec, LittleEndianStructure):
    """Up to 256 clients of an epoch."""

    _fields_ = (("data", EpochClientRecord * MAX_CLIENTS), ("len", c_uint64))


class EpochState(LittleEndianStructure):
    """93,360 bytes."""

    _fields_ = (
        ("rounds", RoundRecord * STORED_ROUNDS),
        ("clients", EpochClientVec),
        ("exited_clients", EpochClientVec),
        ("rounds_head", c_uint32),
        ("start_step", c_uint32),
        ("last_step", c_uint32),
        ("start_timestamp", c_uint64),
        ("first_round", SmallBoolean),
        ("cold_start_epoch", SmallBoolean),
    )


class Coordinator(LittleEndianStructure):
    """94,048 bytes."""

    _fields_ = (
        ("run_id", Text32),
        ("run_state", RunStateTag),
        ("model", Model),
        ("config", CoordinatorConfig),
        ("progress", CoordinatorProgress),
        ("epoch_state", EpochState),
        ("run_state_start_unix_timestamp", c_uint64),
        ("pending_pause", SmallBoolean),
    )


class PendingClientRecord(LittleEndianStructure):
    """96 bytes."""

    _fields_ = (
        ("id", NodeIdentity),
        ("_unused", c_uint8 * 8),
        ("earned", c_uint64),
        ("slashed", c_uint64),
        ("active", c_uint64),
    )


class PendingClientVec(FixedVec, LittleEndianStructure):
    """Up to 256 clients that ever joined the run."""

    _fields_ = (("data", PendingClientRecord * MAX_CLIENTS), ("len", c_uint64))


class EpochRatesRecord(LittleEndianStructure):
    """16 bytes: points per epoch."""

    _fields_ = (("earning_rate_total_shared", c_uint64), ("slashing_rate_per_client", c_uint64))


class ClientsState(LittleEndianStructure):
    """24,624 bytes."""

    _fields_ = (
        ("clients", PendingClientVec),
        ("next_active", c_uint64),
        ("current_epoch_rates", EpochRatesRecord),
        ("future_epoch_rates", EpochRatesRecord),
    )


class InstanceState(LittleEndianStructure):
    """119,136 bytes."""

    _fields_ = (
        ("metadata", RunMetadata),
        ("coordinator", Coordinator),
        ("clients_state", ClientsState),
        ("is_warmup_first_tick", SmallBoolean),
        ("is_training_first_tick", SmallBoolean),
        ("client_version", Text96),
    )


class CoordinatorImage(LittleEndianStructure):
    """119,152 bytes: everything after the discriminator."""

    _fields_ = (("version", c_uint64), ("state", InstanceState), ("nonce", c_uint64))
