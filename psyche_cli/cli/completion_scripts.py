"""The completion scripts for each shell, and their installation for the user."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from psyche_cli.cli.options import COMPLETION_VARIABLE
from psyche_cli.errors import UsageError
from psyche_cli.results import PlainText

if TYPE_CHECKING:
    from psyche_cli.cli.payloads import CompletionScript, InstalledCompletion
    from psyche_cli.environment import Environment

PROGRAM: Final = "psyche-cli"

SCRIPTS: Final = {
    "bash": f"""\
_psyche_cli() {{
    local line word
    COMPREPLY=()
    while IFS= read -r line; do
        word="${{line%%$'\\t'*}}"
        case "${{COMP_WORDS[COMP_CWORD]}}" in
            [\\'\\"]*) ;;
            *) printf -v word %q "$word" ;;
        esac
        COMPREPLY+=("$word")
    done < <({COMPLETION_VARIABLE}=1 "$1" "${{COMP_WORDS[@]:1:COMP_CWORD}}" 2>/dev/null)
}}
complete -o default -F _psyche_cli {PROGRAM}
""",
    "zsh": f"""\
#compdef {PROGRAM}
_psyche_cli() {{
    local line word help
    local -a found
    while IFS= read -r line; do
        word="${{line%%$'\\t'*}}"
        help="${{line#*$'\\t'}}"
        found+=("${{word//:/\\:}}${{help:+:$help}}")
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
    set --global __psyche_cli_found ({COMPLETION_VARIABLE}=1 {PROGRAM} $words[2..] 2>/dev/null)
    test -n "$__psyche_cli_found"
end
complete --command {PROGRAM} --condition __psyche_cli --no-files --arguments '$__psyche_cli_found'
""",
}
"""The completion script of each shell. If there are no candidates, the shells complete file names."""

_START_FILES: Final = {"bash": ".bashrc", "zsh": ".zshrc"}
"""The file in the home folder that the shell runs when it starts. fish loads its scripts from a folder instead."""

_COMPLETION_SYSTEM: Final = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }\n"
"""What the zsh script needs, and a new ``.zshrc`` does not load."""


def completion_script(environment: Environment, shell: str | None) -> PlainText[Any]:
    """The completion script for a shell, by default the one in the variable SHELL. Raises UsageError."""
    shell = shell or _current_shell(environment)
    script: CompletionScript = {"shell": shell, "script": SCRIPTS[shell]}
    return PlainText(script["script"], script)


def install_completion(environment: Environment, shell: str | None) -> PlainText[Any]:
    """Write the completion script to a file of the user, and load it when the shell starts.

    The script replaces an earlier version of itself, and the line that loads it is added once. Raises UsageError if a
    file cannot be written or the shell is not known.
    """
    shell = shell or _current_shell(environment)
    path, text = _script_path(environment.home, shell), SCRIPTS[shell]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_COMPLETION_SYSTEM + text if shell == "zsh" else text, encoding="utf-8")
        if shell in _START_FILES:
            _load_at_start(environment.home / _START_FILES[shell], path)
    except (OSError, UnicodeDecodeError) as error:
        where = error.filename if isinstance(error, OSError) and error.filename else path
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise UsageError(f"Cannot write {where}: {reason}.", path=str(where)) from error
    installed: InstalledCompletion = {"shell": shell, "path": str(path)}
    return PlainText(f"Installed completion for {shell} in {path}. It works in new shells.", installed)


def _script_path(home: Path, shell: str) -> Path:
    if shell == "fish":
        return home / ".config" / "fish" / "completions" / f"{PROGRAM}.fish"
    return home / ".config" / PROGRAM / f"completion.{shell}"


def _load_at_start(start_file: Path, script: Path) -> None:
    """Append the line that runs the script to the file, unless it is there."""
    from shlex import quote

    line = f". {quote(str(script))}"
    before = start_file.read_text(encoding="utf-8") if start_file.exists() else ""
    if line not in before.splitlines():
        separator = "" if not before or before.endswith("\n") else "\n"
        with start_file.open("a", encoding="utf-8") as file:
            file.write(f"{separator}{line}\n")


def _current_shell(environment: Environment) -> str:
    shell = Path(environment.variables.get("SHELL", "")).name
    if shell not in SCRIPTS:
        raise UsageError(
            f"Completion is available for {', '.join(SCRIPTS)}, and the variable SHELL names none of them.",
            hint=f"See: {PROGRAM} completion --help",
        )
    return shell
