"""The scheduler with workers that are functions: whose turn it is, and when the clock moves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import pytest

from psyche_cli.errors import RehearsalError
from psyche_cli.rehearsal.scheduler import Patience, Scheduler, TurnReport
from psyche_cli.workers.service.contract import TurnKind

Worker = Callable[["Script", TurnKind], "TurnReport | None"]


class Script:
    """A cluster whose account is a number, and workers that are functions of it."""

    def __init__(self, workers: Mapping[int, Worker], goal: int) -> None:
        self.workers, self.goal = workers, goal
        self.time, self.account = 100, 0
        self.turns: list[tuple[int, tuple[int, ...], TurnKind]] = []
        self.dead: set[int] = set()
        self.late: dict[int, TurnReport] = {}
        self.patience: list[Mapping[int, float]] = []

    def now(self) -> int:
        return self.time

    def warp_to(self, time: int) -> None:
        assert time > self.time
        self.time = time

    def version(self) -> object:
        return self.account

    def is_over(self) -> bool:
        return self.account >= self.goal

    def gone(self) -> Collection[int]:
        return self.dead

    def turn(self, members: Sequence[int], kind: TurnKind, patience: Mapping[int, float]) -> Mapping[int, TurnReport]:
        self.turns.append((self.time, tuple(members), kind))
        self.patience.append(patience)
        found = {number: self.workers[number](self, kind) for number in members}
        return {number: report for number, report in found.items() if report is not None}

    def late_reports(self) -> Mapping[int, TurnReport]:
        late, self.late = self.late, {}
        return late


def no_hang(number: int, now: int) -> int | None:
    raise LookupError


def scheduler(script: Script, **options: object) -> Scheduler:
    return Scheduler(script, script.workers, **{"hangs_until": no_hang, **options})  # type: ignore[arg-type]


def adds_at(times: Sequence[int]) -> Worker:
    """A worker that changes the account once at each of the times."""
    left = list(times)

    def work(script: Script, kind: TurnKind) -> TurnReport:
        if left and script.time >= left[0]:
            left.pop(0)
            script.account += 1
        return TurnReport(left[0] if left else 0)

    return work


def watches(script: Script, kind: TurnKind) -> TurnReport:
    return TurnReport()


def test_members_act_in_the_order_of_their_numbers_and_look_again_after_each_change() -> None:
    script = Script({2: watches, 1: adds_at([100, 105]), 3: adds_at([105, 105])}, goal=4)
    assert scheduler(script).run() == "reached"
    assert script.turns == [
        (100, (1,), "act"),  # acts
        (100, (2,), "act"),
        (100, (3,), "act"),
        (100, (1,), "act"),  # looks at what it did
        (105, (1,), "act"),
        (105, (2,), "act"),
        (105, (3,), "act"),
        (105, (1,), "act"),
        (105, (2,), "act"),
        (105, (3,), "act"),
    ]


def test_all_workers_with_work_get_their_turn_at_once_when_nothing_is_left_to_do() -> None:
    def works(script: Script, kind: TurnKind) -> TurnReport:
        if kind == "work":
            return TurnReport(script.time + 3)
        if script.time == 103:
            script.account = 9
        return TurnReport(103, has_work=script.time == 100)

    script = Script({1: works, 2: works}, goal=9)
    assert scheduler(script).run() == "reached"
    assert script.turns == [(100, (1,), "act"), (100, (2,), "act"), (100, (1, 2), "work"), (103, (1,), "act")]


def test_a_member_that_does_not_respond_keeps_nobody_waiting_until_it_responds_again() -> None:
    def hangs(script: Script, kind: TurnKind) -> TurnReport | None:
        return None if script.time < 110 else TurnReport()

    def other(script: Script, kind: TurnKind) -> TurnReport:
        if script.time == 110 and script.account == 1:
            script.late = {1: TurnReport()}
        script.account = max(script.account, (script.time - 100) // 5)
        return TurnReport(script.time + 5)

    script = Script({1: hangs, 2: other}, goal=3)
    running = scheduler(script)
    assert running.run() == "reached"
    assert running.hung == {1: [100]}
    assert [(time, members) for time, members, _ in script.turns if 1 in members] == [(100, (1,)), (110, (1,))]


def test_a_planned_hang_is_not_waited_for_and_ends_at_its_time() -> None:
    def hangs(script: Script, kind: TurnKind) -> TurnReport | None:
        if script.time < 107:
            return None
        script.account = 1
        return TurnReport()

    def until(number: int, now: int) -> int | None:
        if number == 1 and now < 107:
            return 107
        raise LookupError

    script = Script({1: hangs, 2: watches}, goal=1)
    assert scheduler(script, hangs_until=until, patience=Patience(act=9.0, known=0.5)).run() == "reached"
    assert [(time, members) for time, members, _ in script.turns] == [(100, (1,)), (100, (2,)), (107, (1,))]
    assert script.patience == [{1: 0.5}, {2: 9.0}, {1: 9.0}]


def test_a_worker_that_ended_gets_no_turn() -> None:
    def dies(script: Script, kind: TurnKind) -> TurnReport | None:
        script.dead.add(1)
        return None

    script = Script({1: dies, 2: adds_at([100, 101])}, goal=2)
    running = scheduler(script)
    assert running.run() == "reached"
    assert running.hung == {}
    assert [members for _, members, _ in script.turns].count((1,)) == 1


@pytest.mark.parametrize(
    ("worker", "options", "expected"),
    [
        (watches, {}, "stuck"),
        (lambda script, _: script.dead.add(1), {}, "no-workers"),
        (lambda script, _: TurnReport(script.time + 10), {"until": 1000}, "too-long"),
        (lambda script, _: TurnReport(1), {"until": 103}, "too-long"),
        (lambda _script, _kind: None, {}, "stuck"),
    ],
)
def test_ends(worker: Worker, options: dict[str, object], expected: str) -> None:
    script = Script({1: worker}, goal=5)
    assert scheduler(script, **options).run() == expected


def test_a_worker_that_acts_without_end_is_an_error() -> None:
    def acts(script: Script, kind: TurnKind) -> TurnReport:
        script.account += 1
        return TurnReport()

    with pytest.raises(RehearsalError, match="Member 1 has acted"):
        scheduler(Script({1: acts}, goal=10**9)).run()


def test_reports_are_observed_after_every_turn_and_every_move_of_the_clock() -> None:
    seen: list[Mapping[int, TurnReport]] = []
    script = Script({1: adds_at([100, 104])}, goal=2)
    scheduler(script, observe=seen.append).run()
    assert seen == [{1: TurnReport(104)}, {1: TurnReport(104)}, {}, {1: TurnReport()}]
