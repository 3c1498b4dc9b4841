"""Shell completion: the candidates for a command line, and the completion scripts for each shell.

A completion script runs ``psyche-cli`` with the words up to the cursor (the last one may be incomplete) and an
environment variable set. The output is one line per candidate: the word, a space, its help.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from psyche_cli.cli.command_tree import PROGRAM, Group, root_command
from psyche_cli.cli.options import COMPLETION_VARIABLE
from psyche_cli.cli.verbs import ALIASES

if TYPE_CHECKING:
    from psyche_cli.environment import Environment


def completions(words: Sequence[str], environment: Environment) -> list[tuple[str, str]]:
    """Candidates for the last word, each with its help. Imports only the verb that is being called."""
    *before, prefix = words or [""]
    # Bash splits --output=json into three words.
    prefix = "" if prefix == "=" else prefix
    before = [word for word in before if word != "="]
    command: Any = root_command()
    if before:
        before = [*ALIASES.get(before[0], before[:1]), *before[1:]]
    name, rest, context = PROGRAM, before, None
    while True:
        context = command.make_context(name, list(rest), parent=context, obj=environment, resilient_parsing=True)
        rest = [*context._protected_args, *context.args]
        verb = command.find(rest[0]) if rest and isinstance(command, Group) else None
        if verb is None:
            break
        name, command, rest = verb.name, command.load(verb), rest[1:]
    parameters = command.get_params(context)
    last = before[-1] if before else ""
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
        found = [value for argument in arguments for value in _values(argument, context)]
    return [(start + word, help) for word, help in found if word.startswith(prefix)]


def _values(parameter: Any, context: Any) -> list[tuple[str, str]]:
    """The values of an option or argument, where they are known."""
    return [(item.value, item.help or "") for item in parameter.shell_complete(context, "") if item.type == "plain"]


SCRIPTS: Final = {
    "bash": f"""\
_psyche_cli() {{
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("${{line%% *}}")
    done < <({COMPLETION_VARIABLE}=1 "$1" "${{COMP_WORDS[@]:1:COMP_CWORD}}" 2>/dev/null)
}}
complete -o default -F _psyche_cli {PROGRAM}
""",
    "zsh": f"""\
#compdef {PROGRAM}
_psyche_cli() {{
    local line
    local -a found
    while IFS= read -r line; do
        line="${{line/ /:}}"
        found+=("${{line%:}}")
    done < <({COMPLETION_VARIABLE}=1 "${{words[1]}}" "${{(@)words[2,CURRENT]}}" 2>/dev/null)
    if (( $#found )); then
        _describe {PROGRAM} found
    else
        [[ ${{words[CURRENT]}} == --*=* ]] && compset -P '*='
        _files
    fi
}}
compdef _psyche_cli {PROGRAM}
""",
    "fish": f"""\
function __psyche_cli
    set --local words (commandline --current-process --tokenize --cut-at-cursor) \\
        (commandline --current-token --cut-at-cursor)
    set --global __psyche_cli_found ({COMPLETION_VARIABLE}=1 {PROGRAM} $words[2..] 2>/dev/null | string replace ' ' \\t)
    test -n "$__psyche_cli_found"
end
complete --command {PROGRAM} --condition __psyche_cli --no-files --arguments '$__psyche_cli_found'
""",
}
"""The completion script of each shell. If there are no candidates, the shells complete file names."""
