"""The reader and the writer of run files."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from psyche_cli.errors import ConfigurationError
from psyche_cli.limits import U64_MAX
from psyche_cli.run_config.reader import Reader
from psyche_cli.run_config.schema import ROOTS
from psyche_cli.run_file.load import FILE_PROBLEM_NAMES, load_run_file, parse_run_file
from psyche_cli.run_file.schema import TABLES, TOP
from psyche_cli.run_file.wanted import (
    WantedAuthorization,
    WantedFunding,
    WantedJoin,
    WantedRun,
    WantedTreasurer,
)
from psyche_cli.run_file.write import run_file_toml
from tests.cli.conftest import CONFIGS, MINIMAL
from tests.run_config.strategies import documents, texts
from tests.support.counts import repetitions

HEAD = 'version = 1\nrun_id = "test"\n'
KEY = "Stake11111111111111111111111111111111111111"
PATH = Path("run.toml")


def problems_of(text: str, path: Path = PATH) -> list[dict[str, Any]]:
    with pytest.raises(ConfigurationError) as caught:
        parse_run_file(text, path)
    return [dict(one) for one in caught.value.problems]


def test_a_minimal_file_leaves_everything_unchanged() -> None:
    wanted = parse_run_file(HEAD, PATH)
    assert wanted == WantedRun("test", PATH)


def test_all_problems_are_reported_at_once_with_their_places() -> None:
    text = f"""
