r"""Parses the lines that a worker prints.

A worker reports by printing one JSON object per line on its standard output, and flushing it::

    {"type": "step", "step": 17, "loss": 3.25, "phase": "train"}
    {"type": "episode", "episode": 2, "mean_loss": 2.5}
    {"type": "run_completed", "outcome": "trained"}

``step`` and ``episode`` are required there: whole numbers from 0. ``time``, in seconds since 1970, defaults to the time
at which the line is read. Every other key is a value if it is a number, true (1) or false (0), and a text if it is a
string. ``run_id`` and ``worker_id`` are ignored, because the proxy belongs to one worker. Anything else is malformed:
numbers that are not finite, null, arrays, objects, repeated keys, and what exceeds the limits of this module.

A line that is not a JSON object, or whose type is none of these, is ordinary output.
"""

from __future__ import annotations

import json
import math
import re
from functools import lru_cache
from typing import Any, Final

from psyche_cli.workers.telemetry.events import Event, Kind, event_of

MOST_LINE_BYTES: Final = 16_384
"""The maximum size of a line, without its line break."""
MOST_FIELDS: Final = 64
"""The maximum number of values and texts of a line."""
MOST_TEXT_CHARACTERS: Final = 1024
"""The maximum length of a text."""
MOST_NUMBER: Final = (1 << 63) - 1
"""The maximum of steps, episodes, and times in nanoseconds."""

_MOST_FIELDS_CHARACTERS: Final = 2 * MOST_LINE_BYTES
"""Numbers are written with a decimal point, so fields may be longer than their line."""
_MICROSECOND: Final = 1000
_MOST_SECONDS: Final = 9_000_000_000
"""In the year 2255; in nanoseconds it still fits into 64 bits."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/-]{0,63}")
_NUMBERED: Final = {Kind.STEP: "step", Kind.EPISODE: "episode"}
_KINDS: Final = {kind.value: kind for kind in Kind}
_IGNORED: Final = frozenset(("type", "time", "run_id", "worker_id"))


class LineSplitter:
    """Divides output into lines. Of a line that is too long to be parsed, only its beginning is kept."""

    def __init__(self) -> None:
        self._begun = b""

    def feed(self, output: bytes) -> list[bytes]:
        """The lines that ``output`` completes, without line breaks."""
        first, *others = output.split(b"\n")
        lines = [self._begun + first, *others] if len(self._begun) <= MOST_LINE_BYTES else [self._begun, *others]
        self._begun = lines.pop()[: MOST_LINE_BYTES + 1]
        return lines

    def rest(self) -> list[bytes]:
        """What follows the last line break, at the end of the output."""
        rest, self._begun = self._begun, b""
        return [rest] if rest else []


class MalformedLine(ValueError):
    """A line that was meant as telemetry, and violates the format. The message says how, without quoting the line."""


def parse(line: bytes, now: int, most_bytes: int = MOST_LINE_BYTES) -> Event | None:
    """The event that a line reports, or None if it is ordinary output.

    ``now`` is the time of an event without ``time``, in nanoseconds since 1970. Raises MalformedLine.
    """
    if not line.lstrip().startswith(b"{"):
        return None
    if len(line) > most_bytes:
        raise MalformedLine(f"longer than {most_bytes:,} bytes")
    try:
        found = _object(line.decode())
    except UnicodeDecodeError as error:
        raise MalformedLine("not JSON") from error
    name = found.get("type")
    kind = _KINDS.get(name) if isinstance(name, str) else None
    return None if kind is None else _event(kind, found, now)


@lru_cache(maxsize=4096)
def is_name(key: str) -> bool:
    """Whether a value or a text can have this key."""
    return _NAME.fullmatch(key) is not None


def check_fields(fields: str) -> None:
    """Raise MalformedLine unless these are the fields of an event that ``parse`` can return."""
    if len(fields) > _MOST_FIELDS_CHARACTERS:
        raise MalformedLine("values and texts are too long")
    found = _object(fields)
    if len(found) > MOST_FIELDS or not all(map(is_name, found)):
        raise MalformedLine("invalid names, or too many values and texts")
    for value in found.values():
        if type(value) is str:
            _text(value)
        elif type(value) is not float or not math.isfinite(value):
            raise MalformedLine("a value is not finite, or not a number with a decimal point")


def line_of(event: Event) -> str:
    """The line, without a line break, that ``parse`` reads as this event. Its time is rounded down to microseconds."""
    fields: dict[str, object] = {"type": event.kind.value}
    if event.kind in _NUMBERED:
        fields[_NUMBERED[event.kind]] = event.number
    fields["time"] = event.at // _MICROSECOND / 1_000_000
    return json.dumps({**fields, **event.values, **event.texts}, separators=(",", ":"), allow_nan=False)


def _object(text: str) -> dict[str, Any]:
    try:
        found = _DECODER.decode(text)
    except MalformedLine:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedLine("not JSON") from error
    if not isinstance(found, dict):
        raise MalformedLine("not a JSON object")
    return found


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedLine("a key is repeated")
    return found


def _refuse_constant(_name: str) -> None:
    raise MalformedLine("a number is not finite")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_without_repetition, parse_constant=_refuse_constant)


def _event(kind: Kind, found: dict[str, Any], now: int) -> Event:
    number_key = _NUMBERED.get(kind)
    number = 0 if number_key is None else _number(number_key, found.get(number_key))
    at = _time(found["time"]) if "time" in found else now
    values: dict[str, float] = {}
    texts: dict[str, str] = {}
    for key, value in found.items():
        if key in _IGNORED or key == number_key:
            continue
        if not is_name(key):
            raise MalformedLine("a key is not a name of up to 64 letters, digits and _.:/-")
        if isinstance(value, str):
            texts[key] = _text(value)
        else:
            values[key] = _value(value)
    if len(values) + len(texts) > MOST_FIELDS:
        raise MalformedLine(f"more than {MOST_FIELDS} values and texts")
    return event_of(kind, number, at, values, texts)


def _number(key: str, value: object) -> int:
    if type(value) is not int or not 0 <= value <= MOST_NUMBER:
        raise MalformedLine(f"{key} is missing or not a whole number from 0")
    return value


def _time(value: object) -> int:
    seconds = _value(value)
    if isinstance(value, bool) or not 0 <= seconds < _MOST_SECONDS:
        raise MalformedLine("time is not in seconds since 1970")
    return round(seconds * 1_000_000) * _MICROSECOND


def _value(value: object) -> float:
    if not isinstance(value, (int, float)):
        raise MalformedLine("a value is null, an array or an object")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise MalformedLine("a number is not finite")
    return number


def _text(value: str) -> str:
    if len(value) > MOST_TEXT_CHARACTERS:
        raise MalformedLine(f"a text is longer than {MOST_TEXT_CHARACTERS:,} characters")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise MalformedLine("a text is not Unicode") from error
    return value
