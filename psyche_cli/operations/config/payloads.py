"""What the verbs of configuration return to programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class ChangedValue:
    """A value of a run's configuration that changes."""

    key: Annotated[str, "Dotted path, such as config.epoch_time."]
    before: Annotated[object, "As in the configuration file; null where there was none."]
    after: Annotated[object, "As in the configuration file; null where there is none."]


@dataclass(frozen=True)
class UpdateConfigData:
    """A run whose configuration was updated."""

    run_id: str
    already_so: Annotated[bool, "Whether all values were as requested, so that nothing was sent."]
    changed: tuple[ChangedValue, ...]
