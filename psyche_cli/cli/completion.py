"""Shell completion: the candidates for a command line.

A completion script runs ``psyche-cli`` with the words up to the cursor (the last one may be incomplete) and an
environment variable set. The output is one line per candidate: the word, a tab, its help.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from psyche_cli.cli.command_tree import PROGRAM, Group, root_command
from psyche_cli.cli.verbs import ALIASES

if TYPE_CHECKING:
    from psyche_cli.environment import Environment


def completions(words: Sequence[str], environment: Environment) -> list[tuple[str, str]]:
    """Candidates for the last word, each with its help. Imports only the verb that is being called."""
    *before, prefix = map(_unquoted, words or [""])
    # Bash splits --output=json into three words.
    prefix = "" if prefix == "=" else prefix
    before = [word for word in before if word != "="]
    command: Any = root_command()
    if before[:1] == ["help"]:
        before = before[1:]
    if before:
        before = [*ALIASES.get(before[0], before[:1]), *before[1:]]
    last = before[-1] if before else ""
    # An option without its value would keep the words before it from being parsed.
    name, rest, context = PROGRAM, before[:-1] if last.startswith("-") else before, None
    while True:
        context = command.make_context(name, list(rest), parent=context, obj=environment, resilient_parsing=True)
        rest = [*context._protected_args, *context.args]
        verb = command.find(rest[0]) if rest and isinstance(command, Group) else None
        if verb is None:
            break
        name, command, rest = verb.name, command.load(verb), rest[1:]
    parameters = command.get_params(context)
    flag, equals, value = prefix.partition("=")
    if prefix.startswith("--") and equals:  # the shell leaves --output=json in one word
        last, prefix, start = flag, value, f"{flag}="
    else:
        start = ""
    option = next((p for p in parameters if last in p.opts and not getattr(p, "is_flag", True)), None)
    if option is not None:
        found = _values(option, context)
    elif prefix.startswith("-"):
        found = [(flag, p.help or "") for p in parameters for flag in p.opts if flag.startswith("--")]
    elif isinstance(command, Group):
        found = [(verb.name, verb.summary) for verb in command.verbs]
    else:
        arguments = (parameter for parameter in parameters if parameter.param_type_name == "argument")
        next_one = next((p for p in arguments if p.nargs == -1 or not _is_given(p, context)), None)
        found = [] if next_one is None else _values(next_one, context)
    return [(start + word, help) for word, help in found if word.startswith(prefix)]


def _unquoted(word: str) -> str:
    """A word as the program would receive it: shells pass what was typed, which may end within quotation marks."""
    for end in ("", "'", '"'):
        with suppress(ValueError):
            return "".join(shlex.split(word + end))
    return word


def _is_given(parameter: Any, context: Any) -> bool:
    """Whether the command line has a value of the parameter."""
    source = context.get_parameter_source(parameter.name)
    return source is not None and source.name == "COMMANDLINE"


def _values(parameter: Any, context: Any) -> list[tuple[str, str]]:
    """The values of an option or argument, where they are known."""
    return [(item.value, item.help or "") for item in parameter.shell_complete(context, "") if item.type == "plain"]