version = 2
run_id = ""
state = "runing"
client_versoin = "latest"
[metadata]
name = 5
[join]
authority = "nobody"
everyone = "yes"
[[join.authorizations]]
grantee = "{KEY}"
[[join.authorizations]]
grantee = "{KEY}"
delegate = []
[treasurer]
index = -1
[rewards]
earning_rate = 1.5
slashing_rate = "a lot"
keep_epochs = 1
[funding]
keep_epochs = 1
keep_amount = "1"
"""
    found = problems_of(text)
    assert [(one["key"], one["rule"]) for one in found] == [
        ("client_versoin", "UnknownKey"),
        ("version", "UnknownVersion"),
        ("run_id", "InvalidRunId"),
        ("state", "UnknownVariant"),
        ("metadata.name", "WrongType"),
        ("join.authority", "InvalidPublicKey"),
        ("join.everyone", "WrongType"),
        ("treasurer.mint", "MissingKey"),
        ("treasurer.index", "OutOfRange"),
        ("rewards.keep_epochs", "UnknownKey"),
        ("rewards.earning_rate", "WrongType"),
        ("rewards.slashing_rate", "InvalidAmount"),
        ("join.authorizations[1].delegate", "UnknownKey"),
        ("join.authorizations[1].grantee", "Conflict"),
        ("funding", "Conflict"),
    ]
    messages = {one["key"]: one["message"] for one in found}
    assert "did you mean client_version?" in messages["client_versoin"]
    assert "it is a key of [funding]" in messages["rewards.keep_epochs"]
    assert "did you mean delegates?" in messages["join.authorizations[1].delegate"]
    assert {one["key"]: one.get("line") for one in found}["rewards.slashing_rate"] == 20
    assert all(one["path"] == "run.toml" and "line" in one for one in found)


@pytest.mark.parametrize(
    ("text", "key", "rule"),
    [
        ("", "version", "MissingKey"),
        (f"{HEAD}join = 1", "join", "WrongType"),
        (f"{HEAD}funding = 1", "funding", "WrongType"),
        (f"{HEAD}[funding]", "funding", "Conflict"),
        (f'{HEAD}[funding]\nkeep_amount = "5"', "funding", "Conflict"),
        (f"{HEAD}[join]\nauthorizations = 1", "join.authorizations", "WrongType"),
        (f"{HEAD}[join]\nauthorizations = [1]", "join.authorizations[0]", "WrongType"),
        (
            f'{HEAD}[[join.authorizations]]\ngrantee = "{"1" * 32}"',
            "join.authorizations[0].grantee",
            "InvalidPublicKey",
        ),
        (
            f'{HEAD}[[join.authorizations]]\ngrantee = "{KEY}"\ndelegates = ["x"]',
            "join.authorizations[0].delegates[0]",
            "InvalidPublicKey",
        ),
        (
            f'{HEAD}[[join.authorizations]]\ngrantee = "{KEY}"\ndelegates = 1',
            "join.authorizations[0].delegates",
            "WrongType",
        ),
        (f"{HEAD}client_version = 1", "client_version", "WrongType"),
        (f'{HEAD}client_version = ""', "client_version", "TextEmpty"),
        (f"{HEAD}[join]\nauthority = 1", "join.authority", "WrongType"),
        (f'{HEAD}[treasurer]\nmint = "{KEY}"\nindex = true', "treasurer.index", "WrongType"),
        (f'{HEAD}[treasurer]\nmint = "{KEY}"\n[funding]\nkeep_epochs = -1', "funding.keep_epochs", "OutOfRange"),
        ("version = 1\nrun_id = 1", "run_id", "WrongType"),
        (f"{HEAD}[config]", "model", "MissingTable"),
        (f'{HEAD}configuration = "missing.toml"', "configuration", "Unreadable"),
        (f'{HEAD}configuration = "a.toml"\n[config]', "configuration", "Conflict"),
        (f"{HEAD}x = [", "", "Syntax"),
        (f"{[1] * 64}", "", "OtherFile"),
    ],
)
def test_what_is_refused(text: str, key: str, rule: str) -> None:
    assert (key, rule) in [(one["key"], one["rule"]) for one in problems_of(text)]


def test_the_configuration_is_in_the_file_or_in_another(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(MINIMAL.read_text())
    (tmp_path / "run.toml").write_text(f'{HEAD}configuration = "config.toml"\n')
    apart = load_run_file(tmp_path / "run.toml")
    inline = parse_run_file(HEAD + MINIMAL.read_text(), PATH)
    assert apart.config is not None
    assert apart.config == inline.config
    assert apart.model == inline.model
    broken = MINIMAL.read_text().replace("epoch_time = 60", "epoch_time = 5").replace("min_clients", "min_client")
    (tmp_path / "config.toml").write_text(broken)
    apart_rules = {(one["key"], one["rule"]) for one in problems_of(*_read(tmp_path / "run.toml"))}
    inline_rules = {(one["key"], one["rule"]) for one in problems_of(HEAD + broken)}
    assert apart_rules == inline_rules >= {("config.min_client", "UnknownKey"), ("config.warmup_time", "WarmupTime")}
    assert {one["path"] for one in problems_of(*_read(tmp_path / "run.toml"))} == {str(tmp_path / "config.toml")}


def _read(path: Path) -> tuple[str, Path]:
    return path.read_text(), path


@pytest.mark.parametrize("example", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_warnings_are_those_of_the_configuration(example: Path) -> None:
    text = example.read_text()
    assert [one.rule for one in parse_run_file(HEAD + text, PATH).warnings] == [
        one.rule for one in _config_warnings(text)
    ]


def _config_warnings(text: str) -> Any:
    from psyche_cli.run_config.load import parse_run_config

    return parse_run_config(text, PATH).warnings


def test_no_message_contains_a_long_value() -> None:
    secret = "5" * 88
    for text in (
        f'{HEAD}state = "{secret}"',
        f'{HEAD}[join]\nauthority = "{secret}"',
        f'{HEAD}[rewards]\nearning_rate = "{secret}{secret}"',
        f"{HEAD}{secret} = 1",
        f"{HEAD}[metadata]\nvocab_size = {secret}",
    ):
        assert all("5" * 30 not in str(one) for one in problems_of(text))


_KEYS = st.binary(min_size=32, max_size=32).map(Pubkey.from_bytes).filter(lambda key: key != Pubkey.default())
_U64 = st.integers(0, U64_MAX)
_AMOUNTS = st.from_regex(r"[0-9]{1,9}(\.[0-9]{1,6})?", fullmatch=True)
_RATES = st.none() | _AMOUNTS


@st.composite
def wanted_runs(draw: st.DrawFn) -> WantedRun:
    """Any content of a run file."""
    metadata = st.fixed_dictionaries(
        {}, optional={"name": texts(64), "description": texts(280), "num_parameters": _U64, "vocab_size": _U64}
    )
    grantees = draw(st.lists(_KEYS, max_size=3, unique=True))
    delegates = st.none() | st.lists(_KEYS, max_size=3, unique=True).map(tuple)
    treasurer = draw(st.none() | st.builds(WantedTreasurer, _KEYS, st.none() | _U64))
    funding = None
    if treasurer is not None and draw(st.booleans()):
        epochs = draw(st.none() | st.integers(0, 2**32 - 1))
        funding = WantedFunding(epochs, draw(_AMOUNTS) if epochs is None else None, draw(_RATES), draw(_RATES))
    document = draw(st.none() | documents())
    reader = Reader()
    read = {name: reader.read(kind, document[name], name) for name, kind in ROOTS.items()} if document else {}
    return WantedRun(
        run_id=draw(texts(32)),
        source=PATH,
        state=draw(st.sampled_from([None, "running", "paused"])),
        client_version=draw(st.sampled_from([None, "latest", "sha256:1"])),
        metadata=draw(metadata),
        config=read.get("config"),
        model=read.get("model"),
        resets_checkpoint=draw(st.booleans()),
        start_step=draw(st.none() | st.integers(1, 2**32 - 1)),
        join=WantedJoin(
            draw(st.none() | _KEYS),
            draw(st.sampled_from([None, True, False])),
            tuple(WantedAuthorization(one, draw(delegates)) for one in grantees),
            draw(st.booleans()),
        ),
        treasurer=treasurer,
        earning_rate=draw(_RATES),
        slashing_rate=draw(_RATES),
        funding=funding,
    )


@settings(max_examples=repetitions(60))
@given(wanted=wanted_runs(), ascii_only=st.booleans())
def test_what_is_written_is_read_back(wanted: WantedRun, ascii_only: bool) -> None:
    text = run_file_toml(wanted, comment=("A comment.",), ascii_only=ascii_only)
    assert text.isascii() or not ascii_only
    read = dataclasses.replace(parse_run_file(text, PATH), warnings=())
    for name in ("config", "model"):
        assert _stored(getattr(read, name), name) == _stored(getattr(wanted, name), name)
    assert dataclasses.replace(read, config=None, model=None) == dataclasses.replace(wanted, config=None, model=None)


def _stored(value: Any, name: str) -> Any:
    from psyche_cli.run_config.differences import as_stored

    return None if value is None else as_stored(value, name)


def test_every_key_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "declarative.md").read_text(encoding="utf-8")
    for name in FILE_PROBLEM_NAMES:
        assert f"| `{name}` |" in page
    for key in TOP:
        assert f"| `{key.name}` | {key.type} | {key.meaning} |" in page
    for table, keys in TABLES.items():
        for key in keys:
            assert f"| `{table}.{key.name}` | {key.type} | {key.meaning} |" in page


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        (b"\xff" * 9, "is not UTF-8 (byte 0)"),
        (b"#" * ((1 << 20) + 1), "is larger than 1048576 bytes"),
    ],
)
def test_a_file_that_cannot_be_read_is_called_a_run_file(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "run.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        load_run_file(path)
    assert caught.value.message == f"The run file {path} {message}."
    assert "config dump --full" in caught.value.hint
