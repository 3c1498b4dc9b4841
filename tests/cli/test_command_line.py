"""Parsing of the command line: errors are reported in the right place and format."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from psyche_cli import __version__
from psyche_cli.cli import other_verbs
from psyche_cli.cli.schemas import verb_names
from psyche_cli.cli.verbs import SECTIONS
from psyche_cli.errors import ExitCode
from tests.cli.conftest import RUN_FILE, House

JSON = ("--output", "json")


# Usage errors


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("localnet", "nonsense"),
        ("create-run",),
        ("create-run", "--nonsense"),
        ("create-run", "--run-id"),
        ("set-paused", "--run-id", "x", "more"),
        ("set-paused", "--run-id", "x", "--treasurer-index", "many"),
        ("set-paused", "--output", "xml"),
        ("update-config", "--run-id", "x"),
        ("set-future-epoch-rates", "--run-id", "x"),
        ("join-authorization-create",),
        ("run-authorizer", "nonsense"),
        ("config",),
        ("config", "example", "nonsense"),
        ("config", "example", "--list", "-o", "file"),
        ("localnet", "warp"),
        ("localnet", "restore", "0"),
        ("localnet", "programs"),
        ("localnet", "--bpf-program", "coordinator"),
        ("localnet", "--reset"),
        ("localnet", "--slot-time", "-1"),
    ],
    ids=" ".join,
)
def test_every_usage_error_exits_with_2(house: House, words: tuple[str, ...]) -> None:
    outcome = house.cli(*words)
    assert outcome.code is ExitCode.USAGE, outcome.stderr
    assert outcome.stdout == ""
    as_json = house.cli(*words, *JSON)
    assert as_json.json["exit_code"] == ExitCode.USAGE


COMPARING = [name for name, verb in verb_names() if verb.compares]


@pytest.mark.parametrize("verb", COMPARING)
@pytest.mark.parametrize(
    "words",
    [
        ("{}",),
        ("{}", "--nonsense"),
        ("{}", "--output", "xml"),
        ("{}", "file", "--wallet"),
        ("{}", RUN_FILE, "--timeout", "never"),
        ("--nonsense", "{}", "file"),
    ],
    ids=lambda words: words[-1],
)
def test_a_usage_error_is_not_the_answer_of_a_verb_that_compares(
    house: House, words: tuple[str | Path, ...], verb: str
) -> None:
    given = [str(word).format(verb) for word in words]
    outcome = house.cli(*given)
    assert (outcome.code, outcome.stdout) == (ExitCode.INTERNAL, ""), outcome.stderr
    as_json = house.cli(*given, *JSON)
    assert (as_json.code, as_json.json["exit_code"], as_json.json["ok"]) == (1, 1, False)
    assert as_json.json["error"]["code"] == "usage_error"


def test_the_verbs_that_compare() -> None:
    assert {"plan", "drift"} <= {*COMPARING}


def test_a_usage_error_is_reported_before_the_wallet_is_read(house: House) -> None:
    for words in (("update-config", "--run-id", "x"), ("set-future-epoch-rates", "--run-id", "x")):
        assert house.cli(*words, "-w", "/nonexistent").code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("set-paused", "--run-id"), "set-paused"),
        (("set-paused", "--run-id", "--resume"), "set-paused"),
        (("set-paused", "--nonsense"), "set-paused"),
        (("set-paused",), "set-paused"),
        (("localnet", "new-wallet"), "localnet new-wallet"),
        (("localnet", "--rpc-port"), "localnet"),
        (("localnet", "nonsense"), "localnet"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_the_hint_refers_to_the_help_of_the_verb(house: House, words: tuple[str, ...], path: str) -> None:
    assert house.cli(*words, *JSON).json["error"]["hint"] == f"See: psyche-cli {path} --help"


def test_an_option_is_not_used_as_the_value_of_another(house: House) -> None:
    outcome = house.cli("create-run", "--run-id", "--name", "--output", "json")
    assert outcome.json["error"]["message"] == "Option '--run-id' requires an argument."
    assert house.chain.requests == []
    # Values from the environment are not typos.
    assert house.cli("set-paused", variables={"RUN_ID": "--resume"}).code is ExitCode.NOT_FOUND


@pytest.mark.parametrize("word", ["nonsense", "get-paused", "reset-paused", "stop-everything"])
def test_a_different_word_gets_no_suggestion(house: House, word: str) -> None:
    outcome = house.cli(word)
    assert outcome.stderr == f"Error: No such command '{word}'.\nHint: See: psyche-cli --help\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "'' is not an integer."),
        ("1.5", "'1.5' is not an integer."),
        ("1_000", "'1_000' is not an integer."),
        (" 5", "' 5' is not an integer."),
        ("\N{ARABIC-INDIC DIGIT THREE}", "'\N{ARABIC-INDIC DIGIT THREE}' is not an integer."),
        ("x" * 100_000, "Text of 100000 characters is not an integer."),
        ("-1", "-1 is too small; the minimum is 1."),
        ("0", "0 is too small; the minimum is 1."),
        ("4294967296", "4294967296 is too large; the maximum is 4294967295."),
        ("9" * 100_000, "A number of 100000 digits is too large; the maximum is 4294967295."),
    ],
    ids=lambda value: value[:20],
)
def test_an_integer_consists_of_digits_and_is_in_range(house: House, text: str, problem: str) -> None:
    outcome = house.cli("update-config", "--run-id", "x", f"--restart-from-step={text}", *JSON)
    assert outcome.json["error"]["message"] == f"Invalid value for '--restart-from-step': {problem}"
    assert house.chain.requests == []


def test_a_number_is_named_as_such(house: House) -> None:
    assert "'--slot-time': 'x' is not a number." in house.cli("localnet", "--slot-time", "x").stderr


@pytest.mark.parametrize(
    "words",
    [
        ("config", "check", ""),
        ("config", "example", "-o", ""),
        ("create-run", "--run-id", "x", "-w", ""),
        ("update-config", "--run-id", "x", "--config-path="),
        ("localnet", "--ledger", ""),
        ("localnet", "new-wallet", ""),
        ("localnet", "programs", "--export", ""),
    ],
    ids=" ".join,
)
def test_an_empty_path_is_not_the_current_folder(house: House, words: tuple[str, ...]) -> None:
    outcome = house.cli(*words)
    assert outcome.code is ExitCode.USAGE
    assert outcome.stderr.splitlines()[0].endswith(": The path is empty.")
    assert house.chain.requests == []


def test_a_missing_choice_is_listed_on_one_line(house: House) -> None:
    outcome = house.cli("completion")
    assert outcome.stderr.startswith("Error: Missing argument 'SHELL'. Choose from: bash, zsh, fish.\n")


def test_a_misspelling_gets_one(house: House) -> None:
    assert "'creat-run'. Did you mean 'create-run'?" in house.cli("creat-run").stderr
    assert "'localnet' restor" not in house.cli("localnet", "restor").stderr
    assert "'restor'. Did you mean 'restore'?" in house.cli("localnet", "restor").stderr
    assert "--rn-id. Did you mean '--run-id'?" in house.cli("set-paused", "--rn-id", "x").stderr
    assert "mean" not in house.cli("set-paused", "--pause").stderr


# Finding the verb


def test_the_value_of_an_option_is_not_mistaken_for_a_verb(house: House, tmp_path: Path) -> None:
    """``localnet --ledger reset`` uses a folder named reset."""
    words = ("localnet", "--ledger", str(tmp_path / "reset"), "--slot-time", "-1")
    assert house.cli(*words, *JSON).json["command"] == "localnet"
    assert house.cli("localnet", "--ledger", "reset", "--slot-time", "-1", *JSON).json["command"] == "localnet"
    assert house.cli("set-paused", "--run-id", "create-run", *JSON).json["command"] == "set-paused"
    assert house.cli("config", "example", "json-dump-run").stdout == ""


def test_options_of_a_group_before_a_verb_are_rejected(house: House) -> None:
    outcome = house.cli("localnet", "--ledger", "folder", "reset")
    assert outcome.code is ExitCode.USAGE
    assert "Cannot use --ledger together with the command 'reset'" in outcome.stderr
    assert house.chain.requests == []


def test_a_group_without_a_verb_is_an_error(house: House) -> None:
    outcome = house.cli(*JSON)
    assert outcome.code is ExitCode.USAGE
    assert outcome.json["command"] == ""


def test_a_former_name_works_but_is_not_listed(house: House) -> None:
    assert house.cli("config-example", "small-llama") == house.cli("config", "example", "small-llama")
    assert house.cli("config-example", *JSON).json["command"] == "config example"
    assert house.cli("config-example", "--help").stdout.startswith("Usage: psyche-cli config example ")
    assert house.cli("schema", "config-example").stdout == house.cli("schema", "config", "example").stdout
    assert "config-example" not in house.cli("--help").stdout
    # In other positions the name is invalid.
    assert house.cli("localnet", "config-example").code is ExitCode.USAGE


# --output, --quiet, --verbose


@pytest.mark.parametrize(
    ("words", "as_json"),
    [
        (("--output", "json", "config", "example"), True),
        (("--output=json", "config", "example"), True),
        (("config", "example", "--output", "JSON"), True),
        (("config", "example", "--output", "json", "--output", "human"), False),
        (("config", "example", "--output", "human", "--output", "json"), True),
        (("--output", "json", "config", "example", "--output", "human"), False),
        (("--output", "human", "config", "example", "--output=json"), True),
        (("config", "example", "--", "--output=json"), None),
        (("nonsense", "--output", "json", "--output", "human"), False),
        (("nonsense", "--output", "human", "--output", "json"), True),
        (("--output", "json", "nonsense"), True),
        (("--output", "json", "set-paused", "--nonsense"), True),
        (("--output", "json", "set-paused", "--nonsense", "--output", "human"), False),
        (("json-dump-run", "--nonsense"), True),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_the_last_output_wins_in_any_position(house: House, words: tuple[str, ...], as_json: bool | None) -> None:
    outcome = house.cli(*words)
    if as_json is None:
        assert outcome.code is ExitCode.USAGE
    elif as_json:
        assert "schema_version" in outcome.json
    else:
        assert "schema_version" not in outcome.stdout


@pytest.mark.parametrize(
    "words",
    [("--version", *JSON), (*JSON, "--version"), ("-V", "--output=json"), ("--version", "set-paused", *JSON)],
    ids=" ".join,
)
def test_the_version_as_json(house: House, words: tuple[str, ...]) -> None:
    outcome = house.cli(*words)
    assert outcome.data == {"version": __version__}


@pytest.mark.parametrize("words", [("--help", *JSON), (*JSON, "--help"), ("--help", "nonsense", *JSON)], ids=" ".join)
def test_help_as_json_lists_the_commands(house: House, words: tuple[str, ...]) -> None:
    data = house.cli(*words).data
    assert {entry["section"] for entry in data["commands"]} == {section.title for section in SECTIONS}
    assert "--output" in [name for option in data["options"] for name in option["names"]]


def test_help_of_a_verb_as_json(house: House) -> None:
    for words in (("set-paused", "--help"), ("--help", "set-paused"), ("set-paused", "--resume", "--help")):
        outcome = house.cli(*words, *JSON)
        assert outcome.json["command"] == "set-paused"
        options = {option["names"][0]: option for option in outcome.data["options"]}
        assert options["--run-id"]["required"] is True
        assert options["--run-id"]["variable"] == "RUN_ID"
        assert options["--resume"]["value"] is None
        assert outcome.data["text"].startswith("Usage: psyche-cli set-paused")


def test_help_ignores_the_rest_of_the_line(house: House) -> None:
    """Neither required options nor valid values."""
    for words in (("create-run", "--help"), ("create-run", "--treasurer-index", "x", "--help")):
        outcome = house.cli(*words)
        assert outcome.code is ExitCode.OK, outcome.stderr
        assert outcome.stdout.startswith("Usage: psyche-cli create-run")


def test_help_groups_the_verbs_in_sections(house: House) -> None:
    shown = house.cli("--help").stdout
    titles = re.findall(r"^(\S[^\n]*):$", shown, re.MULTILINE)
    assert titles == ["Options", *(section.title for section in SECTIONS)]
    for section in SECTIONS:
        for verb in section.verbs:
            assert re.search(rf"^  {verb.name} +{re.escape(verb.summary[:30])}", shown, re.MULTILINE)


@pytest.mark.parametrize("place", ["root", "verb"])
def test_quiet_suppresses_progress_and_suggestions(house: House, place: str) -> None:
    words: tuple[str, ...] = ("create-run", "--run-id", "x")
    quiet = ("--quiet", *words) if place == "root" else (*words, "-q")
    outcome = house.cli(*quiet)
    assert outcome.code is ExitCode.OK
    assert outcome.stderr == ""
    loud = house.cli("create-run", "--run-id", "y")
    assert "Sending" in loud.stderr
    assert "Next: " in loud.stderr


def test_quiet_keeps_errors_and_warnings(house: House) -> None:
    house.owner.chmod(0o644)
    outcome = house.cli("set-paused", "--run-id", "none", "--quiet", "-w", house.owner)
    assert outcome.stderr.startswith("Other users can read")
    assert "Error: Run 'none' does not exist" in outcome.stderr


@pytest.mark.parametrize("words", [("-v", "json-dump-run"), ("json-dump-run", "--verbose")], ids=" ".join)
def test_verbose_shows_each_request(house: House, words: tuple[str, ...]) -> None:
    run_id = house.run()
    house.chain.requests.clear()
    outcome = house.cli(*words, "--run-id", run_id, "--rpc", "http://127.0.0.1:8899/secret-path?key=secret-value")
    lines = outcome.stderr.splitlines()
    assert len(lines) == len(house.chain.requests)
    for line, method in zip(lines, house.chain.requests, strict=True):
        assert re.fullmatch(rf"http://127.0.0.1:8899\S*.* {method}: \d+ ms", line)
    assert "secret" not in outcome.stderr
    assert json.loads(outcome.stdout)["coordinator_account"]["run_id"] == run_id


# --- ways of other tools


@pytest.mark.parametrize(
    "words", [("set-paused",), ("localnet", "warp"), ("config",), ("config-example",), ()], ids=" ".join
)
def test_three_ways_to_ask_for_help(house: House, words: tuple[str, ...]) -> None:
    expected = house.cli(*words, "--help").stdout
    assert expected.startswith("Usage: psyche-cli")
    assert house.cli(*words, "-h").stdout == expected
    assert house.cli("help", *words).stdout == expected
    assert house.cli(*JSON, "help", *words).json == house.cli(*words, "--help", *JSON).json


def test_help_on_what_does_not_exist(house: House) -> None:
    outcome = house.cli("help", "creat-run")
    assert outcome.code is ExitCode.USAGE
    assert "Did you mean 'create-run'?" in outcome.stderr


def test_the_version_as_a_verb(house: House) -> None:
    assert house.cli("version").stdout == house.cli("--version").stdout
    assert house.cli("version", *JSON).data == {"version": __version__}


@pytest.mark.parametrize(
    "words",
    [
        ("config", "example", "--list", "--output", "json-compact"),
        ("--output=json-compact", "balance"),
        ("list-runs", "--output", "JSON-COMPACT"),
        ("--output", "json-compact", "nonsense"),
        ("list-runs", "--nonsense", "--output=json-compact"),
        ("json-dump-run", "--run-id", "test", "--output", "json-compact"),
    ],
    ids=" ".join,
)
def test_json_on_one_line(house: House, words: tuple[str, ...]) -> None:
    house.run()
    outcome = house.cli(*words)
    indented = house.cli(*(re.sub("(?i)json-compact", "json", word) for word in words))
    outside_strings = re.sub(r'"(?:[^"\\]|\\.)*"', "", outcome.stdout)
    assert re.findall(r"\s", outside_strings) == ["\n"]
    assert outcome.json == indented.json
    assert outcome.code is indented.code
    assert indented.stdout.count("\n") > 1


@pytest.mark.parametrize(
    ("word", "verb"),
    [
        ("status", "show"),
        ("list", "list-runs"),
        ("pause", "set-paused"),
        ("resume", "set-paused"),
        ("START", "set-paused"),
        ("delete-run", "close-run"),
        ("delete_run", "close-run"),
        ("address", "keygen pubkey"),
    ],
)
def test_advice_on_verbs_of_other_tools(house: House, word: str, verb: str) -> None:
    outcome = house.cli(word, "--run-id", "test")
    assert outcome.code is ExitCode.USAGE
    error, hint = outcome.stderr.splitlines()
    assert error == f"Error: No such command '{word}'."
    assert verb in hint
    assert hint.endswith(f" See: psyche-cli {verb} --help")
    assert house.cli(*verb.split(), "--help").code is ExitCode.OK
    assert house.chain.requests == []


def test_all_advice_names_a_verb_and_none_is_given_on_one() -> None:
    names = {name for name, _ in verb_names()}
    for word, (sentence, verb) in other_verbs._ADVICE.items():
        assert word not in {verb.name for section in SECTIONS for verb in section.verbs}
        assert verb in names
        assert sentence.endswith(".")
