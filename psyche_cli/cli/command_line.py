"""Parses a command line with Typer into the verb, its options and arguments, and the output format."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, get_args

import typer

from psyche_cli import __version__
from psyche_cli.cli.command_tree import PROGRAM, Group, asked_for, came_from_command_line, root_command, usage
from psyche_cli.cli.other_verbs import advice_on
from psyche_cli.cli.spelling import near_misspellings
from psyche_cli.cli.verbs import ALIASES
from psyche_cli.environment import OutputFormat
from psyche_cli.errors import UsageError
from psyche_cli.results import PlainText

if TYPE_CHECKING:
    from psyche_cli.cli.sessions import Call
    from psyche_cli.cli.verbs import Verb
    from psyche_cli.environment import Environment
    from psyche_cli.results import Result

_FORMATS: Final = get_args(OutputFormat)

_REQUESTS: Final = {"help": "--help", "version": "--version"}
"""Words that users type like a verb, with the options that they stand for."""


class CommandLine:
    """A command line and the parts of it that have been parsed, which are available even if parsing failed.

    ``command`` is the name of the verb, preceded by the names of its groups.
    """

    def __init__(self, words: Sequence[str], environment: Environment) -> None:
        self._words = list(words) or ["--help"]
        self._environment = environment
        self._context: typer.Context | None = None
        self._unread = self._words
        self.command = ""
        self._verb: Verb | None = None

    @property
    def output_format(self) -> OutputFormat:
        """The format that ``--output`` selects. If parsing failed, the unparsed words are searched for the option."""
        return _format_in(self._unread) or self._environment.output.format

    @property
    def verb(self) -> Verb | None:
        """The verb; None if there is none. If parsing failed, the first word that names a verb counts."""
        named = (verb for word in self._unread for verb in root_command().verbs if verb.name == word)
        return self._verb or next(named, None)

    def read(self) -> None:
        """Parse the verb, its options and its arguments. Raises UsageError."""
        command: Any = root_command()
        name = PROGRAM
        while True:
            context = self._read_level(command, name)
            self._context = context
            words = [*context._protected_args, *context.args]
            if words and words[0] in _REQUESTS and command is root_command():
                self._unread = [*words[1:], _REQUESTS[words[0]]]
                self._context = None
                context = self._context = self._read_level(command, name)
                words = [*context._protected_args, *context.args]
            if words and not self.command:
                words = [*ALIASES.get(words[0], words[:1]), *words[1:]]
            if not words or not isinstance(command, Group):
                break
            found = command.find(words[0])
            if found is None and asked_for(context):
                return
            if found is None:
                raise self._unknown_command(command, words[0])
            self._refuse_options_before(context, found.name)
            self._unread = words[1:]
            self.command = f"{self.command} {found.name}".lstrip()
            self._verb = found
            name, command = found.name, command.load(found)
        self._unread = []
        if isinstance(command, Group) and not command.invoke_without_command and not asked_for(context):
            raise UsageError("Missing command.", hint=self._see_help())

    def run(self) -> Result | None:
        """Run the parsed verb and return its result; None if the verb printed its output itself."""
        context = self._context
        assert context is not None, "call read first"
        asked = asked_for(context)
        if asked == "version":
            return PlainText(f"{PROGRAM} {__version__}", {"version": __version__})
        if asked in ("install-completion", "show-completion"):
            from psyche_cli.cli.completion_scripts import completion_script, install_completion

            self.command = "completion"
            return (completion_script if asked == "show-completion" else install_completion)(self._environment, None)
        if asked == "help":
            return PlainText(context.get_help(), usage(context))
        command: Any = context.command
        result: Result | None = command.declaration.run(self.call())
        return result

    def call(self) -> Call:
        """The parsed call of the verb."""
        assert self._context is not None, "call read first"
        with self._context as context:
            call: Call = context.command.invoke(context)
        return call

    def _read_level(self, command: Any, name: str) -> typer.Context:
        parent = self._context
        try:
            context: typer.Context = command.make_context(
                name,
                list(self._unread),
                parent=parent,
                obj=self._environment,
                resilient_parsing=parent is not None and asked_for(parent) is not None,
            )
        except typer.TyperException as error:
            self._environment.redactor.learn_misplaced(self._unread)
            raise UsageError(_sentence(error, command), hint=self._see_help()) from error
        self._refuse_flags_as_values(context)
        return context

    def _refuse_flags_as_values(self, context: typer.Context) -> None:
        """Reject an option's name as the value of another, so that ``--run-id --resume`` is a missing value."""
        if context.resilient_parsing:
            return
        parameters = context.command.get_params(context)
        flags = {flag for parameter in parameters for flag in parameter.opts if flag.startswith("--")}
        for parameter in parameters:
            if context.params.get(str(parameter.name)) in flags and came_from_command_line(context, parameter.name):
                raise UsageError(f"Option {parameter.opts[0]!r} requires an argument.", hint=self._see_help())

    def _unknown_command(self, group: Group, word: str) -> UsageError:
        self._environment.redactor.learn_misplaced([word])
        advice = advice_on(word) if group is root_command() else None
        if advice is not None:
            sentence, verb = advice
            self.command = self.command or word
            return UsageError(f"No such command {word!r}.", hint=f"{sentence} See: {PROGRAM} {verb} --help")
        known = [verb.name for verb in group.verbs]
        message = f"No such command {word!r}.{_suggestion(word, known)}"
        error = UsageError(message, hint=self._see_help())
        self.command = self.command or word
        return error

    def _refuse_options_before(self, context: typer.Context, verb: str) -> None:
        """Reject options of a group in front of one of its verbs, where they would have no effect."""
        unused = [
            parameter.opts[0]
            for parameter in context.command.params
            if parameter.expose_value and came_from_command_line(context, parameter.name)
        ]
        if unused:
            raise UsageError(
                f"Cannot use {', '.join(unused)} together with the command {verb!r}.",
                hint=f"See: {PROGRAM} {self.command} {verb} --help",
            )

    def _see_help(self) -> str:
        return f"See: {' '.join([PROGRAM, *self.command.split()])} --help"


def _format_in(words: Sequence[str]) -> OutputFormat | None:
    """The value of the last valid ``--output`` option among unparsed words."""
    found = [word.partition("=")[2] for word in words if word.startswith("--output=")]
    found += [value for name, value in itertools.pairwise(words) if name == "--output"]
    formats: list[OutputFormat] = [name for value in found for name in _FORMATS if value.lower() == name]
    return formats[-1] if formats else None


def _sentence(error: typer.TyperException, command: Any) -> str:
    unknown = getattr(error, "option_name", None)
    if unknown is not None and hasattr(error, "possibilities"):
        if unknown == "--archive":
            return "No such option: --archive. Only commands that read a run once can read it from an archive."
        flags = [flag for parameter in command.params for flag in parameter.opts]
        return f"No such option: {unknown}.{_suggestion(unknown, flags)}"
    text = error.format_message().strip().replace("\n\t", " ")  # Typer puts each choice on a line of its own
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _suggestion(word: str, known: Sequence[str]) -> str:
    near = near_misspellings(word, known)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
