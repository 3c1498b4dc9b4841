"""Write ``docs/commands.md`` from the help texts of the command line. A test checks that the file is up to date."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from psyche_cli.cli.app import main
from psyche_cli.cli.command_tree import PROGRAM
from psyche_cli.cli.verbs import SECTIONS, Verb
from psyche_cli.environment import Environment, SystemClock

TARGET = Path(__file__).resolve().parent.parent / "docs" / "commands.md"
HEAD = """\
# Commands

Every command with its help, as `psyche-cli COMMAND --help` prints it. This file is written by
`scripts/write_command_docs.py`.

An option that has an environment variable is shown with it; the option beats the variable. What commands print, and the
exit codes they end in, is in [output.md](output.md).
"""


def verbs() -> Iterator[tuple[tuple[str, ...], Verb]]:
    """Every verb with the words that call it; a group comes before what is in it."""
    for section in SECTIONS:
        for verb in section.verbs:
            yield (verb.name,), verb
            for child in verb.verbs:
                yield (verb.name, child.name), child


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
    sections = [f"## {' '.join(words)}\n\n```text\n{help_text(words)}\n```\n" for words, _ in verbs()]
    return "\n".join([HEAD, *sections])


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
    print(f"{PROGRAM}: wrote {TARGET}")
