"""A worker's lines: what is an event, what is malformed, and what is ordinary output."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche_cli.workers.telemetry.events import Content, Event, Kind
from psyche_cli.workers.telemetry.lines import (
    MOST_FIELDS,
    MOST_LINE_BYTES,
    MOST_TEXT_CHARACTERS,
    MalformedLine,
    parse,
    printed_events,
)

NOW = 1_800_000_000_123_456_789
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.:/-]{0,30}", fullmatch=True).filter(
    lambda name: name not in {"type", "time", "run_id", "worker_id", "step", "episode"}
)
VALUES = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(1 << 53), 1 << 53), st.booleans())
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)


@pytest.mark.parametrize(
    ("line", "at", "content"),
    [
        (
            '{"type": "step", "step": 17, "loss": 3.25, "phase": "train", "witness": true}',
            NOW,
            Content(Kind.STEP, 17, {"loss": 3.25, "witness": 1.0}, {"phase": "train"}),
        ),
        (
            ' {"type":"episode","episode":0,"step":9,"time":1.5,"run_id":"x","worker_id":null}\r',
            1_500_000_000,
            Content(Kind.EPISODE, 0, {"step": 9.0}, {}),
        ),
        (
            '{"type":"run_completed","outcome":"trained"}\t ',
            NOW,
            Content(Kind.RUN_COMPLETED, 0, {}, {"outcome": "trained"}),
        ),
    ],
)
def test_an_event_is_parsed(line: str, at: int, content: Content) -> None:
    assert parse(line.encode(), NOW) == (content.kind.stream, Event(at, line.strip()))
    assert Event(at, line).read() == content


@pytest.mark.parametrize(
    "line", ["", "   ", "loading weights", "[1, 2]", '"type"', '{"type": "metric"}', '{"type": 3}', "{}", "nan", "\0"]
)
def test_ordinary_output_is_no_event(line: str) -> None:
    assert parse(line.encode(), NOW) is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"type":"step"', "not JSON"),
        ("{'type': 'step'}", "not JSON"),
        ('{"type":"step","step":1} trailing', "not JSON"),
        ('{"a":' + "[" * 8000, "not JSON"),
        ('{"type":"step","step":' + "9" * 5000 + "}", "not JSON"),
        ('{"type":"step"}', "step is missing"),
        ('{"type":"step","step":-1}', "step is missing or not a whole number"),
        ('{"type":"step","step":1.0}', "step is missing or not a whole number"),
        ('{"type":"step","step":true}', "step is missing or not a whole number"),
        ('{"type":"step","step":9223372036854775808}', "step is missing or not a whole number"),
        ('{"type":"episode","step":1}', "episode is missing"),
        ('{"type":"step","step":1,"loss":NaN}', "not finite"),
        ('{"type":"step","step":1,"loss":-Infinity}', "not finite"),
        ('{"type":"step","step":1,"loss":1e999}', "not finite"),
        ('{"type":"step","step":1,"loss":1' + "0" * 400 + "}", "not finite"),
        ('{"type":"step","step":1,"loss":null}', "null, an array or an object"),
        ('{"type":"step","step":1,"loss":[1]}', "null, an array or an object"),
        ('{"type":"step","step":1,"loss":{"a":1}}', "null, an array or an object"),
        ('{"type":"step","step":1,"a":1,"a":2}', "a key is repeated"),
        ('{"type":"step","step":1,"":1}', "a key is not a name"),
        ('{"type":"step","step":1,"a b":1}', "a key is not a name"),
        ('{"type":"step","step":1,"a\\u001b[2J":1}', "a key is not a name"),
        ('{"type":"step","step":1,"' + "a" * 65 + '":1}', "a key is not a name"),
        ('{"type":"step","step":1,"time":-1}', "time is not in seconds"),
        ('{"type":"step","step":1,"time":1e10}', "time is not in seconds"),
        ('{"type":"step","step":1,"time":true}', "time is not in seconds"),
        ('{"type":"step","step":1,"text":"' + "a" * (MOST_TEXT_CHARACTERS + 1) + '"}', "a text is longer"),
        ('{"type":"step","step":1,"text":"\\ud800"}', "a text is not Unicode"),
        (json.dumps({"type": "step", "step": 1} | {f"v{i}": i for i in range(MOST_FIELDS + 1)}), "more than 64"),
        ('{"type":"step","step":1' + " " * MOST_LINE_BYTES + "}", "longer than 16,384 bytes"),
    ],
)
def test_a_malformed_line_is_refused_with_the_reason(line: str, reason: str) -> None:
    with pytest.raises(MalformedLine, match=reason):
        parse(line.encode(), NOW)


def test_a_line_that_is_not_utf_8_is_malformed() -> None:
    with pytest.raises(MalformedLine, match="not JSON"):
        parse(b'{"type":"step","step":1,"text":"\xff"}', NOW)


@given(
    st.sampled_from([Kind.STEP, Kind.EPISODE]),
    st.integers(0, (1 << 63) - 1),
    st.dictionaries(NAMES, st.one_of(VALUES, TEXTS), max_size=16),
    st.booleans(),
)
def test_what_is_printed_is_read(kind: Kind, number: int, fields: dict[str, float | str], ascii_only: bool) -> None:
    line = json.dumps({**fields, "type": kind.value, kind.value: number}, ensure_ascii=ascii_only)
    parsed = parse(line.encode(), NOW)
    assert parsed == (kind.stream, Event(NOW, line))
    found = parsed[1].read()
    assert (found.kind, found.number, found.values | found.texts) == (kind, number, fields)
    assert all(type(value) is float for value in found.values.values())
    assert printed_events(kind.stream, [NOW], [line]) == (parsed[1],)


@given(st.binary(max_size=200).map(lambda rest: b"{" + rest))
def test_hostile_bytes_are_malformed_or_ordinary(line: bytes) -> None:
    with suppress(MalformedLine):
        assert parse(line, NOW) is None
