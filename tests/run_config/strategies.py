"""Hypothesis strategies: documents of valid run configurations, built from the schema and the program's rules."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st

from psyche_cli.run_config.schema import CONFIG, LLM
from psyche_cli.run_config.types import (
    Array,
    Boolean,
    Choice,
    Field,
    FieldType,
    Float,
    Integer,
    Table,
    Text,
)
from psyche_cli.texts import flaw_of_prose

_FLOAT32_MAX = 3.4028234663852886e38
# What the program refuses although the type allows it.
_REFUSED = {("checkpoint", "Ephemeral"), ("optimizer", "Dummy")}


def texts(capacity: int) -> st.SearchStrategy[str]:
    """Non-empty texts that fit."""
    alphabet = st.characters(categories=("L", "N", "P", "S"), include_characters=" ", codec="utf-8")
    return st.text(alphabet, min_size=1, max_size=capacity).filter(
        lambda text: len(text.encode()) <= capacity and flaw_of_prose(text) is None
    )


@cache
def values(kind: FieldType, key: str = "") -> st.SearchStrategy[Any]:
    """Values of a type in a file. Integers are at least 1 and texts not empty, so that no rule is violated.

    Cached, because Hypothesis examines each new strategy, which takes longer than to draw from it.
    """
    if isinstance(kind, Integer):
        return st.integers(1, kind.maximum)
    if isinstance(kind, Float):
        limit = _FLOAT32_MAX if kind.bits == 32 else None
        return st.floats(-limit if limit else None, limit, allow_nan=False, allow_infinity=False) | st.integers(-9, 9)
    if isinstance(kind, Boolean):
        return st.booleans()
    if isinstance(kind, Text):
        return texts(kind.capacity)
    if isinstance(kind, Array):
        return st.lists(values(kind.item), min_size=kind.length, max_size=kind.length)
    if isinstance(kind, Table):
        return tables(kind)
    return choices(kind, key)


@cache
def tables(kind: Table) -> st.SearchStrategy[dict[str, Any]]:
    required = {field.key: _field(field) for field in kind.fields if not field.optional}
    optional = {field.key: _field(field) for field in kind.fields if field.optional}
    return st.fixed_dictionaries(required, optional=optional)


def _field(field: Field) -> st.SearchStrategy[Any]:
    return values(field.type, field.key)


def choices(kind: Choice, key: str) -> st.SearchStrategy[Any]:
    ways: list[st.SearchStrategy[Any]] = [
        st.just(variant.name)
        if variant.payload is None
        else st.fixed_dictionaries({variant.name: values(variant.payload)})
        for variant in kind.variants
        if (key, variant.name) not in _REFUSED
    ]
    return st.one_of(ways)


@cache
@st.composite
def configs(draw: st.DrawFn) -> dict[str, int]:
    """A ``[config]`` that passes every rule."""
    config: dict[str, int] = draw(tables(CONFIG))
    config["epoch_time"] = draw(st.integers(2, 2**63 - 1))
    config["warmup_time"] = draw(st.integers(0, config["epoch_time"] - 1))
    config["max_round_train_time"] = draw(st.integers(1, config["epoch_time"] - 1))
    config["min_clients"] = draw(st.integers(1, 256))
    config["init_min_clients"] = draw(st.integers(config["min_clients"], 256))
    config["witness_nodes"] = draw(st.integers(0, min(config["min_clients"], 32)))
    config["global_batch_size_end"] = draw(st.integers(config["global_batch_size_start"], 2**16 - 1))
    return config


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A complete file that passes every rule."""
    config = draw(configs())
    llm = draw(tables(LLM))
    rounds = (config["epoch_time"] - config["warmup_time"]) // config["max_round_train_time"]
    llm["cold_start_warmup_steps"] = draw(st.integers(0, min(rounds, 2**32 - 1)))
    return {"config": config, "model": {"LLM": llm}}
