"""Locations in a file, and the excerpt of the line that is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from psyche_cli.run_config.place import Place
from psyche_cli.run_config.reader import LONGEST_SHOWN_VALUE
from psyche_cli.run_config.toml_places import Places
from tests.run_config.sample import toml_text
from tests.run_config.strategies import documents

TEXT = """\
# about the file
title = 'x' # a comment
[config]
warmup_time\t=\t600    # seconds
"quoted key" = 7
a.b . c = 1_000
[model.LLM] # header
checkpoint = { Hub = { repo_id = "org/repo", revision = "main" } }
betas = [0.9,
  0.95, # second
]
when = 1979-05-27 07:32:00
long = "abcdefghijklmnopqrstuvwxyz"
many = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
[ model . LLM . lr_schedule . Cosine ]
"名前" = "日本語"
[[list]]
x = 1
"""


def seen(key: str, rule: str = "WrongType", text: str = TEXT) -> tuple[int, int, str]:
    """Line, column, and the marked text."""
    place = Places(text).find(key, rule)
    assert place is not None
    assert place.source is not None
    return place.line, place.column, place.source[place.offset : place.offset + place.width]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("title", (2, 9, "'x'")),
        ("config.warmup_time", (4, 15, "600")),
        ("config.quoted key", (5, 16, "7")),
        ("config.a.b.c", (6, 11, "1_000")),
        ("config.a.b", (6, 1, "a.b . c")),
        ("config", (3, 1, "[config]")),
        ("model", (7, 1, "[model.LLM]")),
        ("model.LLM.checkpoint.Hub.repo_id", (8, 34, '"org/repo"')),
        ("model.LLM.checkpoint.Hub.revision", (8, 57, '"main"')),
        ("model.LLM.checkpoint", (8, 14, '{ Hub = { repo_id = "org/repo", revision = "main" } }')),
        ("model.LLM.betas[1]", (10, 3, "0.95")),
        ("model.LLM.betas", (9, 9, "[0.9,")),
        ("model.LLM.when", (12, 8, "1979-05-27 07:32:00")),
        ("model.LLM.lr_schedule", (15, 1, "[ model . LLM . lr_schedule . Cosine ]")),
        ("model.LLM.lr_schedule.Cosine.名前", (16, 8, '"日本語"')),
        ("list[0].x", (18, 5, "1")),
    ],
)
def test_a_value_is_found(key: str, expected: tuple[int, int, str]) -> None:
    tomli.loads(TEXT)
    assert seen(key) == expected
    windows = TEXT.replace("\n", "\r\n")
    assert seen(key, text=windows) == expected


def test_a_key_is_marked_where_a_rule_speaks_of_it() -> None:
    assert seen("config.warmup_time", "UnknownKey") == (4, 1, "warmup_time")
    assert seen("config.quoted key", "RetiredKey") == (5, 1, '"quoted key"')
    assert seen("model.LLM.checkpoint.Hub.revision", "UnknownKey") == (8, 46, "revision")


def test_what_is_missing_is_missing_in_the_table_around_it() -> None:
    assert seen("config.total_steps", "MissingKey") == (3, 1, "[config]")
    assert seen("model.LLM.checkpoint.Hub.prefix", "MissingKey") == (8, 16, "Hub")
    assert seen("model.LLM.betas[7]") == (9, 1, "betas")
    assert Places(TEXT).find("model2", "MissingTable") is None
    assert Places("").find("config", "MissingTable") is None


def test_what_may_be_a_secret_is_left_out() -> None:
    assert seen("model.LLM.long") == (13, 8, '"…"')
    assert seen("model.LLM.many") == (14, 8, "[…]")
    assert seen("model.LLM.many[3]") == (14, 18, "[…]")
    number = "9" * (LONGEST_SHOWN_VALUE + 1)
    assert seen("a", text=f"a = {number}") == (1, 5, "…")
    assert seen("a", text=f'a = """\n{"k" * 60}\n""" # x') == (1, 5, '"…"')
    key = "k" * 60
    assert seen("b", text=f"{key} = 1\nb = {{ {key} = {{ y = '{key}' }}, c = 2 }} # {key}") == (
        2,
        5,
        '{ … = { y = "…" }, c = 2 }',
    )
    for path in ("title", "config.warmup_time", "model.LLM"):
        place = Places(TEXT).find(path, "WrongType")
        assert place is not None
        assert "#" not in str(place.source)


def test_a_snippet_marks_by_columns_of_the_terminal() -> None:
    place = Places(TEXT).find("config.warmup_time", "OutOfRange")
    assert place is not None
    assert place.snippet() == "4 | warmup_time = 600\n  |               ^^^"
    place = Places(TEXT).find("model.LLM.lr_schedule.Cosine.名前", "TextTooLong")
    assert place is not None
    assert place.snippet() == '16 | "名前" = "日本語"\n   |          ^^^^^^^^'
    assert Place(5, 6).snippet() is None


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(inner, f"{path}.{key}".lstrip("."))]
    if isinstance(value, list):
        return [leaf for i, inner in enumerate(value) for leaf in leaves(inner, f"{path}[{i}]")]
    return [(path, value)]


def with_headers(content: dict[str, Any], path: str = "") -> str:
    """The document with a header for each table, and blanks and comments wherever TOML allows them."""
    plain = {key: value for key, value in content.items() if not isinstance(value, dict)}
    text = "".join(f"  {line}\t# {line}\n" for line in toml_text(plain).splitlines())
    for key, value in content.items():
        if isinstance(value, dict):
            name = f"{path} . {key}" if path else key
            text += f"\n# [{name}]\n [ {name} ]  # {name}\n{with_headers(value, name)}"
    return text


@given(documents(), st.booleans())
def test_every_value_is_found_where_it_is(content: dict[str, Any], headers: bool) -> None:
    text = with_headers(content) if headers else toml_text(content)
    assert tomli.loads(text) == content
    places = Places(text)
    lines = text.split("\n")
    for path, value in leaves(content):
        place = places.find(path, "WrongType")
        assert place is not None, path
        rest = lines[place.line - 1][place.column - 1 :]
        written = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f") if isinstance(value, str) else None
        assert rest.startswith(written or str(value).lower()[:3]), (path, rest)
        assert place.source is not None
        assert place.source.isprintable()
        assert place.offset < len(place.source)


MARKS = st.text("[]{}=.,#'\"\\ab1 \t\n", max_size=12)
"""What a string may contain although it means something outside of a string."""
GAPS = st.sampled_from(["", " ", "\n", " # ]},'\n", '\t\n#"\n'])


def array_of(parts: list[tuple[str, str]]) -> str:
    return "[" + ",".join(value + gap for value, gap in parts) + "]"


VALUES = st.recursive(
    st.one_of(
        st.sampled_from(["7", "-1_000", "0.5e3", "inf", "true", "0xff", "1979-05-27T07:32:00Z", "1979-05-27 07:32:00"]),
        MARKS.map(json.dumps),
        MARKS.map(lambda text: "'" + text.replace("'", "").replace("\n", "") + "'"),
        MARKS.map(lambda text: '"""' + text.replace("\\", "\\\\").replace('"', '\\"') + '"""'),
        MARKS.map(lambda text: "'''" + text.replace("''", "'") + "'''"),
    ),
    lambda inner: st.one_of(
        st.lists(st.tuples(inner, GAPS), max_size=3).map(array_of),
        inner.map(lambda value: f"{{ a = {value}, '}}' = 1 }}"),
    ),
    max_leaves=4,
)


@given(
    st.lists(st.tuples(VALUES, st.sampled_from(["", " # '\"", "\n[t{}]", "\n# [x]\n[[t{}]]"])), min_size=1, max_size=6)
)
def test_the_scanner_reads_whatever_the_parser_accepts(parts: list[tuple[str, str]]) -> None:
    text, table, expected = "", "", {}
    for number, (value, after) in enumerate(parts):
        text += f"k{number} = "
        expected[f"{table}k{number}"] = (text.count("\n") + 1, len(text) - text.rfind("\n"))
        text += value + after.format(number) + "\n"
        if "[t" in after:
            table = f"t{number}[0]." if "[[" in after else f"t{number}."
    tomli.loads(text)
    places = Places(text)
    for key, at in expected.items():
        place = places.find(key, "WrongType")
        assert place is not None, key
        assert (place.line, place.column) == at, key
