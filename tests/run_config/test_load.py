from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.errors import BrokenRule, ConfigurationError, ExitCode
from psyche_cli.run_config.load import load_run_config
from psyche_cli.run_config.problems import FILE_PROBLEM_NAMES
from psyche_cli.run_config.source import FILE_SIZE_MAX
from tests.run_config.sample import (
    ADAMW,
    LOCATIONS,
    SCHEDULES,
    SEED,
    document,
    load_document,
    load_text,
    problems_in,
    problems_of,
    toml_text,
    with_value,
    without,
)

EXAMPLE = (Path(__file__).resolve().parents[2] / "configs" / "minimal.toml").read_text(encoding="utf-8")
LLM = "model.LLM"
DISTRO = f"{LLM}.optimizer.Distro"
HTTP = f"{LLM}.data_location.Http"


def test_a_valid_file_has_the_shape_that_accounts_decode_to(tmp_path: Path) -> None:
    loaded = load_document(tmp_path, document())
    expected = document()
    expected["model"]["LLM"]["checkpoint"]["Hub"]["revision"] = None
    expected["model"]["LLM"]["optimizer"]["Distro"] |= {"clip_grad_norm": None, "weight_decay": None}
    assert loaded.config == expected["config"]
    assert loaded.model == expected["model"]
    assert loaded.source == tmp_path / "run.toml"
    assert loaded.warnings == ()


def test_keys_come_in_the_order_of_the_schema_whatever_the_file_says(tmp_path: Path) -> None:
    shuffled = document()
    shuffled["config"] = dict(reversed(shuffled["config"].items()))
    assert list(load_document(tmp_path, shuffled).config) == list(document()["config"])


def test_integers_for_float_fields_become_floats(tmp_path: Path) -> None:
    llm = load_document(tmp_path, with_value(f"{LLM}.optimizer", ADAMW)).model["LLM"]
    rate, decay = llm["lr_schedule"]["Constant"]["warmup_init_lr"], llm["optimizer"]["AdamW"]["weight_decay"]
    assert (rate, type(rate)) == (0.0, float)
    assert (decay, type(decay)) == (0.0, float)
    assert llm["optimizer"]["AdamW"]["betas"] == [0.9, 0.999]


@pytest.mark.parametrize("location", LOCATIONS.values(), ids=LOCATIONS)
def test_every_data_location_is_read(tmp_path: Path, location: Any) -> None:
    assert (
        load_document(tmp_path, with_value(f"{LLM}.data_location", location)).model["LLM"]["data_location"] == location
    )


@pytest.mark.parametrize(
    "location",
    [
        {"SingleUrl": "https://data.example/all.bin"},
        {"NumberedFiles": {"url_template": "u{}", "start_index": 0, "n_left_pad_zeros": 255, "num_files": 2**32 - 1}},
        {"Gcp": {"bucket_name": "b", "filter_directory": "d"}},
    ],
)
def test_every_http_location_is_read(tmp_path: Path, location: Any) -> None:
    http = load_document(tmp_path, with_value(f"{HTTP}.location", location)).model["LLM"]["data_location"]["Http"]
    assert http == {"location": location, "token_size_in_bytes": "TwoBytes", "shuffle": {"Seeded": SEED}}


@pytest.mark.parametrize("kind", SCHEDULES)
def test_every_schedule_is_read(tmp_path: Path, kind: str) -> None:
    schedule = {kind: SCHEDULES[kind]}
    assert load_document(tmp_path, with_value(f"{LLM}.lr_schedule", schedule)).model["LLM"]["lr_schedule"] == schedule


@pytest.mark.parametrize("kind", ["Dummy", "Hub", "P2P"])
def test_hub_like_checkpoints_have_an_optional_revision(tmp_path: Path, kind: str) -> None:
    for repo in ({"repo_id": "a/b"}, {"repo_id": "a/b", "revision": "main"}):
        llm = load_document(tmp_path, with_value(f"{LLM}.checkpoint", {kind: repo})).model["LLM"]
        assert llm["checkpoint"] == {kind: {"revision": None, **repo}}


@pytest.mark.parametrize("kind", ["Gcs", "P2PGcs"])
def test_bucket_checkpoints_have_an_optional_prefix(tmp_path: Path, kind: str) -> None:
    for repo in ({"bucket": "a"}, {"bucket": "a", "prefix": "p"}):
        llm = load_document(tmp_path, with_value(f"{LLM}.checkpoint", {kind: repo})).model["LLM"]
        assert llm["checkpoint"] == {kind: {"prefix": None, **repo}}


