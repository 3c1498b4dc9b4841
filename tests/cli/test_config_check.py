"""``config check`` through the command line."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from psyche_cli.cli.app import main
from psyche_cli.errors import ExitCode
from tests.cli.conftest import CONFIGS, MINIMAL
from tests.cli.harness import CommandLine, Outcome, environment_of
from tests.support.secret_forms import FORMS, keypair, numbers_in_a_row

TEXT = MINIMAL.read_text(encoding="utf-8")
BROKEN = TEXT.replace("warmup_time = 10", "warmup_time = 60").replace("cooldown_time = 5", "cooldown_time = 0")


def check_stdin(offline: CommandLine, content: bytes, *words: str) -> Outcome:
    stdin = io.TextIOWrapper(io.BytesIO(content), encoding="ascii")
    environment = environment_of(offline).replaced(stdin=stdin, stdout=io.StringIO(), stderr=io.StringIO())
    code = main(["config", "check", *words], environment)
    assert isinstance(environment.stdout, io.StringIO)
    assert isinstance(environment.stderr, io.StringIO)
    return Outcome(code, environment.stdout.getvalue(), environment.stderr.getvalue())


def test_a_valid_file(offline: CommandLine) -> None:
    outcome = offline("config", "check", MINIMAL)
    assert outcome == Outcome(ExitCode.OK, f"{MINIMAL} is valid.\n", "")
    assert offline.json("config", "check", MINIMAL) == {"files": [{"path": str(MINIMAL), "warnings": []}]}


def test_every_problem_has_rule_position_and_snippet(offline: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(BROKEN)
    outcome = offline("config", "check", file)
    assert outcome.code is ExitCode.CONFIGURATION
    assert outcome.stdout == ""
    assert outcome.stderr == (
        f"Error: {file} has 2 problems: config.warmup_time, config.cooldown_time.\n"
        "  - config.warmup_time = 60, but it must be less than config.epoch_time = 60 (rule WarmupTime)\n"
        f"    at {file}:7:15\n"
        "      7 | warmup_time = 60\n"
        "        |               ^^\n"
        "  - config.cooldown_time = 0, but it must be at least 1 (rule CooldownTime)\n"
        f"    at {file}:8:17\n"
        "      8 | cooldown_time = 0\n"
        "        |                 ^\n"
        "Hint: See docs/run-config.md for all keys; `psyche-cli config example` prints a complete file.\n"
    )
    problems = offline("config", "check", file, "--output", "json").json["error"]["context"]["problems"]
    assert problems[0] == {
        "key": "config.warmup_time",
        "rule": "WarmupTime",
        "message": "config.warmup_time = 60, but it must be less than config.epoch_time = 60",
        "path": str(file),
        "line": 7,
        "column": 15,
        "snippet": "7 | warmup_time = 60\n  |               ^^",
    }


def test_several_files_with_problems(offline: CommandLine, tmp_path: Path) -> None:
    broken, empty, missing = (tmp_path / name for name in ("broken.toml", "empty.toml", "missing.toml"))
    broken.write_text(BROKEN)
    empty.touch()
    outcome = offline("config", "check", MINIMAL, broken, empty, missing, "--output", "json")
    assert outcome.code is ExitCode.CONFIGURATION
    error = outcome.json["error"]
    assert error["message"] == f"3 of 4 files have problems: {broken} (2), {empty} (2), {missing} (1)."
    assert error["context"]["path"] is None
    assert [(problem["path"], problem["rule"]) for problem in error["context"]["problems"]] == [
        (str(broken), "WarmupTime"),
        (str(broken), "CooldownTime"),
        (str(empty), "MissingTable"),
        (str(empty), "MissingTable"),
        (str(missing), "Unreadable"),
    ]
    human = offline("config", "check", MINIMAL, broken, empty, missing).stderr
    assert f"  - the table [config] is missing (rule MissingTable)\n    at {empty}\n" in human
    assert f"  - The configuration file {missing} does not exist. (rule Unreadable)\n    at {missing}\n" in human
    examples = sorted(CONFIGS.glob("*.toml"))
    assert offline("config", "check", *examples).stdout == f"All {len(examples)} files are valid.\n"


def test_advice_is_a_warning_or_with_strict_a_problem(offline: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(TEXT.replace("verification_percent = 0", "verification_percent = 5"))
    outcome = offline("config", "check", file)
    assert (outcome.code, outcome.stdout) == (ExitCode.OK, f"{file} is valid.\n")
    line = TEXT[: TEXT.index("verification_percent")].count("\n") + 1
    assert outcome.stderr.startswith(f"Warning: {file}:{line}:24: config.verification_percent = 5, but it should be 0")
    assert outcome.stderr.endswith(" (warning VerificationPercent)\n")
    [checked] = offline.json("config", "check", file)["files"]
    assert [warning["rule"] for warning in checked["warnings"]] == ["VerificationPercent"]
    strict = offline("config", "check", file, "--strict")
    assert strict.code is ExitCode.CONFIGURATION
    assert f"    at {file}:{line}:24\n" in strict.stderr
    assert offline("config", "check", MINIMAL, "--strict").code is ExitCode.OK


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_standard_input(offline: CommandLine, encoding: str) -> None:
    """Read as bytes, independent of the locale."""
    text = TEXT.replace("[config]", "# Füße\n[config]")
    assert check_stdin(offline, text.encode(encoding), "-").stdout == "<stdin> is valid.\n"
    outcome = check_stdin(offline, BROKEN.encode(encoding), "-", str(MINIMAL))
    assert outcome.code is ExitCode.CONFIGURATION
    assert "    at <stdin>:7:15\n" in outcome.stderr


def test_standard_input_that_is_not_text(offline: CommandLine) -> None:
    assert "<stdin> is not UTF-8 (byte 0)" in check_stdin(offline, b"\xff", "-").stderr
    assert "<stdin> is larger than" in check_stdin(offline, b"#" * 2_000_000, "-").stderr


def test_a_missing_argument_is_a_usage_error(offline: CommandLine) -> None:
    assert offline("config", "check").code is ExitCode.USAGE


def test_a_file_name_with_control_characters_is_escaped(offline: CommandLine, tmp_path: Path) -> None:
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\x1b[31m\xff.toml"))
    file.write_text(BROKEN)
    shown = offline("config", "check", file).stderr
    assert "\x1b" not in shown
    assert "[31m" in shown


@pytest.mark.parametrize("form", ["JSON", "words"])
def test_a_key_in_place_of_files_is_not_repeated(offline: CommandLine, form: str) -> None:
    key = keypair(bytes(range(32)))
    outcome = offline("config", "check", MINIMAL, *FORMS[form](key).split())
    assert outcome.code is ExitCode.USAGE
    assert "is a key, not a path" in outcome.stderr
    assert not numbers_in_a_row(FORMS["words"](key)) & numbers_in_a_row(outcome.stderr)
