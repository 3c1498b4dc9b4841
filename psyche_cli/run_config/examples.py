"""The example configurations that are distributed with the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from psyche_cli.errors import UsageError
from psyche_cli.resources import example_config_paths


@dataclass(frozen=True)
class Example:
    """An example: its name (the file name without ``.toml``), its purpose in one sentence, and its path."""

    name: str
    summary: str
    path: Path

    def text(self) -> str:
        """The TOML text, including comments."""
        return self.path.read_text(encoding="utf-8")


def list_examples() -> list[Example]:
    """All examples, sorted by name."""
    return [Example(path.stem, _summary(path), path) for path in example_config_paths()]


def find_example(name: str) -> Example:
    """The example with this name; a ``.toml`` suffix is ignored.

    Raises UsageError if it does not exist; the hint lists the available names.
    """
    examples = list_examples()
    for example in examples:
        if example.name == name.removesuffix(".toml"):
            return example
    names = ", ".join(example.name for example in examples)
    raise UsageError(f"Example configuration {name!r} does not exist.", hint=f"Available examples: {names}.", name=name)


def _summary(path: Path) -> str:
    """The first line of the file, a comment that states the purpose of the example."""
    with path.open(encoding="utf-8") as stream:
        return stream.readline().lstrip("#").strip()
