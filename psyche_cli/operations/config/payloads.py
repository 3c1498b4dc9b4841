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
