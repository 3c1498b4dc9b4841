"""The coordinator account, layout v2 of the development branch: a discriminator and an image of 118,528 bytes.

Differs from v1: no metadata, only the checkpoint of the model, in Borsh, and a flag for a recorded checkpoint.
"""

from __future__ import annotations

from ctypes import LittleEndianStructure, c_uint8, c_uint32, c_uint64

from psyche_cli.protocol.layouts import v1
from psyche_cli.protocol.layouts.derived import derived, model_with
from psyche_cli.protocol.layouts.kinds import Boolean, TagOnly, UncheckedVec

_MAX_CHECKPOINT_BYTES = 256


class CheckpointSource(TagOnly, c_uint32):
    """Four bytes."""

    variants = ("Ephemeral", "Stored", "P2P")


class CheckpointData(UncheckedVec, LittleEndianStructure):
    """264 bytes. The program stores whatever a client sends, even a length above 256."""

    _fields_ = (("data", c_uint8 * _MAX_CHECKPOINT_BYTES), ("len", c_uint64))


class Llm(LittleEndianStructure):
    """280 bytes."""

    _fields_ = (
        ("max_seq_len", c_uint32),
        ("cold_start_warmup_steps", c_uint32),
        ("checkpoint_source", CheckpointSource),
        ("checkpoint_data", CheckpointData),
    )


EpochState = derived(v1.EpochState, checkpointed=Boolean)
Coordinator = derived(v1.Coordinator, model=model_with(Llm), epoch_state=EpochState)
CoordinatorImage = derived(
    v1.CoordinatorImage, state=derived(v1.InstanceState, without=("metadata",), coordinator=Coordinator)
)
