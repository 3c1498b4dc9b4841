"""JSON payloads of the configuration verbs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from psyche_cli.errors import BrokenRule


@dataclass(frozen=True)
class CheckedFile:
    """A valid configuration file."""

    path: str
    warnings: Annotated[tuple[BrokenRule, ...], "Values that are valid but probably mistakes."]


@dataclass(frozen=True)
class CheckData:
    """Configuration files, all of which are valid."""

    files: tuple[CheckedFile, ...]


@dataclass(frozen=True)
class DumpedConfig:
    """The configuration of a run as the text of a file."""

    run_id: str
    toml: str


@dataclass(frozen=True)
class WrittenConfig:
    """The configuration of a run that was written to a file, with --output-file."""

    run_id: str
    path: str


@dataclass(frozen=True)
class DifferentValue:
    """A value that is not the same in the run and in the file."""

    key: Annotated[str, "Dotted path, such as config.epoch_time."]
    run: Annotated[object, "The on-chain value, in the format of the configuration file; null if it is unset."]
    file: Annotated[object, "The value in the file; null if it is unset."]


@dataclass(frozen=True)
class DiffData:
    """How the configuration of a run differs from a file."""

    run_id: str
    path: str
    equal: bool
    different: tuple[DifferentValue, ...]


@dataclass(frozen=True)
class ChangedValue:
    """A changed value of a run's configuration."""

    key: Annotated[str, "Dotted path, such as config.epoch_time."]
    before: Annotated[object, "The previous value, in the format of the configuration file; null if it was unset."]
    after: Annotated[object, "The new value, in the format of the configuration file; null if it is unset."]


@dataclass(frozen=True)
class UpdateConfigData:
    """A run whose configuration was updated."""

    run_id: str
    already_so: Annotated[bool, "Whether all values were already as requested, so nothing was sent."]
    changed: tuple[ChangedValue, ...]
