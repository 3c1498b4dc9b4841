"""The coordinator account, layout v0, used until December 2025: a discriminator and an image of 119,064 bytes.

Differs from v1: no version and no client version, run ids of 64 bytes, and epochs with a fixed number of rounds.
"""

from __future__ import annotations

from ctypes import LittleEndianStructure, c_uint8, c_uint16, c_uint32, c_uint64

from psyche_cli.limits import STORED_ROUNDS
from psyche_cli.protocol.layouts import v1
from psyche_cli.protocol.layouts.derived import derived
from psyche_cli.protocol.layouts.kinds import SmallBoolean, Text64


class CoordinatorConfig(LittleEndianStructure):
    """64 bytes; all times are seconds."""

    _fields_ = (
        ("warmup_time", c_uint64),
        ("cooldown_time", c_uint64),
        ("max_round_train_time", c_uint64),
        ("round_witness_time", c_uint64),
        ("global_batch_size_warmup_tokens", c_uint64),
        ("rounds_per_epoch", c_uint32),
        ("total_steps", c_uint32),
        ("init_min_clients", c_uint16),
        ("min_clients", c_uint16),
        ("witness_nodes", c_uint16),
        ("global_batch_size_start", c_uint16),
        ("global_batch_size_end", c_uint16),
        ("verification_percent", c_uint8),
    )


class EpochState(LittleEndianStructure):
    """93,344 bytes."""

    _fields_ = (
        ("rounds", v1.RoundRecord * STORED_ROUNDS),
        ("clients", v1.EpochClientVec),
        ("exited_clients", v1.EpochClientVec),
        ("rounds_head", c_uint32),
        ("start_step", c_uint32),
        ("first_round", SmallBoolean),
        ("checkpointed", SmallBoolean),
        ("cold_start_epoch", SmallBoolean),
    )


Coordinator = derived(v1.Coordinator, run_id=Text64, config=CoordinatorConfig, epoch_state=EpochState)
InstanceState = derived(v1.InstanceState, without=("client_version",), coordinator=Coordinator)
CoordinatorImage = derived(v1.CoordinatorImage, without=("version",), state=InstanceState)