def test_tables_and_inline_tables_are_the_same(tmp_path: Path) -> None:
    inline = load_document(tmp_path, document())
    lines = ["[config]", *(f"{key} = {value}" for key, value in document()["config"].items()), "[model.LLM]"]
    llm = document()["model"]["LLM"]
    for key in ("architecture", "data_type", "max_seq_len", "cold_start_warmup_steps", "data_location"):
        lines.append(toml_text({key: llm[key]}))
    for choice in ("checkpoint", "lr_schedule", "optimizer"):
        ((variant, content),) = llm[choice].items()
        lines += [f"[model.LLM.{choice}.{variant}]", toml_text(content)]
    assert load_text(tmp_path, "\r\n".join(lines)) == inline


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    assert load_text(tmp_path, "\ufeff" + toml_text(document())).config == document()["config"]


@pytest.mark.parametrize(
    ("path", "value", "rule", "said"),
    [
        ("config.min_clients", 65536, "OutOfRange", "= 65536 is out of range: expected a u16, from 0 to 65535"),
        ("config.min_clients", -1, "OutOfRange", "= -1 is out of range"),
        ("config.verification_percent", 256, "OutOfRange", "expected a u8, from 0 to 255"),
        ("config.total_steps", 2**32, "OutOfRange", "expected a u32, from 0 to 4294967295"),
        ("config.epoch_time", 2**63, "OutOfRange", "expected a u64, from 0 to 9223372036854775807"),
        ("config.epoch_time", 2**3000, "OutOfRange", "an integer of 3001 bits"),
        ("config.epoch_time", 60.0, "WrongType", "an integer from 0 to 9223372036854775807, got the number 60.0"),
        ("config.epoch_time", "60", "WrongType", 'got the string "60"'),
        ("config.epoch_time", True, "WrongType", "got true"),
        ("config.epoch_time", [60], "WrongType", "got an array"),
        ("config.epoch_time", {"seconds": 60}, "WrongType", "got a table"),
        (f"{DISTRO}.compression_decay", "0.9", "WrongType", "must be a number"),
        (f"{DISTRO}.compression_decay", False, "WrongType", "got false"),
        (f"{DISTRO}.compression_decay", float("nan"), "NotFinite", "nan is not a finite number"),
        (f"{DISTRO}.compression_decay", float("-inf"), "NotFinite", "-inf is not"),
        (f"{DISTRO}.compression_decay", 3.5e38, "OutOfRange", "expected an f32, at most 3.4028235e38"),
        (f"{DISTRO}.compression_decay", 2**64, "OutOfRange", "exceeds the range of TOML's 64-bit integers"),
        (f"{DISTRO}.quantize_1bit", 1, "WrongType", "must be true or false, got the integer 1"),
        (f"{DISTRO}.clip_grad_norm", "none", "WrongType", "must be a number"),
        (f"{LLM}.checkpoint.Hub.repo_id", "r" * 65, "TextTooLong", "is 65 bytes long; the maximum is 64"),
        (f"{LLM}.checkpoint.Hub.repo_id", "ü" * 33, "TextTooLong", "is 66 bytes long; the maximum is 64"),
        (f"{LLM}.checkpoint.Hub.revision", "a\0b", "TextHoldsNul", "NUL"),
        (f"{LLM}.checkpoint.Hub.revision", "main\n", "TextNotTypable", "the control character U+000A at position 5"),
        (f"{LLM}.checkpoint.Hub.repo_id", "a/b ", "TextNotTypable", "ends with whitespace"),
        (f"{HTTP}.location.Gcp.filter_directory", "a\u202eb", "TextNotTypable", "U+202E"),
        (f"{LLM}.checkpoint.Hub.repo_id", 5, "WrongType", "must be a string, got the integer 5"),
        (f"{HTTP}.location.Gcp.filter_directory", "d" * 193, "TextTooLong", "is 193 bytes long; the maximum is 192"),
        (f"{HTTP}.shuffle.Seeded", SEED[1:], "WrongLength", "exactly 32 integers from 0 to 255, got 31"),
        (f"{HTTP}.shuffle.Seeded", [*SEED, 1], "WrongLength", "got 33"),
        (f"{HTTP}.shuffle.Seeded", "seed", "WrongType", "must be an array of exactly 32"),
        (f"{LLM}.optimizer", "Dummy2", "UnknownVariant", "(did you mean Dummy?)"),
        (f"{LLM}.architecture", "hfllama", "UnknownVariant", 'mean HfLlama? Names are case-sensitive); it must be'),
        (f"{LLM}.architecture", 1, "WrongType", "must be one of"),
        (f"{LLM}.architecture", {}, "UnknownVariant", "got an empty table"),
        (f"{LLM}.checkpoint", "Hub", "WrongType", "is missing its value: write { Hub = { … } } with repo_id"),
        (f"{LLM}.data_location", "Local", "WrongType", 'write { Local = "…" }'),
        (f"{HTTP}.shuffle", "Seeded", "WrongType", "write { Seeded = [ … ] }"),
        (f"{LLM}.checkpoint", {"Hub": {"repo_id": "a"}, "Gcs": {"bucket": "b"}}, "UnknownVariant", "exactly one of"),
        (f"{LLM}.checkpoint", {"hub": {"repo_id": "a"}}, "UnknownVariant", "did you mean Hub?"),
        (f"{LLM}.checkpoint", [], "WrongType", "got an array"),
        ("config", 5, "WrongType", "config must be a table"),
        ("model", "LLM", "WrongType", "is missing its value"),
        ("model", {"Vision": {}}, "UnknownVariant", "it must be one of LLM"),
    ],
)  # fmt: skip
def test_a_bad_value_is_named(tmp_path: Path, path: str, value: Any, rule: str, said: str) -> None:
    ((key, found, message),) = problems_of(tmp_path, with_value(path, value))
    assert (key, found) == (path, rule)
    assert said in message
    assert message.startswith(path)
    assert rule in FILE_PROBLEM_NAMES


