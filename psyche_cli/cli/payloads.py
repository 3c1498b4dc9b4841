"""JSON payloads of verbs that need no cluster, and of help and version.

They are TypedDicts because creating dataclasses would slow down ``--help``.
"""

from __future__ import annotations

from typing import Annotated, TypedDict


class OptionHelp(TypedDict):
    """An option of a command."""

    names: list[str]
    value: Annotated[str | None, "Placeholder for the value, such as FILE; null for a flag."]
    variable: Annotated[str | None, "Environment variable that supplies the value if the option is absent."]
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

    text: Annotated[str, "The help as plain text."]
    arguments: list[ArgumentHelp]
    options: list[OptionHelp]


class GroupHelp(Help):
    """The help of a group of commands."""

    commands: list[CommandListing]


class Version(TypedDict):
    """The version of psyche-cli."""

    version: str


class CompletionScript(TypedDict):
    """A shell completion script."""

    shell: str
    script: str


class InstalledCompletion(TypedDict):
    """A shell completion script that was installed; the output with --install."""

    shell: str
    path: Annotated[str, "The file with the script."]


class ExampleListing(TypedDict):
    """An entry in the list of example configurations."""

    name: str
    summary: str


class ExampleList(TypedDict):
    """The available example configurations; the output with --list."""

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
    """An entry in the list of schemas."""

    name: str
    describes: str


class SchemaList(TypedDict):
    """The available schemas."""

    schemas: list[SchemaListing]
