"""Structures that differ from another one in a few fields."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from psyche_cli.protocol.layouts import v1_model


def derived(base: Any, *, without: Collection[str] = (), is_reversed: bool = False, **kinds: Any) -> Any:
    """A ctypes structure or union like ``base``.

    ``kinds`` are the types of fields that have another type, and of fields to append; ``without`` are the fields to
    omit. With ``is_reversed``, the fields are in the opposite order. They are at their natural alignment.
    """
    fields = [(name, kinds.pop(name, kind)) for name, kind in base._fields_ if name not in without]
    fields += kinds.items()
    if is_reversed:
        fields.reverse()
    names = ("variants", "_anonymous_", "__doc__")
    kept = {name: getattr(base, name) for name in names if getattr(base, name, None) is not None}
    return type(base)(base.__name__, base.__bases__, {**kept, "_fields_": tuple(fields)})


def model_with(llm: Any) -> Any:
    """The model of layout v1 with another structure of a language model."""
    return derived(v1_model.Model, payload=derived(v1_model.ModelPayload, LLM=llm))
