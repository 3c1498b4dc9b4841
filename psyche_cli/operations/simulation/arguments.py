"""What the members of a simulation do, as given on the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from psyche_cli.errors import UsageError
from psyche_cli.limits import MAX_CLIENTS, U32_MAX
from psyche_cli.model.simulation.behavior import Behavior, Change

_CHANGE: Final = re.compile(r"([0-9]{1,10})@([0-9]{1,10})")
_RULES: Final = "It needs --rules older, for which an epoch has a fixed number of rounds."

Rules = Literal["current", "older"]


class Arguments(NamedTuple):
    """The options of a simulation. Those that are None have the defaults that the options describe.

    ``dropping`` and ``joining`` are texts such as ``2@100``: a number of members, and a step.
    """

    clients: int | None = None
    dropping: Sequence[str] = ()
    joining: Sequence[str] = ()
    pause_at: int | None = None
    epochs: int | None = None
    rules: Rules = "current"
    rounds_per_epoch: int | None = None
    train_seconds: int | None = None
    warmup_seconds: int | None = None
    checkpoint_seconds: int | None = None
    rows: int = 12

    @property
    def behavior(self) -> Behavior:
        """The speed of the members."""
        return Behavior(self.train_seconds, self.warmup_seconds, self.checkpoint_seconds)

    def changes(self) -> list[Change]:
        """The changes in the order in which they happen: at the same step, members stop before others come.

        Raises UsageError.
        """
        changes = [Change(step, dropping=count) for count, step in map(_dropping, self.dropping)]
        changes += [Change(step, joining=count) for count, step in map(_joining, self.joining)]
        changes += [] if self.pause_at is None else [Change(self.pause_at, pausing=True)]
        return sorted(changes, key=lambda change: change.step)

    def check_rules(self) -> None:
        """Raise UsageError for options that do not apply to the rules, and for one that is missing."""
        if self.rules == "older" and self.rounds_per_epoch is None:
            raise UsageError(
                "The older rules need the number of rounds in an epoch.", hint="Specify --rounds-per-epoch N."
            )
        if self.rules == "current" and self.rounds_per_epoch is not None:
            raise UsageError("--rounds-per-epoch does not apply: an epoch has a fixed time.", hint=_RULES)
        if self.rules == "current" and self.checkpoint_seconds is not None:
            raise UsageError("--checkpoint-seconds does not apply: a checkpoint does not end Cooldown.", hint=_RULES)


def check_members(members: int, wallets: int, changes: Sequence[Change]) -> None:
    """Raise UsageError if more members stop than there are, or more wallets join than a run can have.

    ``wallets`` is the number of wallets that are in the run or join at the start; ``members`` of them are present.
    """
    for change in changes:
        members += change.joining
        wallets += change.joining
        if change.dropping > members:
            raise UsageError(
                f"--drop {change.dropping}@{change.step} is more than the members there are: {members} at that step.",
                hint="Specify more --clients, or drop fewer.",
            )
        members -= change.dropping
    if wallets > MAX_CLIENTS:
        raise UsageError(
            f"{wallets} wallets are too many: at most {MAX_CLIENTS} can join a run in its lifetime.",
            hint="Specify fewer --clients, or a smaller --join.",
        )


def _joining(text: str) -> tuple[int, int]:
    return _parsed("--join", text)


def _dropping(text: str) -> tuple[int, int]:
    return _parsed("--drop", text)


def _parsed(option: str, text: str) -> tuple[int, int]:
    match = _CHANGE.fullmatch(text)
    count, step = map(int, match.groups()) if match else (0, 0)
    if not (1 <= count <= MAX_CLIENTS and 1 <= step <= U32_MAX):
        raise UsageError(
            f"{option} must be a number of members and a step, but is {text!r}.",
            hint=f"Use N@STEP, such as {option} 2@100: N from 1 to {MAX_CLIENTS}, STEP from 1 to {U32_MAX}.",
        )
    return count, step
