"""The differences between two configurations, by key."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from psyche_cli.run_config.schema import ROOTS, leaves
from psyche_cli.run_config.types import Array, Float


@dataclass(frozen=True)
class Difference:
    """A changed value: its key (dotted path), and its value before and after. None means absent."""

    key: str
    before: Any
    after: Any


def differences(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str) -> list[Difference]:
    """The values that differ, in the key order of ``after``.

    Both arguments have the form used by ``load.RunConfig``. ``prefix`` is the part that they represent (``config``,
    ``model`` or ``metadata``) and the first component of every key. If a choice changes to another variant, the entire
    choice is one difference. Values of f32 fields are rounded to 32 bits before the comparison, as on-chain.
    """
    return list(_below(before, after, prefix, _float32_keys()))


def _below(before: Any, after: Any, key: str, float32: frozenset[str]) -> list[Difference]:
    if isinstance(before, Mapping) and isinstance(after, Mapping) and ("." not in key or before.keys() == after.keys()):
        names = dict.fromkeys((*after, *before))
        return [d for n in names for d in _below(before.get(n), after.get(n), f"{key}.{n}", float32)]
    same = _rounded(before) == _rounded(after) if key in float32 else _plain(before) == _plain(after)
    return [] if same else [Difference(key, before, after)]


def as_stored(value: Any, prefix: str) -> Any:
    """A table as it is read back from the account: values of f32 fields are rounded to 32 bits."""
    return _stored(value, prefix, _float32_keys())


def _stored(value: Any, key: str, float32: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _stored(inner, f"{key}.{name}", float32) for name, inner in value.items()}
    return _rounded(value) if key in float32 else value


@cache
def _float32_keys() -> frozenset[str]:
    found = set()
    for root, kind in ROOTS.items():
        for path, leaf in leaves(kind, root):
            item = leaf.item if isinstance(leaf, Array) else leaf
            if item == Float(32):
                found.add(path)
    return frozenset(found)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple | list) else value


def _rounded(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_rounded(item) for item in value]
    return value if value is None else round_to_float32(value)


def round_to_float32(number: float) -> float:
    """Round a number to a 32-bit float: 0.999 becomes 0.9990000128746033.

    Raises OverflowError for a number outside the range of an f32, which validation of the file rules out.
    """
    rounded: float = struct.unpack("<f", struct.pack("<f", number))[0]
    return rounded
