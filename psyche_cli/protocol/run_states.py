"""The states that a run and its clients can be in, as the accounts store them."""

from __future__ import annotations

from enum import IntEnum


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
        """What programs and tools call it when talking to people."""
        return _TEXTS[self]

    @property
    def variant(self) -> str:
        """Its name in the program: ``WaitingForMembers``."""
        return "".join(word.capitalize() for word in self.name.split("_"))

    @property
    def is_halted(self) -> bool:
        """Nothing happens until the owner acts; only now may config and model change."""
        return self in (RunState.UNINITIALIZED, RunState.FINISHED, RunState.PAUSED)

    @property
    def is_active(self) -> bool:
        """An epoch is under way, so that a pause waits for its end."""
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
        """Its name in the program, which is also what tools show: ``Healthy``."""
        return self.name.capitalize()
