"""What a shell offers when the user presses Tab, and the scripts that make shells ask.

A script runs ``psyche-cli`` with the words up to the cursor, the last of which is being typed, and with an environment
variable set. It gets a line for each possible word: the word, a space, its help.
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
    """What the last of the words may become, each with its help. Imports no verb but the one that is called."""
    *before, begun = words or [""]
    # Bash makes three words of --output=json.
    begun = "" if begun == "=" else begun
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
    option = next((p for p in parameters if last in p.opts and not getattr(p, "is_flag", True)), None)
    if option is not None:
        found = [(value, "") for value in getattr(option.type, "choices", ())]
    elif begun.startswith("-"):
        found = [(flag, p.help or "") for p in parameters for flag in p.opts if flag.startswith("--")]
    elif isinstance(command, Group):
        found = [(verb.name, verb.summary) for verb in command.verbs]
    else:
        arguments = (parameter for parameter in parameters if parameter.param_type_name == "argument")
        found = [(value, "") for argument in arguments for value in getattr(argument.type, "choices", ())]
    return [(word, help) for word, help in found if word.startswith(begun)]


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
        found+=("${{line%% *}}:${{line#* }}")
    done < <({COMPLETION_VARIABLE}=1 "${{words[1]}}" "${{(@)words[2,CURRENT]}}" 2>/dev/null)
    if (( $#found )); then _describe {PROGRAM} found; else _files; fi
}}
compdef _psyche_cli {PROGRAM}
""",
    "fish": f"""\
function __psyche_cli
    set --local words (commandline --current-process --tokenize --cut-at-cursor) \\
        (commandline --current-token --cut-at-cursor)
    {COMPLETION_VARIABLE}=1 {PROGRAM} $words[2..] 2>/dev/null | string replace ' ' \\t
end
complete --command {PROGRAM} --arguments '(__psyche_cli)'
""",
}
"""By shell, what its start-up file evaluates. Where nothing fits, bash and zsh complete file names."""
