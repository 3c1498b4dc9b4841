from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from psyche_cli.errors import ConfigurationError
from psyche_cli.run_config.differences import differences
from psyche_cli.run_config.load import RunConfig, load_run_config
from psyche_cli.run_config.rules import check_run
from tests.run_config.sample import document, problems_in, toml_text
from tests.run_config.strategies import documents
from tests.support.counts import repetitions


def load_bytes(content: bytes) -> RunConfig:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.toml"
        path.write_bytes(content)
        return load_run_config(path)


def load(content: dict[str, Any]) -> RunConfig:
    return load_bytes(toml_text(content).encode())


def _keys_told_of(content: dict[str, Any]) -> list[str] | None:
    """The keys of a document's problems, or None if it loads. Asserts that every message is printable."""
    try:
        load(content)
    except ConfigurationError as error:
        problems = problems_in(error)
    else:
        return None
    assert problems
    assert all(message.isprintable() for _, _, message in problems)
    return [key for key, _, _ in problems]


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return value


def _places(value: Any, path: str = "") -> list[str]:
    """The dotted path of every value in a document, tables included."""
    if not isinstance(value, dict):
        return []
    below = [f"{path}.{key}" if path else key for key in value]
    return below + [place for key, at in zip(value, below, strict=True) for place in _places(value[key], at)]


def _at(content: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """The table that holds the value at ``path``, and its key there."""
    *parents, last = path.split(".")
    for name in parents:
        content = content[name]
    return content, last


def _value(content: dict[str, Any], path: str) -> Any:
    table, key = _at(content, path)
    return table[key]


@given(documents())
def test_every_valid_document_loads_as_it_is_and_passes(content: dict[str, Any]) -> None:
    loaded = load(content)
    assert loaded.config == content["config"]
    assert _without_none(loaded.model) == content["model"]
    assert check_run(loaded.config, loaded.model) == []
    assert differences(loaded.model, load(content).model, "model") == []


OPTIONAL = ("revision", "prefix", "clip_grad_norm", "weight_decay")


@given(documents(), st.data())
def test_a_key_that_is_taken_away_is_named(content: dict[str, Any], data: st.DataObject) -> None:
    places = _places(content)
    optional = [path for path in places if path.rpartition(".")[2] in OPTIONAL]
    path = data.draw(st.sampled_from(places) | st.sampled_from(optional or places))
    table, key = _at(content, path)
    del table[key]
    told = _keys_told_of(content)
    if key in OPTIONAL:
        assert told in (None, [path])
    else:
        # A choice that lost its variant is named itself, since any variant would do.
        assert told in ([path], [path.rpartition(".")[0]])


@given(documents(), st.data())
def test_a_key_that_does_not_exist_is_named(content: dict[str, Any], data: st.DataObject) -> None:
    tables = [path for path in _places(content) if isinstance(_at(content, path)[0][_at(content, path)[1]], dict)]
    path = data.draw(st.sampled_from(tables))
    table, key = _at(content, path)
    table[key]["zzz"] = 1
    assert _keys_told_of(content) in ([path], [f"{path}.zzz"])


WRONG = st.sampled_from([-1, 2**64, "", "no such name", [], [1, 2, 3], {"a": 1}, float("nan"), True])


@given(documents(), WRONG, st.data())
def test_a_wrong_value_is_named_by_its_key(content: dict[str, Any], wrong: Any, data: st.DataObject) -> None:
    places = [place for place in _places(content) if "." in place]
    lenient = [path for path in places if isinstance(_value(content, path), str | float | bool)]
    path = data.draw(st.sampled_from(places) | st.sampled_from(lenient or places))
    table, key = _at(content, path)
    table[key] = wrong
    told = _keys_told_of(content)
    if told is None:
        # Some types take some of these values: texts a short text, floats -1, booleans true.
        loaded = load(content)
        table, key = _at({"config": loaded.config, "model": loaded.model}, path)
        assert table[key] == wrong
    else:
        assert all(found == path or found.startswith((f"{path}.", f"{path}[")) for found in told)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_end_in_a_configuration_error(content: bytes) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_bytes(content)
    assert problems_in(caught.value)


TOML_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.integers() | st.floats() | st.booleans() | st.text(st.characters(codec="utf-8"), max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc_.é\n", max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["config", "model", "run_id", "other", ""]), TOML_VALUES, max_size=4))
def test_arbitrary_documents_end_in_a_configuration_error(content: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(content)
    assert problems_in(caught.value)


@given(st.data(), TOML_VALUES)
@settings(max_examples=repetitions(200))
def test_any_value_anywhere_is_accepted_or_reported(data: st.DataObject, value: Any) -> None:
    content = document()
    path = data.draw(st.sampled_from(_places(content)))
    table, key = _at(content, path)
    table[key] = value
    told = _keys_told_of(content)
    assert told is None or all(told)


@given(documents())
def test_toml_as_these_tests_write_it_reads_back(content: dict[str, Any]) -> None:
    assert tomli.loads(toml_text(content)) == content
