"""Command lines at the validator of a story, and without any endpoint."""

from __future__ import annotations

from pathlib import Path

from psyche_cli.transport import Transport
from tests.cli.harness import CommandLine
from tests.history.story import StillStory


def command_line_of(story: StillStory, home: Path) -> CommandLine:
    """A command line whose endpoint is the validator of a story."""
    return CommandLine(home, lambda _: story.transport())


def offline(cli: CommandLine) -> CommandLine:
    """A command line without any endpoint."""

    def refuse(url: str) -> Transport:
        raise AssertionError(f"a transport to {url} was opened")

    return CommandLine(cli.home, refuse)
