"""``psyche-cli completion``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from psyche_cli.cli.options import Argument
from psyche_cli.cli.sessions import plain
from psyche_cli.results import PlainText

if TYPE_CHECKING:
    from psyche_cli.cli.payloads import CompletionScript


@plain(example="psyche-cli completion bash >> ~/.bashrc")
def command(
    shell: Annotated[
        Literal["bash", "zsh", "fish"],
        Argument(metavar="SHELL", help="The shell to generate the script for: bash, zsh or fish."),
    ],
) -> PlainText[Any]:
    """Print a shell completion script.

    For bash or zsh, append it to ~/.bashrc or ~/.zshrc (after compinit). For fish, write it to
    ~/.config/fish/completions/psyche-cli.fish.
    """
    from psyche_cli.cli.completion import SCRIPTS

    script: CompletionScript = {"shell": shell, "script": SCRIPTS[shell]}
    return PlainText(script["script"], script)
