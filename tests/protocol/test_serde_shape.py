"""Decoding yields plain values that encoding accepts."""

from __future__ import annotations

import ctypes
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from psyche_cli.protocol.accounts.coordinator_account import decode_coordinator_account
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.layouts.kinds import Choice, FixedString, Flag, OptionOf, TagOnly
from psyche_cli.protocol.layouts.v1 import CoordinatorImage
from tests.protocol.images import raw, v1_image
from tests.support.counts import repetitions

OWNER: dict[str, Any] = {"authority": Pubkey.default(), "instance": Pubkey.default(), "account": Pubkey.default()}


def write(owner: Any, name: str, value: Any) -> None:
    """Write a plain value to a field of the memory image, as the program would."""
    part = getattr(owner, name)
    kind = type(part)
    if issubclass(kind, FixedString):
        ctypes.memset(ctypes.addressof(part), 0, ctypes.sizeof(part))
        ctypes.memmove(ctypes.addressof(part), value.encode(), len(value.encode()))
    elif issubclass(kind, TagOnly):
        part.value = part.variants.index(value)
    elif issubclass(kind, Flag):
        part.value = int(value)
    elif issubclass(kind, OptionOf):
        part.tag = int(value is not None)
        if value is not None:
            write(part, "Some", value)
    elif issubclass(kind, Choice):
        ((variant, payload),) = value.items() if isinstance(value, dict) else ((value, None),)
        part.tag = part.variants.index(variant)
        if payload is not None:
            write(part, variant, payload)
    elif isinstance(value, dict):
        for inner, inner_value in value.items():
            write(part, inner, inner_value)
    elif isinstance(part, ctypes.Array):
        part[:] = value
    else:
        setattr(owner, name, value)


def text(size: int) -> st.SearchStrategy[str]:
    letters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
    return st.text(letters, max_size=size).filter(lambda value: len(value.encode()) <= size)


def unsigned(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1)


F32 = st.floats(width=32, allow_nan=False)
F64 = st.floats(allow_nan=False)
HUB = st.fixed_dictionaries({"repo_id": text(64), "revision": st.none() | text(64)})
GCS = st.fixed_dictionaries({"bucket": text(64), "prefix": st.none() | text(64)})
NUMBERED = st.fixed_dictionaries(
    {"url_template": text(64), "start_index": unsigned(32), "n_left_pad_zeros": unsigned(8), "num_files": unsigned(32)}
)
GCP = st.fixed_dictionaries({"bucket_name": text(64), "filter_directory": text(192)})


def one(variant: str, payload: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return payload.map(lambda value: {variant: value})


HTTP = st.fixed_dictionaries(
    {
        "location": one("SingleUrl", text(192)) | one("NumberedFiles", NUMBERED) | one("Gcp", GCP),
        "token_size_in_bytes": st.sampled_from(["TwoBytes", "FourBytes"]),
        "shuffle": st.just("DontShuffle") | one("Seeded", st.lists(unsigned(8), min_size=32, max_size=32)),
    }
)
RATES = {"base_lr": F64, "warmup_init_lr": F64, "warmup_steps": unsigned(32)}
DECAYING = st.fixed_dictionaries(RATES | {"final_lr": F64, "total_steps": unsigned(32)})
STABLE = st.fixed_dictionaries(
    RATES
    | {"cosine_decay_final_lr": F64, "linear_decay_final_lr": F64}
    | {name: unsigned(32) for name in ("stable_steps", "cosine_decay_steps", "linear_decay_steps")}
)
ADAM_W = st.fixed_dictionaries(
    {"betas": st.lists(F32, min_size=2, max_size=2), "weight_decay": F32, "eps": F32, "clip_grad_norm": st.none() | F32}
)
DISTRO = st.fixed_dictionaries(
    {
        "clip_grad_norm": st.none() | F32,
        "weight_decay": st.none() | F32,
        "compression_decay": F32,
        "compression_topk": unsigned(16),
        "compression_chunk": unsigned(16),
        "quantize_1bit": st.booleans(),
    }
)
MODELS = one(
    "LLM",
    st.fixed_dictionaries(
        {
            "max_seq_len": unsigned(32),
            "cold_start_warmup_steps": unsigned(32),
            "architecture": st.sampled_from(["HfLlama", "HfDeepseek", "HfAuto", "Torchtitan"]),
            "checkpoint": st.just("Ephemeral")
            | st.one_of(*[one(name, HUB) for name in ("Dummy", "Hub", "P2P")])
            | st.one_of(*[one(name, GCS) for name in ("Gcs", "P2PGcs")]),
            "data_type": st.sampled_from(["Pretraining", "Finetuning"]),
            "data_location": st.just("Dummy")
            | one("Server", text(64))
            | one("Http", HTTP)
            | st.one_of(*[one(name, text(192)) for name in ("Local", "WeightedHttp", "Preprocessed")]),
            "lr_schedule": one("Constant", st.fixed_dictionaries(RATES))
            | one("Linear", DECAYING)
            | one("Cosine", DECAYING)
            | one("WarmupStableDecay", STABLE),
            "optimizer": st.just("Dummy") | one("AdamW", ADAM_W) | one("Distro", DISTRO),
        }
    ),
)
CONFIGS = st.fixed_dictionaries(
    {
        "warmup_time": unsigned(64),
        "cooldown_time": unsigned(64),
        "max_round_train_time": unsigned(64),
        "round_witness_time": unsigned(64),
        "global_batch_size_warmup_tokens": unsigned(64),
        "epoch_time": unsigned(64),
        "total_steps": unsigned(32),
        "init_min_clients": unsigned(16),
        "min_clients": unsigned(16),
        "witness_nodes": unsigned(16),
        "global_batch_size_start": unsigned(16),
        "global_batch_size_end": unsigned(16),
        "verification_percent": unsigned(8),
        "waiting_for_members_extra_time": unsigned(8),
    }
)
METADATA = st.fixed_dictionaries(
    {"name": text(64), "description": text(280), "num_parameters": unsigned(64), "vocab_size": unsigned(64)}
)


@given(model=MODELS, config=CONFIGS, metadata=METADATA)
@settings(max_examples=repetitions(60), deadline=None)
def test_what_the_account_holds_can_be_sent_again(
    instructions: Instructions, model: Any, config: Any, metadata: Any
) -> None:
    data = bytes(v1_image())
    image: Any = CoordinatorImage.from_buffer_copy(data, 8)
    write(image.state, "metadata", metadata)
    write(image.state.coordinator, "config", config)
    write(image.state.coordinator, "model", model)
    account = decode_coordinator_account(raw(data[:8] + bytes(image)))
    assert account.model == model
    assert account.config == config
    assert account.metadata == metadata
    given_bytes = instructions.update(**OWNER, model=model, config=config, metadata=metadata).data
    decoded_bytes = instructions.update(
        **OWNER, model=account.model, config=account.config, metadata=account.metadata
    ).data
    assert given_bytes == decoded_bytes
    assert len(given_bytes) <= 946 + 8
