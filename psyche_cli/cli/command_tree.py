"""The Typer command tree, built lazily from the table in ``verbs``.

A verb is imported and built only when it is called; the others are not loaded.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import typer
from typer._click.formatting import HelpFormatter
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.main import get_callback, get_params_convertors_ctx_param_name_from_function

from psyche_cli.cli.declarations import parameters_of
from psyche_cli.cli.options import BETWEEN_WORDS, output_options, variable_of
from psyche_cli.cli.sessions import Call
from psyche_cli.cli.typer_signature import typer_signature
from psyche_cli.cli.verbs import SECTIONS, Section, Verb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from psyche_cli.cli.declarations import Declaration
    from psyche_cli.cli.payloads import ArgumentHelp, CommandListing, GroupHelp, Help, OptionHelp
    from psyche_cli.environment import Environment

PROGRAM: Final = "psyche-cli"
_HELP: Final = "Administer Psyche training runs on any Solana cluster or on the embedded local validator."
_WIDEST_HELP: Final = 110
_NON_BREAKING_HYPHEN: Final = "\N{NON-BREAKING HYPHEN}"


def asked_for(context: typer.Context) -> str | None:
    """What the user requested instead of running a verb: the name of an option such as "help", or None."""
    asked: str | None = context.meta.get("asked for")
    return asked


def _ask(what: str) -> Callable[[Any, Any, bool], bool]:
    def callback(context: Any, _: Any, given: bool) -> bool:
        if given:
            context.meta.setdefault("asked for", what)
            # The rest of the command line no longer has to be complete.
            context.resilient_parsing = True
        return given

    return callback


def _request_option(*names: str, help: str) -> TyperOption:
    """An option such as ``--help`` whose output replaces running a verb."""
    return TyperOption(
        param_decls=list(names),
        is_flag=True,
        is_eager=True,
        expose_value=False,
        help=help,
        callback=_ask(names[0].strip("-")),
    )


def _defaults(parameters: Sequence[Any], variables: Mapping[str, str]) -> dict[str, Any]:
    """The values of environment variables, by parameter name."""
    defaults: dict[str, Any] = {}
    for parameter in parameters:
        value = variables.get(variable_of(parameter) or "")
        if value and parameter.multiple:
            # A URL may contain commas, so the variable RPC is a single one.
            defaults[parameter.name] = [value] if "--rpc" in parameter.opts else value.replace(",", " ").split()
        elif value:
            defaults[parameter.name] = value
    return defaults


class _HelpFormatter(HelpFormatter):
    """Breaks lines at spaces only, so that ``--run-id`` and ``mainnet-beta`` stay in one piece."""

    def write_text(self, text: str) -> None:
        """Write a paragraph."""
        super().write_text(_unbroken(text))

    def write_dl(self, rows: Sequence[tuple[str, str]], *args: Any, **settings: Any) -> None:
        """Write a table of two columns."""
        super().write_dl([(first, _unbroken(second)) for first, second in rows], *args, **settings)

    def getvalue(self) -> str:
        """The help text."""
        return super().getvalue().replace(_NON_BREAKING_HYPHEN, "-")


def _unbroken(text: str) -> str:
    return text.replace("-", _NON_BREAKING_HYPHEN)


class _Level:
    """Behavior shared by verbs and groups of verbs."""

    params: list[Any]
    _help_option: TyperOption | None

    def get_help_option(self, _: Any) -> TyperOption:
        """The option ``--help``. It prints nothing itself: the help text is the result of the command line."""
        if self._help_option is None:
            self._help_option = _request_option("--help", "-h", help="Show this message and exit.")
        return self._help_option

    def get_help(self, ctx: Any) -> str:
        """The help text, at the width of the terminal."""
        ctx.formatter_class = _HelpFormatter
        text: str = super().get_help(ctx)  # type: ignore[misc]  # of the Typer class
        return text

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The arguments in the usage line: ``FILE``, or ``[FILE]`` if it is optional. Typer adds braces."""
        pieces: list[str] = super().collect_usage_pieces(ctx)  # type: ignore[misc]  # of the Typer class
        return [piece.strip("{}") for piece in pieces]

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parse the words of this level, with environment variables as defaults."""
        environment: Environment = extra["obj"]
        extra["default_map"] = _defaults(self.params, environment.variables)
        return super().make_context(info_name, args, parent, **extra)  # type: ignore[misc]  # of the Typer class


class VerbCommand(_Level, TyperCommand):
    """A verb. Each of the ``open_options`` takes any number of words, up to the next option.

    Invoking it returns the ``Call`` of the verb and runs nothing.
    """

    declaration: Declaration

    def __init__(self, *, open_options: Sequence[str] = (), **settings: Any) -> None:
        super().__init__(**settings)
        self._open_options = open_options

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat each open option for every word that follows it, then parse as Typer does."""
        words: list[str] = []
        is_open = ""
        for word in args:
            if word in self._open_options:
                is_open = word
            elif is_open and not word.startswith("-"):
                words.append(f"{is_open}={word}")
            else:
                is_open = ""
                words.append(word)
        return super().parse_args(ctx, words)


