"""``psyche-cli completion``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from psyche_cli.cli.sessions import plain
from psyche_cli.results import PlainText


@plain(example="psyche-cli completion bash >> ~/.bashrc")
def command(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="The shell that is to complete.")],
) -> PlainText:
    """Print a script that completes commands and options.

    For bash and zsh append it to ~/.bashrc or ~/.zshrc (after compinit); for fish write it to
    ~/.config/fish/completions/psyche-cli.fish.
    """
    from psyche_cli.cli.completion import SCRIPTS

    return PlainText(SCRIPTS[shell], {"shell": shell, "script": SCRIPTS[shell]})
