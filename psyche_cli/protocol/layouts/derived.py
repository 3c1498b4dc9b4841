"""Structures that differ from another one in a few fields."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


def derived(base: Any, *, without: Collection[str] = (), **kinds: Any) -> Any:
    """A ctypes structure or union like ``base``.

    ``kinds`` are the types of fields that have another type, and of fields to append; ``without`` are the fields to
    omit. Fields are at their natural alignment.
    """
    fields = [(name, kinds.pop(name, kind)) for name, kind in base._fields_ if name not in without]
    fields += kinds.items()
    names = ("variants", "_anonymous_", "__doc__")
    kept = {name: getattr(base, name) for name in names if getattr(base, name, None) is not None}
    return type(base)(base.__name__, base.__bases__, {**kept, "_fields_": tuple(fields)})
