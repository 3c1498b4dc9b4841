"""The schema of the run configuration file: every key with its type, in the usual order of the file.

There are no defaults: a key is required unless it is marked optional. Durations are in seconds of the cluster clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from psyche_cli.run_config.types import Array, Boolean, Choice, Field, FieldType, Float, Integer, Table, Text, Variant

_U8, _U16, _U32, _U64 = Integer(8), Integer(16), Integer(32), Integer(64)
_F32, _F64 = Float(32), Float(64)
_SHORT, _LONG = Text(64), Text(192)

CONFIG = Table(
    (
        Field("warmup_time", _U64, "maximum duration of Warmup, in seconds"),
        Field("cooldown_time", _U64, "duration of Cooldown, in seconds"),
        Field("epoch_time", _U64, "duration after which an epoch ends, in seconds; two more rounds follow"),
        Field("max_round_train_time", _U64, "maximum duration of RoundTrain, in seconds"),
        Field("round_witness_time", _U64, "duration of RoundWitness, in seconds"),
        Field("waiting_for_members_extra_time", _U8, "minimum duration of WaitingForMembers, in seconds"),
        Field("min_clients", _U16, "the epoch ends if fewer clients are healthy"),
        Field("init_min_clients", _U16, "number of joined clients required to start an epoch"),
        Field("witness_nodes", _U16, "witnesses per round; 0 means all clients, up to 32"),
        Field("global_batch_size_start", _U16, "sequences per step at the start of the run"),
        Field(
            "global_batch_size_end",
            _U16,
            "sequences per step at the end of the ramp; also the maximum number of wallets that can ever join",
        ),
        Field(
            "global_batch_size_warmup_tokens",
            _U64,
            "tokens over which the batch size ramps up; 0 means the end size from the first step",
        ),
        Field("verification_percent", _U8, "percentage of clients that are verifiers; leave it at 0"),
        Field("total_steps", _U32, "step at which the run is finished; steps start at 1"),
    )
)
"""The table ``[config]``."""

_HUB_REPO = Table(
    (
        Field("repo_id", _SHORT, "repository on the Hub, owner/name"),
        Field("revision", _SHORT, "commit or branch of the repository", optional=True),
    )
)

_GCS_REPO = Table(
    (
        Field("bucket", _SHORT, "name of the Google Cloud Storage bucket"),
        Field("prefix", _SHORT, "folder in the bucket", optional=True),
    )
)

CHECKPOINT_KEY: Final = "model.LLM.checkpoint"

CHECKPOINT = Choice(
    (
        Variant("Ephemeral"),
        Variant("Dummy", _HUB_REPO),
        Variant("Hub", _HUB_REPO),
        Variant("P2P", _HUB_REPO),
        Variant("Gcs", _GCS_REPO),
        Variant("P2PGcs", _GCS_REPO),
    )
)
"""Where the initial weights come from."""

_HTTP_LOCATION = Choice(
    (
        Variant("SingleUrl", _LONG),
        Variant(
            "NumberedFiles",
            Table(
                (
                    Field("url_template", _SHORT, "URL with {} in place of the file number"),
                    Field("start_index", _U32, "number of the first file"),
                    Field("n_left_pad_zeros", _U8, "number of digits to which file numbers are zero-padded"),
                    Field("num_files", _U32, "number of files"),
                )
            ),
        ),
        Variant(
            "Gcp",
            Table(
                (
                    Field("bucket_name", _SHORT, "name of the bucket"),
                    Field("filter_directory", _LONG, 'folder in the bucket; "" means the whole bucket'),
                )
            ),
        ),
    )
)

DATA_LOCATION = Choice(
    (
        Variant("Dummy"),
        Variant("Server", _SHORT),
        Variant("Local", _LONG),
        Variant(
            "Http",
            Table(
                (
                    Field("location", _HTTP_LOCATION, "location of the files"),
                    Field(
                        "token_size_in_bytes",
                        Choice((Variant("TwoBytes"), Variant("FourBytes"))),
                        "size of a token in the files",
                    ),
                    Field(
                        "shuffle",
                        Choice((Variant("DontShuffle"), Variant("Seeded", Array(_U8, 32)))),
                        "whether sequences are shuffled, and with which 32-byte seed",
                    ),
                )
            ),
        ),
        Variant("WeightedHttp", _LONG),
        Variant("Preprocessed", _LONG),
    )
)
"""Where the training data comes from."""

_BASE_LR = Field("base_lr", _F64, "learning rate after the warm-up")
_WARMUP_INIT_LR = Field("warmup_init_lr", _F64, "learning rate at step 0")
_WARMUP_STEPS = Field("warmup_steps", _U32, "steps from warmup_init_lr to base_lr")
_DECAY = Table(
    (
        _BASE_LR,
        _WARMUP_INIT_LR,
        _WARMUP_STEPS,
        Field("total_steps", _U32, "step at which final_lr is reached"),
        Field("final_lr", _F64, "learning rate at total_steps"),
    )
)

LR_SCHEDULE = Choice(
    (
        Variant("Constant", Table((_BASE_LR, _WARMUP_INIT_LR, _WARMUP_STEPS))),
        Variant("Linear", _DECAY),
        Variant("Cosine", _DECAY),
        Variant(
            "WarmupStableDecay",
            Table(
                (
                    _BASE_LR,
                    _WARMUP_INIT_LR,
                    _WARMUP_STEPS,
                    Field("stable_steps", _U32, "steps at base_lr after the warm-up"),
                    Field("cosine_decay_steps", _U32, "steps of the cosine decay that follows"),
                    Field("cosine_decay_final_lr", _F64, "learning rate at the end of the cosine decay"),
                    Field("linear_decay_steps", _U32, "steps of the linear decay that follows"),
                    Field(
                        "linear_decay_final_lr", _F64, "learning rate at the end of the linear decay, and afterwards"
                    ),
                )
            ),
        ),
    )
)
"""The learning rate schedule."""

_CLIP_GRAD_NORM = Field("clip_grad_norm", _F32, "gradients are clipped to this norm", optional=True)

OPTIMIZER = Choice(
    (
        Variant("Dummy"),
        Variant(
            "AdamW",
            Table(
                (
                    Field("betas", Array(_F32, 2), "decay rates of the first and second moments"),
                    Field("weight_decay", _F32, "weight decay"),
                    Field("eps", _F32, "added to the denominator"),
                    _CLIP_GRAD_NORM,
                )
            ),
        ),
        Variant(
            "Distro",
            Table(
                (
                    _CLIP_GRAD_NORM,
                    Field("weight_decay", _F32, "weight decay", optional=True),
                    Field("compression_decay", _F32, "decay of the gradients that compression left out"),
                    Field("compression_topk", _U16, "number of values kept per chunk"),
                    Field("compression_chunk", _U16, "side length of a chunk"),
                    Field("quantize_1bit", Boolean(), "whether to send only the signs of the values"),
                )
            ),
        ),
    )
)
"""The optimizer."""

LLM = Table(
    (
        Field(
            "architecture",
            Choice((Variant("HfLlama"), Variant("HfDeepseek"), Variant("HfAuto"), Variant("Torchtitan"))),
            "model architecture",
        ),
        Field(
            "data_type",
            Choice((Variant("Pretraining"), Variant("Finetuning"))),
            "whether the data is for pretraining or fine-tuning",
        ),
        Field("max_seq_len", _U32, "tokens per sequence"),
        Field("cold_start_warmup_steps", _U32, "steps of the learning-rate warm-up after a pause; 0 disables it"),
        Field("checkpoint", CHECKPOINT, "where the initial weights come from"),
        Field("data_location", DATA_LOCATION, "where the training data comes from"),
        Field("lr_schedule", LR_SCHEDULE, "learning rate schedule"),
        Field("optimizer", OPTIMIZER, "optimizer"),
    )
)
"""The table ``[model.LLM]``."""

MODEL = Choice((Variant("LLM", LLM),))
"""The table ``[model]``. LLM is the only model type."""

ROOTS: Mapping[str, Table | Choice] = MappingProxyType({"config": CONFIG, "model": MODEL})
"""The two top-level tables, both required."""

SERVER_KEYS = ("run_id", "run_state", "run_state_start_unix_timestamp", "progress", "epoch_state", "pending_pause")
"""Other top-level keys of the centralized server's state files. They are ignored with a warning."""

IGNORED_KEYS = ("config.round_apply_time",)
"""Keys in the tables of published files that no program reads anymore. They are ignored with a warning."""

RETIRED_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "config.rounds_per_epoch": "epochs are no longer measured in rounds; use config.epoch_time, the duration in "
        "seconds after which an epoch ends",
    }
)
"""Keys that have been replaced, with the explanation for the error message."""


def leaves(kind: FieldType, path: str) -> Iterator[tuple[str, FieldType]]:
    """All leaves below ``path`` as (dotted path, type). Variant names are part of the path, as in the file.

    A choice is a leaf itself if any of its variants has no payload; such variants are not separate leaves.
    """
    if isinstance(kind, Table):
        for field in kind.fields:
            yield from leaves(field.type, f"{path}.{field.key}")
    elif isinstance(kind, Choice):
        if any(variant.payload is None for variant in kind.variants):
            yield path, kind
        for variant in kind.variants:
            if variant.payload is not None:
                yield from leaves(variant.payload, f"{path}.{variant.name}")
    else:
        yield path, kind
