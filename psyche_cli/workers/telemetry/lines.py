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
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from psyche_cli.workers.telemetry.events import MOST_IN_BATCH, NUMBERED, RESERVED, Event, Kind, Stream

MOST_LINE_BYTES: Final = 16_384
"""The maximum size of a line, without its line break."""
MOST_FIELDS: Final = 64
"""The maximum number of values and texts of a line."""
MOST_TEXT_CHARACTERS: Final = 1024
"""The maximum length of a text."""
MOST_NUMBER: Final = (1 << 63) - 1
"""The maximum of steps, episodes, and times in nanoseconds."""

_MICROSECOND: Final = 1000
_MOST_SECONDS: Final = 9_000_000_000
"""In the year 2255; in nanoseconds it still fits into 64 bits."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/-]{0,63}")
_KINDS: Final = {kind.value: kind for kind in Kind}
_WHITE_SPACE: Final = b" \t\r"
"""Of JSON, without the line break."""


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


def parse(line: bytes, now: int) -> tuple[Stream, Event] | None:
    """The event that a line reports, and its stream, or None if the line is ordinary output.

    ``now`` is the time of an event without ``time``, in nanoseconds since 1970. Raises MalformedLine.
    """
    stripped = line.strip(_WHITE_SPACE)
    if not stripped.startswith(b"{"):
        return None
    if len(line) > MOST_LINE_BYTES:
        raise MalformedLine(f"longer than {MOST_LINE_BYTES:,} bytes")
    try:
        text = stripped.decode()
        pairs, end = _DECODER.raw_decode(text)
    except MalformedLine:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedLine("not JSON") from error
    if end != len(text):
        raise MalformedLine("not JSON")
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedLine("a key is repeated")
    name = found.get("type")
    kind = _KINDS.get(name) if type(name) is str else None
    return None if kind is None else (kind.stream, Event(_checked(kind, found, now), text))


def printed_events(stream: Stream, times: Sequence[int], lines: Sequence[str]) -> tuple[Event, ...]:
    """The events of a batch, of which the times and lines are given. They are not trusted.

    Raises MalformedLine unless ``parse`` has returned each of them, and they fit into a batch.
    """
    if len(lines) > MOST_IN_BATCH:
        raise MalformedLine(f"more than {MOST_IN_BATCH} events")
    if len(times) != len(lines) or any(type(at) is not int or not 0 <= at <= MOST_NUMBER for at in times):
        raise MalformedLine("an invalid time, or not one for each event")
    events = []
    for at, line in zip(times, lines, strict=True):
        parsed = parse(line.encode(), at)
        if parsed is None or parsed[0] is not stream or "\n" in line:
            raise MalformedLine(f"an event is not one of the stream {stream.value}")
        events.append(parsed[1])
    return tuple(events)


def _refuse_constant(_name: str) -> None:
    raise MalformedLine("a number is not finite")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=tuple, parse_constant=_refuse_constant)
"""Decodes objects to tuples of pairs."""


def _checked(kind: Kind, found: dict[str, Any], now: int) -> int:
    """The time of an event whose line was decoded. Raises MalformedLine. Changes ``found``."""
    number_key = NUMBERED.get(kind)
    if number_key is not None:
        number = found.pop(number_key, None)
        if type(number) is not int or not 0 <= number <= MOST_NUMBER:
            raise MalformedLine(f"{number_key} is missing or not a whole number from 0")
    at = _time(found["time"]) if "time" in found else now
    for key in RESERVED:
        found.pop(key, None)
    if len(found) > MOST_FIELDS:
        raise MalformedLine(f"more than {MOST_FIELDS} values and texts")
    if not _are_names(tuple(found)):
        raise MalformedLine("a key is not a name of up to 64 letters, digits and _.:/-")
    for value in found.values():
        if type(value) is float:
            if not math.isfinite(value):
                raise MalformedLine("a number is not finite")
        elif type(value) is str:
            _check_text(value)
        else:
            _number(value)
    return at


@lru_cache(maxsize=256)
def _are_names(keys: tuple[str, ...]) -> bool:
    """Whether values and texts can have these keys. A worker repeats the same ones."""
    return all(map(_NAME.fullmatch, keys))


def _time(value: object) -> int:
    seconds = _number(value)
    if isinstance(value, bool) or not 0 <= seconds < _MOST_SECONDS:
        raise MalformedLine("time is not in seconds since 1970")
    return round(seconds * 1_000_000) * _MICROSECOND


def _number(value: object) -> float:
    if not isinstance(value, (int, float)):
        raise MalformedLine("a value is null, an array or an object")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise MalformedLine("a number is not finite")
    return number


def _check_text(value: str) -> None:
    if len(value) > MOST_TEXT_CHARACTERS:
        raise MalformedLine(f"a text is longer than {MOST_TEXT_CHARACTERS:,} characters")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise MalformedLine("a text is not Unicode") from error
