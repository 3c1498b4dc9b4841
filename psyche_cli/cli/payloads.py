"""What the verbs that need no cluster return to programs, and what help and version are as JSON.

``TypedDict`` throughout: help is to answer before dataclasses would be built.
"""

from __future__ import annotations

from typing import Annotated, TypedDict


class OptionHelp(TypedDict):
    """An option of a command."""

    names: list[str]
    value: Annotated[str | None, "What its value is; null for a flag."]
    variable: Annotated[str | None, "The environment variable that stands in for it."]
    help: str | None
    required: bool


class ArgumentHelp(TypedDict):
    """A positional argument of a command."""

    name: str
    help: str | None
    required: bool


class CommandListing(TypedDict):
    """A command in a list of commands."""

    name: str
    section: str
    summary: str


class Help(TypedDict):
    """The help of a command."""

    text: Annotated[str, "As people see it."]
    arguments: list[ArgumentHelp]
    options: list[OptionHelp]


class GroupHelp(Help):
    """The help of a group of commands."""

    commands: list[CommandListing]


class Version(TypedDict):
    """The version of psyche-cli."""

    version: str


class CompletionScript(TypedDict):
    """A script that completes commands and options."""

    shell: str
    script: str


class ExampleListing(TypedDict):
    """An example configuration in the list."""

    name: str
    summary: str


class ExampleList(TypedDict):
    """The example configurations, with --list."""

    examples: list[ExampleListing]


class Example(TypedDict):
    """An example configuration."""

    name: str
    summary: str
    toml: str


class WrittenExample(TypedDict):
    """An example configuration that was written to a file, with --output-file."""

    name: str
    summary: str
    path: str


class SchemaListing(TypedDict):
    """A schema in the list."""

    name: str
    describes: str


class SchemaList(TypedDict):
    """The schemas that there are."""

    schemas: list[SchemaListing]
