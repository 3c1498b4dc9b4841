"""The scheduler of a rehearsal: gives the workers their turns, and moves the cluster's clock when none can act.

In a turn to act, a worker looks at the run, does at most one thing, and reports when it will act next. These turns are
given to one worker at a time, in rotation by the members' numbers, so that everything on the chain is reproducible.
Turns to work, in which gradients are computed, are given to all workers that have work at the same time. When no worker
has anything left to do, the clock moves to the earliest time at which one will act.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from psyche_cli.errors import RehearsalError
from psyche_cli.workers.service.contract import TurnKind

End: TypeAlias = Literal["reached", "stuck", "no-workers", "too-long"]

_MOST_TURNS: Final = 500
"""Maximum number of turns of one member at one time of the cluster."""


class TurnReport(NamedTuple):
    """What a worker reports at the end of a turn.

    ``wake_at`` is when it will act next, in Unix seconds of the cluster; 0: as soon as something changes. ``has_work``
    is whether it needs a turn to work. ``doing`` is a short description for people. ``published`` is whether it has
    published something that other members wait for. ``loss`` is that of what it has just trained. ``lied`` is the step
    of a result that it has published instead of its own, and its kind, see ``training.lies.KINDS``.
    """

    wake_at: int = 0
    has_work: bool = False
    doing: str = ""
    published: bool = False
    loss: float | None = None
    lied: tuple[int, str] | None = None

    def details(self) -> dict[str, str]:
        """What a report of the worker daemon has no fields for, as texts by name."""
        found = {"published": "yes"} if self.published else {}
        found |= {} if self.loss is None else {"loss": repr(self.loss)}
        return found | ({} if self.lied is None else {"lied": f"{self.lied[0]} {self.lied[1]}"})


class Backend(Protocol):
    """The cluster and the workers, as the scheduler uses them."""

    def now(self) -> int:
        """The time of the cluster, in Unix seconds."""
        ...

    def warp_to(self, time: int) -> None:
        """Move the cluster's clock forward."""
        ...

    def version(self) -> object:
        """What differs after every change of the run's account."""
        ...

    def is_over(self) -> bool:
        """Whether the rehearsal has reached its goal."""
        ...

    def gone(self) -> Collection[int]:
        """The members whose workers have ended."""
        ...

    def turn(self, members: Sequence[int], kind: TurnKind, patience: Mapping[int, float]) -> Mapping[int, TurnReport]:
        """Give a turn to these members at once, and return the reports that come in time.

        ``patience`` is how long to wait for each, in seconds of the machine.
        """
        ...

    def late_reports(self) -> Mapping[int, TurnReport]:
        """Reports of members that did not respond in time, since the last call."""
        ...


class Patience(NamedTuple):
    """How long to wait for a report, in seconds of the machine, and for a member that is known to hang."""

    act: float = 20.0
    work: float = 120.0
    known: float = 0.25


class _Member:
    """What is known about a member's worker."""

    def __init__(self) -> None:
        self.report = TurnReport()
        self.seen: object = None
        self.is_due = True
        self.is_hung = False
        self.returns_at: int | None = None