@pytest.mark.parametrize(
    ("index", "value", "rule"), [(0, 256, "OutOfRange"), (31, -1, "OutOfRange"), (7, 1.0, "WrongType")]
)
def test_a_bad_item_of_an_array_is_named_by_its_place(tmp_path: Path, index: int, value: Any, rule: str) -> None:
    seed: list[Any] = list(SEED)
    seed[index] = value
    ((key, found, _),) = problems_of(tmp_path, with_value(f"{HTTP}.shuffle.Seeded", seed))
    assert (key, found) == (f"{HTTP}.shuffle.Seeded[{index}]", rule)


def test_a_variant_without_a_value_given_one(tmp_path: Path) -> None:
    ((key, rule, message),) = problems_of(tmp_path, with_value(f"{LLM}.data_location", {"Dummy": {}}))
    assert (key, rule) == (f"{LLM}.data_location", "WrongType")
    assert 'write the string "Dummy"' in message


def test_dates_are_named_as_such(tmp_path: Path) -> None:
    text = toml_text(document()).replace("epoch_time = 600", "epoch_time = 2026-01-02")
    with pytest.raises(ConfigurationError) as caught:
        load_text(tmp_path, text)
    ((key, rule, message),) = problems_in(caught.value)
    assert (key, rule) == ("config.epoch_time", "WrongType")
    assert message.endswith("got a date or time")


@pytest.mark.parametrize(
    "path",
    [
        *(f"config.{key}" for key in document()["config"]),
        *(f"{LLM}.{key}" for key in document()["model"]["LLM"]),
        *(f"{DISTRO}.{key}" for key in document()["model"]["LLM"]["optimizer"]["Distro"]),
        f"{LLM}.checkpoint.Hub.repo_id",
        f"{HTTP}.location.Gcp.filter_directory",
        f"{HTTP}.location",
        f"{HTTP}.shuffle",
        f"{LLM}.lr_schedule.Constant.base_lr",
    ],
)
def test_a_missing_key_is_named_with_its_meaning(tmp_path: Path, path: str) -> None:
    ((key, rule, message),) = problems_of(tmp_path, without(path))
    assert (key, rule) == (path, "MissingKey")
    assert message.startswith(f"{path} is missing: ")


@pytest.mark.parametrize("table", ["config", "model"])
def test_a_missing_table_is_named(tmp_path: Path, table: str) -> None:
    assert problems_of(tmp_path, without(table)) == [(table, "MissingTable", f"the table [{table}] is missing")]


def test_a_misspelt_key_is_unknown_and_the_right_one_missing(tmp_path: Path) -> None:
    changed = without("config.warmup_time")
    changed["config"]["warmup_tme"] = 10
    assert [(key, rule) for key, rule, _ in problems_of(tmp_path, changed)] == [
        ("config.warmup_tme", "UnknownKey"),
        ("config.warmup_time", "MissingKey"),
    ]


