"""The values of a state or of a decoded account by path, to compare and to show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Any, Final, TypeAlias

from solders.hash import Hash
from solders.pubkey import Pubkey

Leaf: TypeAlias = "str | int | float | bool | None"
"""A value without parts. None means absent."""

_ELSEWHERE: Final = ("address", "lamports")
"""Fields of a content that are not part of it."""
_MOST_SHOWN_BYTES: Final = 64


def same(one: Leaf, other: Leaf) -> bool:
    """Whether two values are equal. NaN equals itself."""
    return one == other or (one != one and other != other)


def shown_leaf(leaf: Leaf) -> str:
    """A value as text, quoted only if it could be misread: if it is empty, or has unprintable characters or margins."""
    if leaf is None:
        return "none"
    if isinstance(leaf, bool):
        return "true" if leaf else "false"
    if isinstance(leaf, str) and (not leaf or leaf != leaf.strip() or not leaf.isprintable()):
        return repr(leaf)
    return str(leaf)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Leaf]]:
    """The leaves of a value that is part of others at ``path``, such as ``config.total_steps``."""
    if is_dataclass(value):
        parts: dict[str, Any] = {field.name: getattr(value, field.name) for field in fields(value)}
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        parts = {name: getattr(value, name) for name in value._fields if path or name not in _ELSEWHERE}
    elif isinstance(value, Mapping):
        parts = dict(value)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{index}]")
        return
    else:
        yield path, _leaf(value, path)
        return
    for name, inner in parts.items():
        yield from leaves(inner, f"{path}.{name}" if path else name)


def _leaf(value: Any, path: str) -> Leaf:
    if isinstance(value, bytes):
        if path.endswith("signer"):
            return str(Pubkey.from_bytes(value))
        if len(value) > _MOST_SHOWN_BYTES:
            return f"{len(value)} bytes with SHA-256 {sha256(value).hexdigest()}"
        return value.hex()
    if isinstance(value, Pubkey | Hash):
        return str(value)
    if isinstance(value, IntEnum):
        return str(getattr(value, "text", value.name))
    leaf: Leaf = value
    return leaf
