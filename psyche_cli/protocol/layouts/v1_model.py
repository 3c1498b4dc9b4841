"""The memory layout of the model in the coordinator account: a tree of tagged unions, 552 bytes.

Two structures, ``HubRepo`` and ``GcsRepo``, are not ``repr(C)`` in the program, and its compiler puts the optional
field first. The unions have native byte order, since Python 3.10 has no little-endian unions; all platforms that
solders supports are little-endian.
"""

from __future__ import annotations

import ctypes
from ctypes import LittleEndianStructure, c_double, c_float, c_uint8, c_uint16, c_uint32

from psyche_cli.protocol.layouts.kinds import (
    Boolean,
    Bytes32,
    Choice,
    OptionF32,
    OptionText64,
    TagOnly,
    Text64,
    Text192,
)


class HubRepo(LittleEndianStructure):
    """129 bytes; the optional field comes first in memory."""

    _fields_ = (("revision", OptionText64), ("repo_id", Text64))


class GcsRepo(LittleEndianStructure):
    """129 bytes; the optional field comes first in memory."""

    _fields_ = (("prefix", OptionText64), ("bucket", Text64))


class CheckpointPayload(ctypes.Union):
    """129 bytes."""

    _fields_ = (("Dummy", HubRepo), ("Hub", HubRepo), ("P2P", HubRepo), ("Gcs", GcsRepo), ("P2PGcs", GcsRepo))


class Checkpoint(Choice, LittleEndianStructure):
    """136 bytes: the location of the model's weights."""

    variants = ("Ephemeral", "Dummy", "Hub", "P2P", "Gcs", "P2PGcs")
    _anonymous_ = ("payload",)
    _fields_ = (("tag", c_uint32), ("payload", CheckpointPayload))


class Architecture(TagOnly, c_uint32):
    """Four bytes."""

    variants = ("HfLlama", "HfDeepseek", "HfAuto", "Torchtitan")


class DataType(TagOnly, c_uint32):
    """Four bytes."""

    variants = ("Pretraining", "Finetuning")


class TokenSize(TagOnly, c_uint32):
    """Four bytes."""

    variants = ("TwoBytes", "FourBytes")


class NumberedFiles(LittleEndianStructure):
    """76 bytes."""

    _fields_ = (
        ("url_template", Text64),
        ("start_index", c_uint32),
        ("n_left_pad_zeros", c_uint8),
        ("num_files", c_uint32),
    )


class Gcp(LittleEndianStructure):
    """256 bytes."""

    _fields_ = (("bucket_name", Text64), ("filter_directory", Text192))


class _HttpLocationPayload(ctypes.Union):
    _fields_ = (("SingleUrl", Text192), ("NumberedFiles", NumberedFiles), ("Gcp", Gcp))


class HttpLocation(Choice, LittleEndianStructure):
    """260 bytes."""

    variants = ("SingleUrl", "NumberedFiles", "Gcp")
    _anonymous_ = ("payload",)
    _fields_ = (("tag", c_uint32), ("payload", _HttpLocationPayload))


class _ShufflePayload(ctypes.Union):
    _fields_ = (("Seeded", Bytes32),)


class Shuffle(Choice, LittleEndianStructure):
    """36 bytes."""

    variants = ("DontShuffle", "Seeded")
    _anonymous_ = ("payload",)
    _fields_ = (("tag", c_uint32), ("payload", _ShufflePayload))


class HttpData(LittleEndianStructure):
    """300 bytes."""

    _fields_ = (("location", HttpLocation), ("token_size_in_bytes", TokenSize), ("shuffle", Shuffle))


class _DataLocationPayload(ctypes.Union):
    _fields_ = (
        ("Server", Text64),
        ("Local", Text192),
        ("Http", HttpData),
        ("WeightedHttp", Text192),
        ("Preprocessed", Text192),
    )


class DataLocation(Choice, LittleEndianStructure):
    """304 bytes: the location of the training data."""

    variants = ("Dummy", "Server", "Local", "Http", "WeightedHttp", "Preprocessed")
    _anonymous_ = ("payload",)
    _fields_ = (("tag", c_uint32), ("payload", _DataLocationPayload))


class ConstantLr(LittleEndianStructure):
    """24 bytes; in all schedules, the rates precede the steps."""

    _fields_ = (("base_lr", c_double), ("warmup_init_lr", c_double), ("warmup_steps", c_uint32))


class DecayingLr(LittleEndianStructure):
    """32 bytes; shared by the linear and the cosine schedule."""

    _fields_ = (
        ("base_lr", c_double),
        ("warmup_init_lr", c_double),
        ("final_lr", c_double),
        ("warmup_steps", c_uint32),
        ("total_steps", c_uint32),
    )


class WarmupStableDecayLr(LittleEndianStructure):
    """48 bytes."""

    _fields_ = (
        ("base_lr", c_double),
        ("warmup_init_lr", c_double),
        ("cosine_decay_final_lr", c_double),
        ("linear_decay_final_lr", c_double),
        ("warmup_steps", c_uint32),
        ("stable_steps", c_uint32),
        ("cosine_decay_steps", c_uint32),
        ("linear_decay_steps", c_uint32),
    )


class _LrSchedulePayload(ctypes.Union):
    _fields_ = (
        ("Constant", ConstantLr),
        ("Linear", DecayingLr),
        ("Cosine", DecayingLr),
        ("WarmupStableDecay", WarmupStableDecayLr),
    )


class LrSchedule(Choice, LittleEndianStructure):
    """56 bytes."""

    variants = ("Constant", "Linear", "Cosine", "WarmupStableDecay")
    _anonymous_ = ("payload",)
    _fields_ = (("tag", c_uint32), ("payload", _LrSchedulePayload))


class AdamW(LittleEndianStructure):
    """24 bytes."""

    _fields_ = (
        ("betas", c_float * 2),
        ("weight_decay", c_float),
        ("eps", c_float),
        ("clip_grad_norm", OptionF32),
    )


class Distro(LittleEndianStructure):
    """28 bytes."""

    _fields_ = (
        ("clip_grad_norm", OptionF32),
        ("weight_decay", OptionF32),
        ("compression_decay", c_float),
        ("compression_topk", c_uint16),
        ("compression_chunk", c_uint16),
        ("quantize_1bit", Boolean),
    )


class _OptimizerPayload(ctypes.Union):
    _fields_ = (("AdamW", AdamW), ("Distro", Distro))


class Optimizer(Choice, LittleEndianStructure):
    """32 bytes."""

    variants = ("Dummy", "AdamW", "Distro")
    _anonymous_ = ("payload",)
    _fields_ = (("tag", c_uint32), ("payload", _OptimizerPayload))


class Llm(LittleEndianStructure):
    """544 bytes."""

    _fields_ = (
        ("max_seq_len", c_uint32),
        ("cold_start_warmup_steps", c_uint32),
        ("architecture", Architecture),
        ("checkpoint", Checkpoint),
        ("data_type", DataType),
        ("data_location", DataLocation),
        ("lr_schedule", LrSchedule),
        ("optimizer", Optimizer),
    )


class ModelPayload(ctypes.Union):
    """544 bytes."""

    _fields_ = (("LLM", Llm),)


class Model(Choice, LittleEndianStructure):
    """552 bytes."""

    variants = ("LLM",)
    _anonymous_ = ("payload",)
    _fields_ = (("tag", c_uint32), ("payload", ModelPayload))
