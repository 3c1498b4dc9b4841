"""JSON payload of ``wait``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from psyche_cli.operations.runs.payloads import StateText
from psyche_cli.payload_types import Unsigned


@dataclass(frozen=True)
class ReachedData:
    """A run that has reached what the command waited for."""

    run_id: str
    already_so: Annotated[bool, "Whether it was so from the beginning."]
    waited_seconds: float
    state: StateText
    epoch: Annotated[Unsigned, "The number of the epoch in progress or, between epochs, of the next one."]
    step: Unsigned
    members: Annotated[
        Unsigned, "Healthy members of the epoch in progress or those that joined the next one, whichever are more."
    ]
    slot: Annotated[Unsigned, "The slot at which this was observed."]
    time: Annotated[int, "The cluster's time at that slot, in Unix seconds."]
