"""The moment at which a run is to be paused: a step, an epoch or a time."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from psyche_cli.durations import format_duration
from psyche_cli.errors import UsageError
from psyche_cli.limits import U16_MAX, U32_MAX
from psyche_cli.operations.times import iso_time, parse_time
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount

_HINT: Final = "Use step:N, epoch:N, or a time such as 2026-12-01T08:00:00Z or 1764576000."
_POSITION: Final = re.compile(r"(step|epoch):([0-9]{1,10})")
_EARLIEST: Final = 978_307_200
"""The beginning of 2001. A smaller number is taken for a step without its prefix."""
_LATEST: Final = 9_999_999_999


class Moment(NamedTuple):
    """A step or an epoch of a run, or a time in seconds since 1970."""

    kind: Literal["step", "epoch", "time"]
    value: int

    @property
    def key(self) -> str:
        """The moment as the value of ``--at``, in the one form in which it is recorded."""
        return iso_time(self.value) if self.kind == "time" else f"{self.kind}:{self.value}"

    @property
    def text(self) -> str:
        """The moment in a sentence."""
        return iso_time(self.value) if self.kind == "time" else f"{self.kind} {self.value}"

    def has_come(self, account: CoordinatorAccount, now: int) -> bool:
        """Whether the run has reached the moment. ``now`` is the cluster's time."""
        return self._reached(account, now) >= self.value

    def waits_for(self, account: CoordinatorAccount, now: int) -> str:
        """What is waited for, if the moment has not come."""
        if self.kind == "time":
            return f"{self.text}, in {format_duration(max(self.value - now, 0))} by the cluster's clock"
        return f"{self.text}; the run is at {self.kind} {self._reached(account, now)}"

    def _reached(self, account: CoordinatorAccount, now: int) -> int:
        return {"step": account.step, "epoch": account.epoch, "time": now}[self.kind]


def parse_moment(text: str) -> Moment:
    """The value of ``--at``. Raises UsageError."""
    position = _POSITION.fullmatch(text)
    if position is not None:
        value = int(position[2])
        kind: Literal["step", "epoch"] = "step" if position[1] == "step" else "epoch"
        most = U32_MAX if kind == "step" else U16_MAX
        if value > most:
            raise UsageError(f"--at {text} never comes: the last {kind} of any run is {most}.")
        return Moment(kind, value)
    none = UsageError(f"--at {text!r} is neither a step, an epoch nor a time from 2001 to 2286.", hint=_HINT)
    try:
        seconds = parse_time(text, "--at")
    except UsageError as error:
        raise none from error
    if not _EARLIEST <= seconds <= _LATEST:
        raise none
    return Moment("time", seconds)
