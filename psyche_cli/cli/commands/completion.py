"""``psyche-cli completion``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from psyche_cli.cli.options import Argument, option
from psyche_cli.cli.sessions import Call, plain
from psyche_cli.results import PlainText


@plain(example="psyche-cli completion bash --install")
def command(
    call: Call,
    *,
    shell: Annotated[
        Literal["bash", "zsh", "fish"],
        Argument(metavar="SHELL", help="The shell to generate the script for: bash, zsh or fish."),
    ],
    install: Annotated[
        bool,
        option("--install", help="Write the script to a file, and add a line that loads it to ~/.bashrc or ~/.zshrc."),
    ] = False,
) -> PlainText[Any]:
    """Print a shell completion script, or install it.

    Without --install, append it to ~/.bashrc or ~/.zshrc (after compinit), or write it to
    ~/.config/fish/completions/psyche-cli.fish.
    """
    from psyche_cli.cli.completion_scripts import completion_script, install_completion

    return (install_completion if install else completion_script)(call.environment, shell)