class Scheduler:
    """Runs a rehearsal to its end.

    ``members`` are numbers. ``hangs_until`` returns when a hang that was planned ends, for a member that does not
    respond and the time: Unix seconds, or None if it never ends; it raises LookupError if no hang was planned.
    ``observe`` is called after every turn and every move of the clock, with the members that just reported.
    """

    def __init__(
        self,
        backend: Backend,
        members: Iterable[int],
        *,
        hangs_until: Callable[[int, int], int | None],
        patience: Patience | None = None,
        observe: Callable[[Mapping[int, TurnReport]], None] = lambda _: None,
        until: int | None = None,
    ) -> None:
        self._backend = backend
        self._members = {number: _Member() for number in sorted(members)}
        self._hangs_until = hangs_until
        self._patience = patience or Patience()
        self._observe = observe
        self._until = until
        self.hung: dict[int, list[int]] = {}
        """When members did not respond, by number, in Unix seconds."""

    def run(self) -> End:
        """Run until the goal is reached, until nothing happens anymore, or until the time ``until`` of the cluster.

        Raises RehearsalError if a worker keeps acting without end.
        """
        while True:
            if not self._give_turns():
                return "reached"
            if not self._present():
                return "no-workers"
            now = self._backend.now()
            following = self._next_time(now)
            if following is None:
                return "stuck"
            if self._until is not None and following > self._until:
                return "too-long"
            self._backend.warp_to(following)
            for member in self._present().values():
                wake = member.report.wake_at
                member.is_due = member.is_due or 0 < wake <= following
                if member.returns_at is not None and member.returns_at <= following:
                    member.is_hung, member.returns_at, member.is_due = False, None, True
            self._observe({})

    @property
    def hanging(self) -> tuple[int, ...]:
        """The members that do not respond now."""
        return tuple(number for number, member in self._present().items() if member.is_hung)

    def finish(self) -> None:
        """Give each member that responds a last turn, in which it sees that the rehearsal is over."""
        for number, member in self._present().items():
            if not member.is_hung:
                self._turn([number], "act", self._backend.version())

    def _present(self) -> dict[int, _Member]:
        gone = self._backend.gone()
        return {number: member for number, member in self._members.items() if number not in gone}

    def _next_time(self, now: int) -> int | None:
        """The earliest later time at which a member acts."""
        times = []
        for member in self._present().values():
            if member.is_hung:
                times += [] if member.returns_at is None else [max(member.returns_at, now + 1)]
            elif member.report.wake_at > 0:
                times.append(max(member.report.wake_at, now + 1))
        return min(times, default=None)

    def _give_turns(self) -> bool:
        """Give turns until no member has anything left to do now. False once the goal is reached."""
        turns, latest = dict.fromkeys(self._members, 0), 0
        while not self._backend.is_over():
            self._take(self._backend.late_reports())
            version = self._backend.version()
            present = {number: member for number, member in self._present().items() if not member.is_hung}
            due = [number for number, one in present.items() if one.is_due or one.seen != version]
            if not due:
                working = [n for n, one in present.items() if one.report.has_work]
                if not working:
                    return True
                self._turn(working, "work", version)
                continue
            # In rotation: if the first one came again after every change, the number of turns would be quadratic.
            number = next((number for number in due if number > latest), due[0])
            latest = number
            turns[number] += 1
            if turns[number] > _MOST_TURNS:
                raise RehearsalError(
                    f"Member {number} has acted {_MOST_TURNS} times at the same time of the cluster.",
                    hint="This is an error of psyche-cli. Please report it with the output of --verbose.",
                )
            self._turn([number], "act", version)
        return False

    def _turn(self, numbers: Sequence[int], kind: TurnKind, version: object) -> None:
        now = self._backend.now()
        patience = {number: self._patience_with(number, kind, now) for number in numbers}
        for number in numbers:
            self._members[number].is_due = False
            if kind == "act":
                self._members[number].seen = version
        reports = self._backend.turn(numbers, kind, patience)
        self._take(reports)
        gone = self._backend.gone()
        for number in numbers:
            if number not in reports and number not in gone:
                self._miss(number, now)
        self._observe(reports)

    def _patience_with(self, number: int, kind: TurnKind, now: int) -> float:
        try:
            self._hangs_until(number, now)
        except LookupError:
            return self._patience.act if kind == "act" else self._patience.work
        return self._patience.known

    def _miss(self, number: int, now: int) -> None:
        member = self._members[number]
        member.is_hung = True
        self.hung.setdefault(number, []).append(now)
        try:
            member.returns_at = self._hangs_until(number, now)
        except LookupError:
            member.returns_at = None

    def _take(self, reports: Mapping[int, TurnReport]) -> None:
        for number, report in reports.items():
            member = self._members[number]
            member.report = report
            if member.is_hung:  # it responds again, and must look
                member.is_hung, member.returns_at, member.is_due = False, None, True
