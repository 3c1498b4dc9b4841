"""Parses common command lines without Typer, whose import takes longer than everything else in a read command.

Like Typer, it takes the options from the verb's declaration. It only accepts a top-level verb, which may be a group
that runs without one of its verbs, and unabbreviated options, each given at most once unless it is repeatable, with a
valid value that does not start with a hyphen. Everything else (help, invalid options, arguments, verbs of groups,
options with two values) is left to Typer, which then parses the whole line.
``tests/cli/test_plain_line.py`` checks that both give the same result for every line that is accepted here.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from inspect import Parameter
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin

from psyche_cli.cli.declarations import Declaration, flags_of, parameters_of
from psyche_cli.cli.options import COMPLETION_VARIABLE, Option, output_options
from psyche_cli.cli.sessions import Call
from psyche_cli.cli.verbs import SECTIONS, Verb
from psyche_cli.limits import U64_MAX

if TYPE_CHECKING:
    from psyche_cli.environment import Environment, OutputFormat
    from psyche_cli.results import Result


_KINDS: Final = (str, int, float, bool, Path)
_LISTED: Final = ((str,), (Path,))
_BETWEEN_VALUES: Final = "\0"


class PlainLine:
    """A command line parsed without Typer: the verb, its declaration and its call."""

    def __init__(
        self, verb: Verb, declaration: Declaration, call: Call, output: Mapping[str, Any], *, is_format_given: bool
    ) -> None:
        self.command = verb.name
        self.verb = verb
        self.call = call
        self.declaration = declaration
        self._output = output
        self._is_format_given = is_format_given

    @property
    def output_format(self) -> OutputFormat:
        """The format that ``--output`` selects."""
        selected: OutputFormat = self._output["output"]
        return selected

    def read(self) -> None:
        """Apply the output options."""
        options = self.call.environment.output
        options.format = self.output_format
        options.is_format_given = self._is_format_given
        options.quiet, options.verbose = self._output["quiet"], self._output["verbose"]

    def run(self) -> Result | None:
        """Run the verb and return its result; None if the verb printed its output itself."""
        return self.declaration.run(self.call)


class _Unusual(Exception):
    """The command line must be parsed by Typer."""


def plain_line(words: Sequence[str], environment: Environment) -> PlainLine | None:
    """The parsed command line, or None if it must be parsed by Typer."""
    if COMPLETION_VARIABLE in environment.variables:
        return None
    try:
        return _read(words, environment)
    except _Unusual:
        return None


def _read(words: Sequence[str], environment: Environment) -> PlainLine:
    output_table = parameters_of(output_options)
    rest = iter(words)
    texts: dict[str, str] = {}
    name = _take_options(rest, output_table, texts)
    verb = next((verb for section in SECTIONS for verb in section.verbs if verb.name == name), None)
    if verb is None or (verb.verbs and not verb.runs):
        raise _Unusual
    module = importlib.import_module(f"psyche_cli.cli.commands.{verb.module}")
    declaration: Declaration = module.command
    if declaration.open_options:
        raise _Unusual
    table = declaration.parameters
    if _take_options(rest, {**table, **output_table}, texts) is not None:
        raise _Unusual
    if any(not texts.keys().isdisjoint(_names(table, flag)) for flag in declaration.word_counts):
        raise _Unusual
    typed = frozenset(texts.keys() & table.keys())
    for parameter in table.values():
        _add_variable(parameter, environment.variables, texts)
    call = Call(
        environment,
        values={name: _value(parameter, texts) for name, parameter in table.items()},
        typed=typed,
        from_variables=frozenset(texts.keys() & table.keys()) - typed,
    )
    output = {name: _value(option, texts) for name, option in output_table.items()}
    return PlainLine(verb, declaration, call, output, is_format_given="output" in texts)


def _names(table: Mapping[str, Parameter], flag: str) -> set[str]:
    """The name of the parameter with this flag."""
    return {name for name, parameter in table.items() if flag in flags_of(parameter)}


def _take_options(words: Iterator[str], table: Mapping[str, Parameter], texts: dict[str, str]) -> str | None:
    """Add the values of options to ``texts``, by parameter name, and return the first word that is not an option."""
    by_flag = {flag: parameter for parameter in table.values() for flag in flags_of(parameter)}
    for word in words:
        if not word.startswith("-"):
            return word
        flag, equals, text = word.partition("=")
        parameter = by_flag.get(flag)
        if parameter is None or (equals and not flag.startswith("--")):
            raise _Unusual
        is_repeated = parameter.name in texts
        if is_repeated and not _is_list(parameter):
            raise _Unusual
        if _kind(parameter) is bool:
            if equals:
                raise _Unusual
            texts[parameter.name] = flag
            continue
        if not equals:
            text = next(words, "")
        if not text or text.startswith("-"):
            raise _Unusual
        texts[parameter.name] = f"{texts[parameter.name]}{_BETWEEN_VALUES}{text}" if is_repeated else text
    return None


def _add_variable(parameter: Parameter, variables: Mapping[str, str], texts: dict[str, str]) -> None:
    """Take the value of an option from its environment variable if the command line does not specify it."""
    [declared] = parameter.annotation.__metadata__
    text = variables.get(declared.variable or "") if isinstance(declared, Option) else None
    if text and parameter.name not in texts:
        if _kind(parameter) is bool:
            raise _Unusual
        texts[parameter.name] = text


def _kind(parameter: Parameter) -> Any:
    """The type of an option's value, other than None."""
    annotated = parameter.annotation.__origin__
    kinds = [kind for kind in get_args(annotated) if kind is not NoneType]
    return kinds[0] if len(kinds) == 1 and NoneType in get_args(annotated) else annotated


def _is_list(parameter: Parameter) -> bool:
    kind = _kind(parameter)
    return get_origin(kind) is list and get_args(kind) in _LISTED


def _value(parameter: Parameter, texts: Mapping[str, str]) -> Any:
    """The value of an option."""
    [declared] = parameter.annotation.__metadata__
    kind, text = _kind(parameter), texts.get(parameter.name)
    if not isinstance(declared, Option):
        raise _Unusual
    if text is None:
        if parameter.default is Parameter.empty:
            raise _Unusual
        return parameter.default
    if _is_list(parameter):
        [kind] = get_args(kind)
        return [kind(each) for each in text.split(_BETWEEN_VALUES)]
    if kind not in _KINDS and get_origin(kind) is not Literal:
        raise _Unusual
    if kind is str:
        return text
    if kind is bool:
        return True
    if kind is int:
        return _integer(text, declared)
    if kind is float:
        return _decimal(text, declared)
    if kind is Path:
        return Path(text)
    if text not in get_args(kind):
        raise _Unusual
    return text


def _integer(text: str, declared: Option) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(U64_MAX))):
        raise _Unusual
    value = int(text)
    if not (declared.min or 0) <= value <= (U64_MAX if declared.max is None else declared.max):
        raise _Unusual
    return value


def _decimal(text: str, declared: Option) -> float:
    whole, _, fraction = text.partition(".")
    if not (text.isascii() and whole.isdigit() and (fraction or "0").isdigit() and len(text) <= len(str(U64_MAX))):
        raise _Unusual
    if declared.min is not None or declared.max is not None:
        raise _Unusual
    return float(text)
