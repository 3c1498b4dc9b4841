"""The states of a run and of its clients, as stored in the accounts."""

from __future__ import annotations

from enum import IntEnum


def name_in_program(member: IntEnum) -> str:
    """The name that the program gives an enum member, for example ``WaitingForMembers`` for WAITING_FOR_MEMBERS."""
    return "".join(word.capitalize() for word in member.name.split("_"))


class RunState(IntEnum):
    """State of a run; the value is the byte in the coordinator account."""

    UNINITIALIZED = 0
    WAITING_FOR_MEMBERS = 1
    WARMUP = 2
    ROUND_TRAIN = 3
    ROUND_WITNESS = 4
    COOLDOWN = 5
    FINISHED = 6
    PAUSED = 7

    @property
    def text(self) -> str:
        """The name that the programs' logs and user-facing tools use."""
        return _TEXTS[self]

    @property
    def variant(self) -> str:
        """The variant name in the program, for example ``WaitingForMembers``."""
        return name_in_program(self)

    @property
    def is_halted(self) -> bool:
        """The run makes no progress until the owner acts; config and model can only be changed in these states."""
        return self in (RunState.UNINITIALIZED, RunState.FINISHED, RunState.PAUSED)

    @property
    def is_active(self) -> bool:
        """An epoch is in progress, so that a pause takes effect when it ends."""
        return self in (RunState.ROUND_TRAIN, RunState.ROUND_WITNESS, RunState.COOLDOWN)


_TEXTS = {
    RunState.UNINITIALIZED: "Uninitialized",
    RunState.WAITING_FOR_MEMBERS: "Waiting for members",
    RunState.WARMUP: "Warmup",
    RunState.ROUND_TRAIN: "Training",
    RunState.ROUND_WITNESS: "Witness",
    RunState.COOLDOWN: "Cooldown",
    RunState.FINISHED: "Finished",
    RunState.PAUSED: "Paused",
}


class ClientState(IntEnum):
    """State of a client within an epoch; the value is the byte in the coordinator account."""

    HEALTHY = 0
    DROPPED = 1
    WITHDRAWN = 2
    EJECTED = 3

    @property
    def text(self) -> str:
        """The variant name in the program, which user-facing tools also show, for example ``Healthy``."""
        return self.name.capitalize()
