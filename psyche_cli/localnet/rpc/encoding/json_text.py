"""JSON text of results. Large binary data is encoded in parts, because at once it would take too long."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

from psyche_cli.json_values import Json

_LARGE_BYTES: Final = 512 * 1024
_PART_BYTES: Final = 3 * 256 * 1024
_MARK: Final = os.urandom(16).hex()
"""Stands in a text for large data. No client can know it, so none can make it appear anywhere else."""

plain_text: Final = json.JSONEncoder(separators=(",", ":")).encode
"""The JSON text of a value that contains no large data."""


class LargeBase64:
    """Data whose base64 text is part of a result."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __len__(self) -> int:
        """The number of characters of the text."""
        return (len(self._data) + 2) // 3 * 4

    def parts(self) -> Iterator[str]:
        """The text."""
        for start in range(0, len(self._data), _PART_BYTES):
            yield base64.b64encode(self._data[start : start + _PART_BYTES]).decode()


JsonPart: TypeAlias = "str | LargeBase64"


def base64_text(data: bytes) -> Json:
    """The base64 text of data, for results that are encoded by this module."""
    return base64.b64encode(data).decode() if len(data) <= _LARGE_BYTES else LargeBase64(data)


def unfinished_parts(value: Json) -> list[JsonPart]:
    """The JSON text of a value, in which large data is not encoded yet."""
    large: list[LargeBase64] = []

    def mark(found: Any) -> str:
        if not isinstance(found, LargeBase64):
            raise TypeError(f"{type(found).__name__} is not JSON")
        large.append(found)
        return _MARK

    text = json.JSONEncoder(separators=(",", ":"), default=mark).encode(value)
    if not large:
        return [text]
    before, *others = text.split(_MARK)
    parts: list[JsonPart] = [before]
    for data, after in zip(large, others, strict=True):
        parts += (data, after)
    return parts


def finished(parts: Iterable[JsonPart]) -> Iterator[str]:
    """The text of such parts."""
    for part in parts:
        if isinstance(part, str):
            yield part
        else:
            yield from part.parts()


def json_text(value: Json) -> str:
    """The JSON text of a value."""
    return "".join(finished(unfinished_parts(value)))