def test_a_misspelt_optional_key_is_not_lost(tmp_path: Path) -> None:
    ((key, rule, message),) = problems_of(tmp_path, with_value(f"{LLM}.checkpoint.Hub.revison", "main"))
    assert (key, rule) == (f"{LLM}.checkpoint.Hub.revison", "UnknownKey")
    assert "did you mean revision?" in message


def test_rounds_per_epoch_is_retired(tmp_path: Path) -> None:
    ((key, rule, message),) = problems_of(tmp_path, with_value("config.rounds_per_epoch", 10))
    assert (key, rule) == ("config.rounds_per_epoch", "RetiredKey")
    assert "epoch_time" in message


def test_keys_of_a_servers_state_file_are_passed_over_with_a_warning(tmp_path: Path) -> None:
    state = {"run_id": "a", "run_state": "WaitingForMembers", "progress": {"step": 3}, **document()}
    state["config"]["round_apply_time"] = 4
    loaded = load_document(tmp_path, state)
    keys = ["config.round_apply_time", "run_id", "run_state", "progress"]
    assert [(warning.key, warning.rule) for warning in loaded.warnings] == [(key, "IgnoredKey") for key in keys]
    assert all("ignored" in warning.message for warning in loaded.warnings)
    assert loaded.config == document()["config"]


def test_strange_names_of_keys_are_made_fit_to_print(tmp_path: Path) -> None:
    found = problems_of(tmp_path, {**document(), "a\x1b[31m": 1, "k" * 70: 2})
    assert [key for key, _, _ in found] == ["a\N{REPLACEMENT CHARACTER}[31m", "(a key of 70 characters)"]
    ((key, _, message),) = problems_of(tmp_path, with_value("config.\nabc", 1))
    assert key == "config.\N{REPLACEMENT CHARACTER}abc"
    assert message.isprintable()


def test_other_top_level_keys_are_refused(tmp_path: Path) -> None:
    found = problems_of(tmp_path, {**without("config"), "konfig": {}, "dir": "/data"})
    assert [(key, rule) for key, rule, _ in found] == [
        ("config", "MissingTable"),
        ("konfig", "UnknownKey"),
        ("dir", "UnknownKey"),
    ]
    assert "did you mean config?" in found[1][2]
    assert "did you mean" not in found[2][2]


def test_all_problems_are_reported_together_including_rules_of_the_valid_part(tmp_path: Path) -> None:
    changed = document()
    del changed["config"]["total_steps"]
    changed["config"]["cooldown_time"] = 0
    changed["config"]["min_clients"] = "four"
    changed["model"]["LLM"]["optimizer"] = "Dummy"
    changed["model"]["LLM"]["max_seq_len"] = -1
    with pytest.raises(ConfigurationError) as caught:
        load_document(tmp_path, changed)
    assert [(key, rule) for key, rule, _ in problems_in(caught.value)] == [
        ("config.min_clients", "WrongType"),
        ("config.total_steps", "MissingKey"),
        ("model.LLM.max_seq_len", "OutOfRange"),
        ("config.cooldown_time", "CooldownTime"),
        ("model.LLM.optimizer", "Optimizer"),
    ]
    error = caught.value
    keys = "config.min_clients, config.total_steps, model.LLM.max_seq_len and 2 more"
    assert error.message == f"{tmp_path / 'run.toml'} has 5 problems: {keys}."
    assert error.context["path"] == str(tmp_path / "run.toml")
    assert error.exit_code is ExitCode.CONFIGURATION
    assert "docs/run-config.md" in error.hint


def test_rules_can_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(toml_text(with_value("config.cooldown_time", 0)), encoding="utf-8")
    assert load_run_config(path, check_rules=False).config["cooldown_time"] == 0
    with pytest.raises(ConfigurationError):
        load_run_config(path)


