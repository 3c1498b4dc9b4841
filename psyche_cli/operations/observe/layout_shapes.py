"""JSON Schemas of the configuration and the model of a run, which depend on the layout of its account."""

from __future__ import annotations

from typing import Final, cast

from psyche_cli.json_schema import Schema
from psyche_cli.run_config.json_shape import json_shape
from psyche_cli.run_config.schema import CONFIG, LLM
from psyche_cli.run_config.types import Choice, Field, Integer, Table, Text, Variant

_V0_CONFIG: Final = Table(
    (
        *(field for field in CONFIG.fields if field.key not in ("epoch_time", "waiting_for_members_extra_time")),
        Field("rounds_per_epoch", Integer(32), "number of rounds of an epoch"),
    )
)


def _repository(name: str, optional: str) -> Table:
    return Table(
        (
            Field(name, Text(256), "the repository or bucket"),
            Field(optional, Text(256), "the revision or folder", optional=True),
        )
    )


_V2_DEV_CHECKPOINT: Final = Choice(
    (
        Variant("Dummy"),
        Variant("Hub", _repository("repo_id", "revision")),
        Variant("Gcs", _repository("bucket", "prefix")),
    )
)
_V2_DEV_LLM: Final = Table(
    (
        *(field for field in LLM.fields if field.key in ("max_seq_len", "cold_start_warmup_steps")),
        Field(
            "checkpoint_source",
            Choice(tuple(map(Variant, ("Ephemeral", "Stored", "P2P")))),
            "where clients load the model from",
        ),
        Field("checkpoint", _V2_DEV_CHECKPOINT, "decoded from checkpoint_data; null if it cannot be", optional=True),
    )
)


def config_shape() -> Schema:
    """The configuration of layout v1 and those that share it, or of layout v0."""
    return {"anyOf": [json_shape(CONFIG), json_shape(_V0_CONFIG)]}


def model_shape() -> Schema:
    """The model of layout v1 and those that share it, or of layout v2-dev."""
    v1, v2_dev = json_shape(LLM), json_shape(_V2_DEV_LLM)
    properties = cast("Schema", v1["properties"])
    properties["checkpoint"] = {"anyOf": [properties["checkpoint"], {"type": "null"}]}
    stored = cast("Schema", v2_dev["properties"])
    octet: Schema = {"type": "integer", "minimum": 0, "maximum": 255}
    stored["checkpoint_data"] = {"type": "array", "items": octet, "maxItems": 256, "description": "The bytes in use."}
    cast("list[str]", v2_dev["required"]).append("checkpoint_data")
    for shape in (properties, stored):
        shape["checkpoint_error"] = {"type": "string", "description": "Why the checkpoint is null, if it is damaged."}
    return {
        "type": "object",
        "properties": {"LLM": {"anyOf": [v1, v2_dev]}},
        "required": ["LLM"],
        "additionalProperties": False,
    }
