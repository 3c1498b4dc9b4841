"""Reads a command line once: which verb it calls, with what, and in which form the output is wanted.

Verbs are built from the table in ``commands`` when they are called, so nothing of the others is imported.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.main import get_callback, get_params_convertors_ctx_param_name_from_function

from psyche_cli import __version__
from psyche_cli.commands import SECTIONS, Section, Verb
from psyche_cli.commands.options import (
    BETWEEN_PAIRED_WORDS,
    EXPECTED_VARIABLES,
    VARIABLES,
    came_from_command_line,
    came_from_variable,
    output_options,
)
from psyche_cli.errors import UsageError
from psyche_cli.results import JsonValue, PlainText
from psyche_cli.spelling import near_misspellings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from psyche_cli.commands.sessions import Declaration
    from psyche_cli.environment import Environment
    from psyche_cli.results import Result

PROGRAM: Final = "psyche-cli"
_HELP: Final = "Administer Psyche training runs on Solana, on any cluster or on the embedded local validator."
_FORMATS: Final = ("human", "json")
_WIDEST_HELP: Final = 110


class CommandLine:
    """The words of one command line, and what is known of their meaning so far, also when they have none.

    ``command`` are the names of the verb and of the groups before it, ``prints_document`` is whether the verb prints a
    JSON document of its own.
    """

    def __init__(self, words: Sequence[str], environment: Environment) -> None:
        self._words = list(words) or ["--help"]
        self._environment = environment
        self._context: typer.Context | None = None
        self._unread = self._words
        self.command = ""
        self.prints_document = False

    @property
    def wants_json(self) -> bool:
        """Whether ``--output`` asks for JSON. Words that could not be read count as far as they are recognisable."""
        asked = _format_in(self._unread)
        return self._environment.output.as_json if asked is None else asked == "json"

    def read(self) -> None:
        """Find the verb and its values. Raises UsageError."""
        command: Any = root_command()
        name = PROGRAM
        while True:
            context = self._read_level(command, name)
            self._context = context
            words = [*context._protected_args, *context.args]
            if not words or not isinstance(command, Group):
                break
            found = command.find(words[0])
            if found is None and _asked_for(context):
                break
            if found is None:
                raise self._unknown_command(command, words[0])
            self._refuse_options_before(context, found.name)
            self._unread = words[1:]
            self.command = f"{self.command} {found.name}".lstrip()
            self.prints_document = found.prints_document
            name, command = found.name, command.load(found)
        self._unread = []
        if isinstance(command, Group) and not command.invoke_without_command and not _asked_for(context):
            raise UsageError("A command is missing.", hint=self._see_help())

    def run(self) -> Result | None:
        """Run what was read, and return its result; that of a verb that printed by itself is None."""
        context = self._context
        assert context is not None, "read first"
        asked = _asked_for(context)
        if asked == "version":
            return PlainText(f"{PROGRAM} {__version__}", {"version": __version__})
        if asked == "help":
            return PlainText(context.get_help(), _usage(context))
        self._report_variables(context)
        with context:
            result: Result | None = context.command.invoke(context)
        return result

    def _read_level(self, command: Any, name: str) -> typer.Context:
        parent = self._context
        try:
            context: typer.Context = command.make_context(
                name,
                list(self._unread),
                parent=parent,
                obj=self._environment,
                resilient_parsing=parent is not None and _asked_for(parent) is not None,
            )
        except typer.TyperException as error:
            raise UsageError(_sentence(error, command), hint=self._see_help()) from error
        self._refuse_flags_as_values(context)
        return context

    def _refuse_flags_as_values(self, context: typer.Context) -> None:
        """``--run-id --resume`` lacks a value; it does not name a run ``--resume``."""
        if context.resilient_parsing:
            return
        parameters = context.command.get_params(context)
        flags = {flag for parameter in parameters for flag in parameter.opts if flag.startswith("--")}
        for parameter in parameters:
            if context.params.get(str(parameter.name)) in flags and came_from_command_line(context, parameter.name):
                raise UsageError(f"Option {parameter.opts[0]!r} requires an argument.", hint=self._see_help())

    def _unknown_command(self, group: Group, word: str) -> UsageError:
        known = [verb.name for verb in group.verbs]
        message = f"No such command {word!r}.{_suggestion(word, known)}"
        error = UsageError(message, hint=self._see_help())
        self.command = self.command or word
        return error

    def _refuse_options_before(self, context: typer.Context, verb: str) -> None:
        """Options of a group itself would be without effect on a verb of the group."""
        idle = [
            parameter.opts[0]
            for parameter in context.command.params
            if parameter.expose_value and came_from_command_line(context, parameter.name)
        ]
        if idle:
            raise UsageError(
                f"{', '.join(idle)} before {verb!r} would have no effect on it.",
                hint=f"See: {PROGRAM} {self.command} {verb} --help",
            )

    def _see_help(self) -> str:
        return f"See: {' '.join([PROGRAM, *self.command.split()])} --help"

    def _report_variables(self, context: typer.Context) -> None:
        """Say which options took their value from an environment variable whose name is very general."""
        names = [
            f"{flag} ({VARIABLES[flag]})"
            for parameter in context.command.params
            for flag in parameter.opts
            if flag in VARIABLES.keys() - EXPECTED_VARIABLES and came_from_variable(context, parameter.name)
        ]
        if names:
            self._environment.diagnostics.line(f"From the environment: {', '.join(names)}.")


def _format_in(words: Sequence[str]) -> str | None:
    """The last ``--output`` among words that could not be read."""
    found = [word.partition("=")[2] for word in words if word.startswith("--output=")]
    found += [value for name, value in itertools.pairwise(words) if name == "--output"]
    formats = [value.lower() for value in found if value.lower() in _FORMATS]
    return formats[-1] if formats else None


def _sentence(error: typer.TyperException, command: Any) -> str:
    unknown = getattr(error, "option_name", None)
    if unknown is not None and hasattr(error, "possibilities"):
        flags = [flag for parameter in command.params for flag in parameter.opts]
        return f"No such option: {unknown}.{_suggestion(unknown, flags)}"
    text = error.format_message().strip()
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _suggestion(word: str, known: Sequence[str]) -> str:
    near = near_misspellings(word, known)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""


# --- what is common to all levels --------------------------------------------------------------------------------


def _asked_for(context: typer.Context) -> str | None:
    """What was asked for in place of running a verb: help, version or None."""
    asked: str | None = context.meta.get("asked for")
    return asked


def _ask(what: str) -> Callable[[Any, Any, bool], bool]:
    def callback(context: Any, _: Any, given: bool) -> bool:
        if given:
            context.meta.setdefault("asked for", what)
            # What else is on the line need not be complete any more.
            context.resilient_parsing = True
        return given

    return callback


def _question(*names: str, help: str) -> TyperOption:
    """An option that is answered in place of running a verb."""
    return TyperOption(
        param_decls=list(names),
        is_flag=True,
        is_eager=True,
        expose_value=False,
        help=help,
        callback=_ask(names[0].strip("-")),
    )


def _defaults(parameters: Sequence[Any], variables: Mapping[str, str]) -> dict[str, Any]:
    """What the environment variables say, by parameter."""
    return {
        parameter.name: variables[VARIABLES[flag]]
        for parameter in parameters
        for flag in parameter.opts
        if flag in VARIABLES and variables.get(VARIABLES[flag])
    }


class _Level:
    """What verbs and groups of verbs have in common."""

    params: list[Any]
    _help_option: TyperOption | None

    def get_help_option(self, _: Any) -> TyperOption:
        """``--help``, which prints nothing: what it shows is the result of the command line."""
        if self._help_option is None:
            self._help_option = _question("--help", help="Show this message and exit.")
        return self._help_option

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Read the words of this level, with the environment variables behind them."""
        environment: Environment = extra["obj"]
        extra["default_map"] = _defaults(self.params, environment.variables)
        return super().make_context(info_name, args, parent, **extra)  # type: ignore[misc]  # of the Typer class