def _file_problem(path: Path) -> tuple[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        load_run_config(path)
    ((key, rule, message),) = problems_in(caught.value)
    assert key == ""
    assert caught.value.message == message
    assert caught.value.hint
    return rule, message


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    rule, message = _file_problem(tmp_path / "none.toml")
    assert rule == "Unreadable"
    assert message.endswith("none.toml does not exist.")


def test_a_folder(tmp_path: Path) -> None:
    assert _file_problem(tmp_path) == ("Unreadable", f"The configuration file {tmp_path} is a directory, not a file.")


def test_a_path_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    rule, message = _file_problem(tmp_path / "file" / "run.toml")
    assert rule == "Unreadable"
    assert "cannot be read (Not a directory)" in message


def test_a_path_with_a_nul(tmp_path: Path) -> None:
    assert _file_problem(tmp_path / "a\0b")[0] == "Unreadable"


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(b"#" * (FILE_SIZE_MAX + 1))
    rule, message = _file_problem(path)
    assert rule == "Unreadable"
    assert "larger than 1048576 bytes" in message


def test_a_device_without_end() -> None:
    assert _file_problem(Path("/dev/zero"))[0] == "Unreadable"


def test_a_pipe_is_read_as_a_file(tmp_path: Path) -> None:
    source = tmp_path / "source.toml"
    source.write_text(toml_text(document()), encoding="utf-8")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    copy = "import sys, pathlib; pathlib.Path(sys.argv[2]).write_bytes(pathlib.Path(sys.argv[1]).read_bytes())"
    with subprocess.Popen([sys.executable, "-c", copy, str(source), str(pipe)]) as writer:
        assert load_run_config(pipe).config == document()["config"]
        assert writer.wait() == 0


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(b"[config]\n# caf\xe9\n")
    rule, message = _file_problem(path)
    assert rule == "NotUtf8"
    assert message.endswith("is not UTF-8 (byte 14).")


def _first_problem(path: Path, text: str) -> BrokenRule:
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(ConfigurationError) as caught:
        load_run_config(path)
    return caught.value.problems[0]


def test_invalid_toml_is_reported_with_line_and_column(tmp_path: Path) -> None:
    problem = _first_problem(tmp_path / "run.toml", "[config]\nwarmup_time = \n")
    assert problem["rule"] == "Syntax"
    assert "line 2, column 15" in problem["message"]
    assert problem["snippet"] == "2 | warmup_time =\n  |              ^"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_error_on_the_last_line_shows_that_line(tmp_path: Path, end: str) -> None:
    problem = _first_problem(tmp_path / "run.toml", f"[config]{end}warmup_time 5")
    assert (problem["line"], problem["column"]) == (2, 13)
    problem = _first_problem(tmp_path / "run.toml", f"[config]{end}warmup_time")
    assert (problem["line"], problem["column"]) == (2, 12)
    assert problem["snippet"] == "2 | warmup_time\n  |            ^"


def test_a_key_given_twice_is_broken_toml(tmp_path: Path) -> None:
    problem = _first_problem(tmp_path / "run.toml", "[config]\na = 1\na = 2\n")
    assert (problem["rule"], problem["line"]) == ("Syntax", 3)
    assert "declared twice" in problem["message"]


def test_every_line_that_is_no_toml_is_named_and_the_rest_is_checked(tmp_path: Path) -> None:
    text = EXAMPLE.replace("warmup_time = ", "warmup_time = x").replace("min_clients = 1\n", 'min_clients = "\n', 1)
    text = text.replace("cooldown_time = ", "cooldown_time = -")
    with pytest.raises(ConfigurationError) as caught:
        load_text(tmp_path, text)
    assert [(problem["key"], problem["rule"]) for problem in caught.value.problems] == [
        ("", "Syntax"),
        ("", "Syntax"),
        ("config.cooldown_time", "OutOfRange"),
    ]
    lines = [text.split("\n")[problem["line"] - 1] for problem in caught.value.problems]
    assert [line.partition(" ")[0] for line in lines] == ["warmup_time", "min_clients", "cooldown_time"]


@pytest.mark.parametrize("broken", ["[config\n", '[model.LLM]\narchitecture = """\n', "[model]\nLLM = [\n"])
def test_nothing_is_guessed_beyond_what_leaves_the_rest_open(tmp_path: Path, broken: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_text(tmp_path, f"{broken}warmup_time = -1\n")
    assert {problem["rule"] for problem in caught.value.problems} == {"Syntax"}


@pytest.mark.parametrize(
    "text", ["a = " + "9" * 5000, "a = " + "[" * 5000 + "]" * 5000, "a = " + "{b=" * 5000 + "1" + "}" * 5000]
)
def test_monstrous_toml_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    assert _file_problem(path)[0] == "Syntax"


def test_an_empty_file_lacks_both_tables(tmp_path: Path) -> None:
    assert [rule for _, rule, _ in problems_of(tmp_path, {})] == ["MissingTable", "MissingTable"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_as_windows_powershell_redirects_it(tmp_path: Path, encoding: str) -> None:
    """``psyche-cli config example > run.toml`` writes UTF-16 there."""
    file = tmp_path / "run.toml"
    file.write_bytes(EXAMPLE.encode(encoding))
    assert load_run_config(file).config["total_steps"] > 0
