"""Changes numbers in the text of a TOML file, and nothing else: comments, layout and line endings stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psyche_cli.run_config.toml_places import Places
from psyche_cli.texts import BYTE_ORDER_MARK


def with_numbers(text: str, values: Mapping[str, int]) -> str:
    """The text of a valid TOML file with other integers at these dotted keys, which it must have.

    The result is parsed and compared with what it should be. Raises KeyError for a key that the text does not have.
    """
    import tomli

    mark = text[: len(BYTE_ORDER_MARK)] if text.startswith(BYTE_ORDER_MARK) else ""
    lines = text[len(mark) :].split("\r\n")
    joined = "\n".join(lines)
    places = Places(joined)
    spans = []
    for key, value in values.items():
        span = places.value_span(key)
        if span is None:
            raise KeyError(key)
        spans.append((*span, str(value)))
    breaks, at = list[int](), 0
    for line in lines[:-1]:
        at += len(line)
        breaks.append(at)
        at += 1
    pieces, end = list[str](), 0
    for first, last, number in sorted(spans):
        pieces += [_with_breaks(joined, end, first, breaks), number]
        end = last
    found = mark + "".join(pieces) + _with_breaks(joined, end, len(joined), breaks)
    wanted = tomli.loads(joined)
    for key, value in values.items():
        _table(wanted, key)[key.rpartition(".")[2]] = value
    assert tomli.loads(found[len(mark) :]) == wanted
    return found


def _with_breaks(text: str, first: int, end: int, breaks: list[int]) -> str:
    """A part of the text, with a carriage return before each of these line breaks."""
    pieces, at = list[str](), first
    for place in breaks:
        if first <= place < end:
            pieces += [text[at:place], "\r"]
            at = place
    return "".join(pieces) + text[at:end]


def _table(document: dict[str, Any], key: str) -> dict[str, Any]:
    """The table that contains the value at a dotted key of bare words."""
    for name in key.split(".")[:-1]:
        document = document[name]
    return document