class Group(_Level, TyperGroup):
    """A group of lazily loaded verbs. Each use of one of the options in ``word_counts`` takes that many words.

    Invoking a group that can be called without a verb returns its ``Call``.
    """

    declaration: Declaration

    def __init__(
        self, *, sections: Sequence[Section], word_counts: Mapping[str, int] | None = None, **settings: Any
    ) -> None:
        super().__init__(commands={}, **settings)
        self._sections = sections
        self._word_counts = word_counts or {}

    @property
    def verbs(self) -> list[Verb]:
        """All verbs of the group."""
        return [verb for section in self._sections for verb in section.verbs]

    def find(self, name: str) -> Verb | None:
        """The verb with this name, or None."""
        return next((verb for verb in self.verbs if verb.name == name), None)

    def load(self, verb: Verb) -> VerbCommand | Group:
        """Import a verb and build its command."""
        if verb.name not in self.commands:
            self.commands[verb.name] = _build(verb)
        command: VerbCommand | Group = self.commands[verb.name]  # type: ignore[assignment]  # nothing else is in there
        return command

    def list_commands(self, _: Any) -> list[str]:
        """The names of the verbs; called by Typer."""
        return [verb.name for verb in self.verbs]

    def get_command(self, _: Any, cmd_name: str) -> VerbCommand | Group | None:
        """The command with this name; called by Typer."""
        verb = self.find(cmd_name)
        return self.load(verb) if verb else None

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the words of each option that takes several, then parse as Typer does."""
        joined: list[str] = []
        rest = iter(args)
        for word in rest:
            name, equals, first = word.partition("=")
            if name not in self._word_counts:
                joined.append(word)
                continue
            words = [first] if equals else []
            words += itertools.islice(rest, self._word_counts[name] - len(words))
            joined += [name, BETWEEN_WORDS.join(words)]
        return super().parse_args(ctx, joined)

    def listing(self) -> list[CommandListing]:
        """The verbs as JSON data."""
        return [
            {"name": verb.name, "section": section.title, "summary": verb.summary}
            for section in self._sections
            for verb in section.verbs
        ]

    def format_commands(self, _: Any, formatter: Any) -> None:
        """Write the list of verbs by section, without loading them."""
        width = max(len(verb.name) for verb in self.verbs)
        for section in self._sections:
            with formatter.section(section.title):
                formatter.write_dl([(verb.name.ljust(width), f"{verb.summary}.") for verb in section.verbs])


@functools.cache
def root_command() -> Group:
    """The command ``psyche-cli``. It holds no state of an invocation, so it is shared within the process."""
    return Group(
        name=PROGRAM,
        sections=SECTIONS,
        params=[
            _request_option("--version", "-V", help="Show the version and exit."),
            _request_option("--install-completion", help="Install completion for the current shell and exit."),
            _request_option("--show-completion", help="Print the completion script for the current shell and exit."),
            *_output_options(),
        ],
        help=_HELP,
        rich_markup_mode=None,
        context_settings={"max_content_width": _WIDEST_HELP},
    )


def _build(verb: Verb) -> VerbCommand | Group:
    module = importlib.import_module(f"psyche_cli.cli.commands.{verb.module}")
    declaration: Declaration = module.command
    signature = typer_signature(declaration.parameters)
    params, convertors, context_name = get_params_convertors_ctx_param_name_from_function(signature)

    @functools.wraps(signature)
    def call(ctx: typer.Context, **values: Any) -> Call:
        return call_of(ctx, values)

    settings: dict[str, Any] = {
        "name": verb.name,
        "params": [*params, *_output_options()],
        "callback": get_callback(
            callback=call,
            params=params,
            convertors=convertors,
            context_param_name=context_name,
            pretty_exceptions_short=False,
        ),
        "help": inspect.getdoc(declaration.function),
        # On one line of any length, so that it can be copied: a terminal wraps it without inserting a line break.
        "epilog": f"\b\nExample: {declaration.example}",
        "rich_markup_mode": None,
    }
    command: VerbCommand | Group
    if verb.verbs:
        settings |= {"sections": [Section("Commands", verb.verbs)], "word_counts": declaration.word_counts}
        command = Group(invoke_without_command=verb.runs, **settings)
    else:
        command = VerbCommand(open_options=declaration.open_options, **settings)
    command.declaration = declaration
    return command


def call_of(context: typer.Context, values: Mapping[str, Any]) -> Call:
    """The call of a verb that Typer has parsed."""
    by_source: dict[str, list[str]] = {}
    for name in values:
        source = context.get_parameter_source(name)
        by_source.setdefault(source.name if source else "", []).append(name)
    return Call(
        context.obj,
        values,
        typed=frozenset(by_source.get("COMMANDLINE", ())),
        from_variables=frozenset(by_source.get("DEFAULT_MAP", ())),
    )


def came_from_command_line(context: typer.Context, parameter: str | None) -> bool:
    """Whether the parameter was given on the command line."""
    source = context.get_parameter_source(parameter or "")
    return source is not None and source.name == "COMMANDLINE"


def _output_options() -> list[Any]:
    params, _, _ = get_params_convertors_ctx_param_name_from_function(typer_signature(parameters_of(output_options)))
    for param in params:
        param.expose_value = False
        param.callback = _apply_output_option
    return [*params]


def _apply_output_option(context: Any, param: Any, value: Any) -> Any:
    """Make an output option from the command line take effect immediately."""
    if came_from_command_line(context, param.name):
        options = context.obj.output
        setattr(options, "format" if param.name == "output" else param.name, value)
        options.is_format_given = options.is_format_given or param.name == "output"
    return value


def usage(context: typer.Context) -> Help | GroupHelp:
    """The help of a command as JSON data."""
    command: Any = context.command
    options: list[OptionHelp] = []
    arguments: list[ArgumentHelp] = []
    for parameter in command.get_params(context):
        if parameter.param_type_name == "argument":
            arguments.append(
                {"name": parameter.human_readable_name, "help": parameter.help, "required": parameter.required}
            )
            continue
        value = None if parameter.is_flag else parameter.make_metavar(context)
        options.append(
            {
                "names": [*parameter.opts],
                "value": value,
                "variable": variable_of(parameter),
                "help": parameter.help,
                "required": parameter.required,
            }
        )
    shown: Help = {"text": context.get_help(), "arguments": arguments, "options": options}
    return {**shown, "commands": command.listing()} if isinstance(command, Group) else shown
