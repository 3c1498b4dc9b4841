"""A valid run configuration as a document, and conversion of documents to TOML."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.errors import ConfigurationError
from psyche_cli.run_config.load import RunConfig, load_run_config

SEED = list(range(32))

_VALID: dict[str, Any] = {
    "config": {
        "warmup_time": 60,
        "cooldown_time": 30,
        "epoch_time": 600,
        "max_round_train_time": 50,
        "round_witness_time": 3,
        "waiting_for_members_extra_time": 5,
        "min_clients": 4,
        "init_min_clients": 6,
        "witness_nodes": 3,
        "global_batch_size_start": 16,
        "global_batch_size_end": 64,
        "global_batch_size_warmup_tokens": 100_000,
        "verification_percent": 0,
        "total_steps": 900,
    },
    "model": {
        "LLM": {
            "architecture": "HfLlama",
            "data_type": "Pretraining",
            "max_seq_len": 128,
            "cold_start_warmup_steps": 4,
            "checkpoint": {"Hub": {"repo_id": "org/repo"}},
            "data_location": {
                "Http": {
                    "location": {"Gcp": {"bucket_name": "bucket", "filter_directory": ""}},
                    "token_size_in_bytes": "TwoBytes",
                    "shuffle": {"Seeded": SEED},
                }
            },
            "lr_schedule": {"Constant": {"base_lr": 0.001, "warmup_init_lr": 0, "warmup_steps": 10}},
            "optimizer": {
                "Distro": {
                    "compression_decay": 0.999,
                    "compression_topk": 8,
                    "compression_chunk": 64,
                    "quantize_1bit": True,
                }
            },
        }
    },
}

LOCATIONS: dict[str, Any] = {
    "Dummy": "Dummy",
    "Server": {"Server": "10.0.0.1:20000"},
    "Local": {"Local": ""},
    "WeightedHttp": {"WeightedHttp": "https://data.example/mix.json"},
    "Preprocessed": {"Preprocessed": "org/set"},
}

SCHEDULES: dict[str, Any] = {
    "Linear": {"base_lr": 0.1, "warmup_init_lr": 0.0, "warmup_steps": 1, "total_steps": 900, "final_lr": 0.01},
    "WarmupStableDecay": {
        "base_lr": 0.1,
        "warmup_init_lr": 0.0,
        "warmup_steps": 1,
        "stable_steps": 2,
        "cosine_decay_steps": 3,
        "cosine_decay_final_lr": 0.05,
        "linear_decay_steps": 4,
        "linear_decay_final_lr": 0.05,
    },
}

ADAMW: dict[str, Any] = {"AdamW": {"betas": [0.9, 0.999], "weight_decay": 0, "eps": 1e-8}}


def document() -> dict[str, Any]:
    """A new valid document, for tests to modify."""
    return copy.deepcopy(_VALID)


def with_value(path: str, value: Any) -> dict[str, Any]:
    """The valid document with one value replaced or added."""
    changed = document()
    *parents, last = path.split(".")
    at = changed
    for name in parents:
        at = at[name]
    at[last] = value
    return changed


def without(path: str) -> dict[str, Any]:
    """The valid document without one key."""
    changed = document()
    *parents, last = path.split(".")
    at = changed
    for name in parents:
        at = at[name]
    del at[last]
    return changed


def toml_text(content: dict[str, Any]) -> str:
    """The document as TOML: one line for each top-level key, with inline tables."""
    return "".join(f"{_key(name)} = {_value(value)}\n" for name, value in content.items())


def load_text(folder: Path, text: str) -> RunConfig:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return load_run_config(path)


def load_document(folder: Path, content: dict[str, Any]) -> RunConfig:
    return load_text(folder, toml_text(content))


def problems_of(folder: Path, content: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The problems of a document, each as (key, rule, message)."""
    with pytest.raises(ConfigurationError) as caught:
        load_document(folder, content)
    return problems_in(caught.value)


def problems_in(error: ConfigurationError) -> list[tuple[str, str, str]]:
    assert error.problems
    return [(problem["key"], problem["rule"], problem["message"]) for problem in error.problems]


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() and name.isascii() else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(name)} = {_value(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for DEL, which TOML wants escaped too.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)
