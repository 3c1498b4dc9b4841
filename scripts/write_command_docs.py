"""Write ``docs/commands.md`` from the help texts of the command line. A test checks that the file is up to date."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from psyche_cli.app import PROGRAM, build, main
from psyche_cli.environment import Environment, SystemClock

TARGET = Path(__file__).resolve().parent.parent / "docs" / "commands.md"
HEAD = """\
# Commands

Every command with its help, as `psyche-cli COMMAND --help` prints it. This file is written by
`scripts/write_command_docs.py`.

An option that has an environment variable is shown with it; the option beats the variable. What commands print, and the
exit codes they end in, is in [output.md](output.md).
"""


def verbs(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command of the tree, as the words that call it; a group comes before what is in it."""
    for name, child in command.commands.items():
        yield (*path, name)
        if hasattr(child, "commands"):
            yield from verbs(child, (*path, name))


def help_text(words: tuple[str, ...]) -> str:
    """What ``psyche-cli WORDS --help`` prints."""

    def no_network(url: str) -> Any:
        raise AssertionError(f"help must not open {url}")

    stdout = io.StringIO()
    environment = Environment(
        stdin=io.StringIO(),
        stdout=stdout,
        stderr=io.StringIO(),
        variables={},
        home=Path("/nonexistent"),
        clock=SystemClock(),
        open_transport=no_network,
    )
    main([*words, "--help"], environment)
    return stdout.getvalue().rstrip()


def reference() -> str:
    """The whole document."""
    sections = [
        f"## {' '.join(words)}\n\n```text\n{help_text(words)}\n```\n"
        for words in verbs(typer.main.get_command(build()))
    ]
    return "\n".join([HEAD, *sections])


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
    print(f"{PROGRAM}: wrote {TARGET}")
