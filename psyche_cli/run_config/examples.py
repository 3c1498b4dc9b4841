"""The example configurations that travel with the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from psyche_cli.errors import UsageError
from psyche_cli.resources import example_config_paths


@dataclass(frozen=True)
class Example:
    """One example: its name (that of the file without ``.toml``), what it is for in one sentence, and where it is."""

    name: str
    summary: str
    path: Path

    def text(self) -> str:
        """The TOML text, with its comments."""
        return self.path.read_text(encoding="utf-8")


def list_examples() -> list[Example]:
    """All examples, by name."""
    return [Example(path.stem, _summary(path), path) for path in example_config_paths()]


def find_example(name: str) -> Example:
    """The example of this name.

    Raises UsageError when there is none; the hint lists the names.
    """
    examples = list_examples()
    for example in examples:
        if example.name == name.removesuffix(".toml"):
            return example
    names = ", ".join(example.name for example in examples)
    raise UsageError(f"Example configuration {name!r} does not exist.", hint=f"Available examples: {names}.", name=name)


def _summary(path: Path) -> str:
    """The first line of the file, which is a comment that tells what the example is for."""
    with path.open(encoding="utf-8") as stream:
        return stream.readline().lstrip("#").strip()
