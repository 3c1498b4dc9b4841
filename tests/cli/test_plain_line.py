"""Common command lines are parsed without Typer, with the same result."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from psyche_cli.cli.command_line import CommandLine
from psyche_cli.cli.command_tree import root_command
from psyche_cli.cli.options import VARIABLES
from psyche_cli.cli.plain_line import plain_line
from psyche_cli.cli.verbs import SECTIONS
from psyche_cli.environment import Environment, SystemClock

VERBS = [verb.name for section in SECTIONS for verb in section.verbs]
GROUPS = {verb.name for section in SECTIONS for verb in section.verbs if verb.verbs}
ROOT_OPTIONS = ["--output", "--quiet", "-q", "--verbose", "-v", "--version", "--help"]
TEXTS = ["my-run", "0", "7", "007", "+5", "18446744073709551615", "18446744073709551616", "-1", "1.5", "", " ", "x=y"]
TEXTS += ["json", "human", "JSON", "yes", "true", "--resume", "-q", "owner.json", "/", "/nonexistent/file", "é", "٣"]


def flags_of(verb: str) -> list[str]:
    command: Any = root_command().get_command(None, verb)
    return [flag for parameter in command.params for flag in parameter.opts if flag.startswith("-")]


def environment_with(variables: dict[str, str]) -> Environment:
    def no_network(url: str) -> Any:
        raise AssertionError(f"opened {url}")

    return Environment(
        stdin=io.StringIO(),
        stdout=io.StringIO(),
        stderr=io.StringIO(),
        variables=variables,
        home=Path("/nonexistent"),
        clock=SystemClock(),
        open_transport=no_network,
    )


@st.composite
def expected_options(draw: st.DrawFn, verb: str) -> list[list[str]]:
    """The required options of a verb and a few others, most of them with a value of their type."""
    command: Any = root_command().get_command(None, verb)
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    words = []
    for parameter in options:
        if not parameter.required and draw(st.integers(0, 3)):
            continue
        flag = draw(st.sampled_from(parameter.opts))
        kind = parameter.type.name
        values = getattr(parameter.type, "choices", ["7", "0"] if "integer" in kind else ["my-run", "1", "x=y", "é"])
        words.append([flag] if parameter.is_flag else [flag, draw(st.sampled_from(values))])
    return words


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """Command lines of a verb: mostly with its own options, and mostly with a value for each option that takes one."""
    verb = draw(st.sampled_from([verb for verb in VERBS if verb not in GROUPS]))
    flags = [*flags_of(verb), *ROOT_OPTIONS]
    values = st.one_of(st.sampled_from(TEXTS), st.text(max_size=5))
    option = st.one_of(
        st.tuples(st.sampled_from(flags), values).map(list),
        st.tuples(st.sampled_from(flags), values).map(lambda pair: ["=".join(pair)]),
        st.tuples(st.sampled_from(flags), values).map(lambda pair: ["".join(pair)]),
        st.sampled_from(flags).map(lambda flag: [flag]),
        values.map(lambda value: [value]),
    )
    expected = draw(expected_options(verb))
    before = draw(
        st.lists(st.sampled_from([["-q"], ["--verbose"], ["--output", "json"], ["--output=human"]]), max_size=1)
    )
    after = draw(st.lists(option, max_size=1)) + expected
    return [word for part in (*before, [verb], *after) for word in part]


VALUES_OF_VARIABLES = st.dictionaries(st.sampled_from(sorted(VARIABLES.values())), st.sampled_from(TEXTS), max_size=2)


def check_same(words: list[str], variables: dict[str, str]) -> bool:
    """Whether the line is parsed without Typer. If so, Typer must give the same result."""
    mine, other = environment_with(variables), environment_with(variables)
    plain = plain_line(words, mine)
    if plain is None:
        return False
    full = CommandLine(words, other)
    assert plain.output_format == full.output_format  # also for an error that comes before it is read
    plain.read()
    full.read()
    call = full.call()
    assert (plain.call.values, plain.call.typed) == (call.values, call.typed)
    assert plain.call.from_variables == call.from_variables
    assert vars(mine.output) == vars(other.output)
    assert (plain.command, plain.output_format, plain.prints_document) == (
        full.command,
        full.output_format,
        full.prints_document,
    )
    return True


@given(lines(), VALUES_OF_VARIABLES)
def test_both_readings_are_the_same(words: list[str], variables: dict[str, str]) -> None:
    assume(check_same(words, variables))


def has_single_options_only(verb: str) -> bool:
    command: Any = root_command().get_command(None, verb)
    return all(
        parameter.param_type_name == "option" and (not parameter.multiple or "--rpc" in parameter.opts)
        for parameter in command.params
    )


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in GROUPS and has_single_options_only(verb)])
def test_every_option_of_a_verb_with_single_options_only_is_read_plainly(verb: str) -> None:
    command: Any = root_command().get_command(None, verb)
    required = {parameter.name: [parameter.opts[0], "1"] for parameter in command.params if parameter.required}
    for parameter in command.params:
        for flag in parameter.opts:
            given_value = [] if parameter.is_flag else [getattr(parameter.type, "choices", ["1"])[0]]
            others = [word for name, words in required.items() if name != parameter.name for word in words]
            assert check_same([verb, *others, flag, *given_value], {})
            if VARIABLES.get(flag) and not parameter.is_flag:
                assert check_same([verb, *others], {VARIABLES[flag]: "1"})


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--help"],
        ["localnet"],
        ["localnet", "reset"],
        ["nonsense"],
        ["json-dump-run"],
        ["json-dump-run", "--run-id"],
        ["json-dump-run", "--run-id", ""],
        ["json-dump-run", "--run-id", "a", "--run-id", "b"],
        ["json-dump-run", "--run-id", "--quiet"],
        ["json-dump-run", *["--run-id"] * 2],
        ["json-dump-run", "--run", "a"],
        ["json-dump-run", "-ra"],
        ["json-dump-run", "-qv", "--run-id", "a"],
        ["json-dump-run", "--run-id", "a", "b"],
        ["json-dump-run", "--run-id", "a", "--", "b"],
        ["json-dump-run", "--run-id", "a", "--treasurer-index", "18446744073709551616"],
        ["json-dump-run", "--run-id", "a", "--output", "JSON"],
        ["set-paused", "--run-id", "a", "--resume=1"],
    ],
)
def test_what_is_unusual_is_left_to_typer(words: list[str]) -> None:
    assert plain_line(words, environment_with({})) is None


def test_a_flag_from_a_variable_is_left_to_typer() -> None:
    assert plain_line(["set-paused", "--run-id", "a"], environment_with({"RESUME": "1"})) is None


def test_whether_a_file_may_be_read_is_left_to_the_verb(tmp_path: Path) -> None:
    closed = tmp_path / "owner.json"
    closed.touch(mode=0o000)
    assert check_same(["set-paused", "--run-id", "a", "-w", str(closed)], {})
