"""Common command lines are parsed without Typer, with the same result."""

from __future__ import annotations

import importlib
import io
from inspect import Parameter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psyche_cli.cli.command_line import CommandLine
from psyche_cli.cli.command_tree import root_command
from psyche_cli.cli.declarations import Declaration
from psyche_cli.cli.options import VARIABLES
from psyche_cli.cli.plain_line import plain_line
from psyche_cli.cli.verbs import SECTIONS
from psyche_cli.environment import Environment, SystemClock
from psyche_cli.limits import U64_MAX
from tests.support.counts import repetitions

VERBS = [verb.name for section in SECTIONS for verb in section.verbs]
GROUPS = {verb.name for section in SECTIONS for verb in section.verbs if verb.verbs and not verb.runs}
ROOT_OPTIONS = ["--output", "--quiet", "-q", "--verbose", "-v", "--version", "--help"]
TEXTS = ["my-run", "0", "7", "007", "+5", "18446744073709551615", "18446744073709551616", "-1", "1.5", "", " ", "x=y"]
TEXTS += ["json", "human", "JSON", "yes", "true", "--resume", "-q", "owner.json", "/", "/nonexistent/file", "é", "٣"]


def flags_of(verb: str) -> list[str]:
    command: Any = root_command().get_command(None, verb)
    return [flag for parameter in command.params for flag in parameter.opts if flag.startswith("-")]


def declaration_of(verb: str) -> Declaration:
    [module] = [each.module for section in SECTIONS for each in section.verbs if each.name == verb]
    declaration: Declaration = importlib.import_module(f"psyche_cli.cli.commands.{module}").command
    return declaration


def plain_options(verb: str) -> list[tuple[Any, Parameter]] | None:
    """The options of a verb that are read without Typer, with their declarations. None if no line of it is."""
    command: Any = root_command().get_command(None, verb)
    declaration = declaration_of(verb)
    if declaration.open_options or any(parameter.param_type_name == "argument" for parameter in command.params):
        return None
    return [
        (option, declaration.parameters[option.name])
        for option in command.params
        if option.name in declaration.parameters and not set(option.opts) & set(declaration.word_counts)
    ]


OPTIONS = {verb: options for verb in VERBS if verb not in GROUPS and (options := plain_options(verb)) is not None}
PLAIN_VERBS = sorted(OPTIONS)
VARIABLES_OF_OTHER_VERBS = {
    verb: sorted(variable for flag, variable in VARIABLES.items() if flag not in flags_of(verb)) for verb in PLAIN_VERBS
}


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


def text_values() -> st.SearchStrategy[str]:
    """Values of an option that takes any text: not empty, and no option itself. No process receives a NUL."""
    texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=5)
    return st.one_of(st.sampled_from(TEXTS), texts).map(
        lambda text: text if text.strip("-") == text != "" else f"x{text}"
    )


def values_of(option: Any, declared: Parameter) -> st.SearchStrategy[str]:
    """Valid values of an option."""
    [metadata] = declared.annotation.__metadata__
    if hasattr(option.type, "choices"):
        return st.sampled_from(option.type.choices)
    if option.type.name == "float":
        return st.sampled_from(["0", "0.4", "12.", "007.50"])
    if option.type.name == "parse":
        bounds = metadata.min or 0, U64_MAX if metadata.max is None else metadata.max
        return st.one_of(st.sampled_from(bounds), st.integers(*bounds)).map(str)
    return text_values()


@st.composite
def plain_lines(draw: st.DrawFn) -> tuple[list[str], dict[str, str]]:
    """A valid command line that is parsed without Typer, and its environment variables."""
    verb = draw(st.sampled_from(PLAIN_VERBS))
    output = [["-q"], ["--quiet"], ["--verbose"], ["-v"], ["--output", "json"], ["--output=human"]]
    before, after = draw(
        st.sampled_from([([], []), *(([one], []) for one in output), *(([], [one]) for one in output)])
    )
    variables = draw(
        st.dictionaries(st.sampled_from(VARIABLES_OF_OTHER_VERBS[verb]), st.sampled_from(TEXTS), max_size=1)
    )
    parts = [*after]
    for option, declared in OPTIONS[verb]:
        if not option.required and draw(st.integers(0, 3)):
            continue
        values = st.just("") if option.is_flag else values_of(option, declared)
        variable = next((VARIABLES[flag] for flag in option.opts if flag in VARIABLES), None)
        if variable and not option.is_flag and draw(st.booleans()):
            variables[variable] = draw(values)
            continue
        for _ in range(draw(st.integers(1, 3)) if option.multiple else 1):
            flag, value = draw(st.sampled_from(option.opts)), draw(values)
            joined = flag.startswith("--") and draw(st.booleans())
            parts.append([flag] if option.is_flag else [f"{flag}={value}"] if joined else [flag, value])
    return [word for part in (*before, [verb], *draw(st.permutations(parts))) for word in part], variables


@st.composite
def disturbed_lines(draw: st.DrawFn) -> tuple[list[str], dict[str, str]]:
    """A valid command line with one more option or word, or with one word less, and often with another variable."""
    words, variables = draw(plain_lines())
    place = draw(st.integers(0, len(words) - 1))
    flags = st.sampled_from([*flags_of(next(word for word in words if word in PLAIN_VERBS)), *ROOT_OPTIONS])
    values = st.one_of(st.sampled_from(TEXTS), st.text(st.characters(exclude_characters="\0"), max_size=5))
    pairs = st.tuples(flags, values)
    more = draw(
        st.one_of(
            pairs.map(list),
            pairs.map(lambda pair: ["=".join(pair)]),
            pairs.map(lambda pair: ["".join(pair)]),
            flags.map(lambda flag: [flag]),
            values.map(lambda value: [value]),
            st.just([]),
        )
    )
    rest = words[place:] if more else words[place + 1 :]
    others = st.dictionaries(st.sampled_from(sorted(VARIABLES.values())), st.sampled_from(TEXTS), max_size=1)
    return [*words[:place], *more, *rest], {**variables, **draw(others)}


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
    assert (plain.command, plain.output_format, plain.verb) == (full.command, full.output_format, full.verb)
    return True


@given(plain_lines())
def test_both_readings_are_the_same(line: tuple[list[str], dict[str, str]]) -> None:
    assert check_same(*line)


@settings(max_examples=repetitions(400))
@given(disturbed_lines())
def test_what_is_not_left_to_typer_is_read_as_typer_does(line: tuple[list[str], dict[str, str]]) -> None:
    check_same(*line)  # a tenth is not left to Typer; the others take no time


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
            given_value = [] if parameter.is_flag else [getattr(parameter.type, "choices", ["2"])[0]]
            others = [word for name, words in required.items() if name != parameter.name for word in words]
            assert check_same([verb, *others, flag, *given_value], {})
            if VARIABLES.get(flag) and not parameter.is_flag:
                assert check_same([verb, *others], {VARIABLES[flag]: "1"})


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--help"],
        ["localnet", "reset"],
        ["localnet", "--account", "a", "b"],
        ["localnet", "--rpc-port", "0", "--account", "a", "b"],
        ["localnet", "--slot-time", "1e3"],
        ["localnet", "--slot-time", "-1"],
        ["localnet", "--slot-time", "nan"],
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