class VerbCommand(_Level, TyperCommand):
    """A verb."""


class Group(_Level, TyperGroup):
    """Verbs that are loaded when they are called. ``paired_options`` take two words each time they are given."""

    def __init__(self, *, sections: Sequence[Section], paired_options: Sequence[str] = (), **settings: Any) -> None:
        super().__init__(commands={}, **settings)
        self._sections = sections
        self._paired_options = paired_options

    @property
    def verbs(self) -> list[Verb]:
        """All verbs of the group."""
        return [verb for section in self._sections for verb in section.verbs]

    def find(self, name: str) -> Verb | None:
        """The verb of this name."""
        return next((verb for verb in self.verbs if verb.name == name), None)

    def load(self, verb: Verb) -> VerbCommand | Group:
        """Import a verb and build its command."""
        if verb.name not in self.commands:
            self.commands[verb.name] = _build(verb)
        command: VerbCommand | Group = self.commands[verb.name]  # type: ignore[assignment]  # nothing else is in there
        return command

    def list_commands(self, _: Any) -> list[str]:
        """The names of the verbs, for Typer."""
        return [verb.name for verb in self.verbs]

    def get_command(self, _: Any, cmd_name: str) -> VerbCommand | Group | None:
        """The command of this name, for Typer."""
        verb = self.find(cmd_name)
        return self.load(verb) if verb else None

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the two words of each paired option, then parse as Typer does."""
        joined: list[str] = []
        rest = iter(args)
        for word in rest:
            name, equals, first = word.partition("=")
            if name not in self._paired_options:
                joined.append(word)
                continue
            pair = [first] if equals else []
            pair += itertools.islice(rest, 2 - len(pair))
            joined += [name, BETWEEN_PAIRED_WORDS.join(pair)]
        return super().parse_args(ctx, joined)

    def listing(self) -> list[JsonValue]:
        """The verbs as data."""
        return [
            {"name": verb.name, "section": section.title, "summary": verb.summary}
            for section in self._sections
            for verb in section.verbs
        ]

    def format_commands(self, _: Any, formatter: Any) -> None:
        """List the verbs by section, without loading them."""
        width = max(len(verb.name) for verb in self.verbs)
        for section in self._sections:
            with formatter.section(section.title):
                formatter.write_dl([(verb.name.ljust(width), f"{verb.summary}.") for verb in section.verbs])


@functools.cache
def root_command() -> Group:
    """``psyche-cli`` itself. Holds nothing of one invocation, so one is enough for all of a process."""
    return Group(
        name=PROGRAM,
        sections=SECTIONS,
        params=[_question("--version", "-V", help="Print the version and exit."), *_output_options()],
        help=_HELP,
        rich_markup_mode=None,
        context_settings={"max_content_width": _WIDEST_HELP},
    )


def _build(verb: Verb) -> VerbCommand | Group:
    module = importlib.import_module(f"psyche_cli.commands.{verb.module}")
    declaration: Declaration = getattr(module, verb.declaration)
    params, convertors, context_name = get_params_convertors_ctx_param_name_from_function(declaration.function)
    settings: dict[str, Any] = {
        "name": verb.name,
        "params": [*params, *_output_options()],
        "callback": get_callback(
            callback=declaration.function,
            params=params,
            convertors=convertors,
            context_param_name=context_name,
            pretty_exceptions_short=False,
        ),
        "help": inspect.getdoc(declaration.function),
        "epilog": f"Example: {declaration.example}",
        "rich_markup_mode": None,
    }
    if not verb.verbs:
        return VerbCommand(**settings)
    sections = [Section("Commands", verb.verbs)]
    return Group(sections=sections, paired_options=declaration.paired_options, invoke_without_command=True, **settings)


def _output_options() -> list[Any]:
    params, _, _ = get_params_convertors_ctx_param_name_from_function(output_options)
    return [*params]


def _usage(context: typer.Context) -> dict[str, JsonValue]:
    """Help as data."""
    command: Any = context.command
    options: list[JsonValue] = []
    arguments: list[JsonValue] = []
    for parameter in command.get_params(context):
        shown: dict[str, JsonValue] = {"help": parameter.help, "required": parameter.required}
        if parameter.param_type_name == "argument":
            arguments.append({"name": parameter.human_readable_name, **shown})
            continue
        value = None if parameter.is_flag else parameter.make_metavar(context)
        variable = next((VARIABLES[flag] for flag in parameter.opts if flag in VARIABLES), None)
        options.append({"names": [*parameter.opts], "value": value, "variable": variable, **shown})
    data: dict[str, JsonValue] = {"text": context.get_help(), "arguments": arguments, "options": options}
    if isinstance(command, Group):
        data["commands"] = command.listing()
    return data
