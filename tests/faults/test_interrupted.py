"""Ctrl-C at every request and every wait of every command that sends: the error states what may have been sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from psyche_cli.errors import ExitCode
from tests.support.counts import Loads

from .judge import Attempt
from .schedule import Schedule
from .test_schedules import judge, try_schedule
from .world import Scenario, World


def at_a_request(schedule: Schedule, number: int) -> None:
    schedule.interrupt_request, schedule.interrupted_is_executed = number, 1.0


def at_a_lost_request(schedule: Schedule, number: int) -> None:
    schedule.interrupt_request, schedule.interrupted_is_executed = number, 0.0


def at_a_wait(schedule: Schedule, number: int) -> None:
    schedule.interrupt_sleep, schedule.votes_late = number, 2.0


@pytest.mark.parametrize("interrupt", [at_a_request, at_a_lost_request, at_a_wait])
def test_an_interrupted_command_reports_what_was_sent(
    world: World, loads: Loads, interrupt: Callable[[Schedule, int], None]
) -> None:
    """Usually, a verb is either interrupted at requests that are executed or at requests that are lost."""
    wrong = []
    scenarios = [*{scenario.verb: scenario for scenario in world.scenarios}.values()]
    if loads.level == "full":
        scenarios = [*world.scenarios]
    elif loads.level == "usual" and interrupt is not at_a_wait:
        scenarios = scenarios[interrupt is at_a_lost_request :: 2]
    for scenario in scenarios:
        attempts = [*interrupted(world, scenario, interrupt)]
        assert attempts or interrupt is at_a_wait, scenario.name
        for attempt, faults in attempts:
            if faults:
                wrong.append("\n  ".join([scenario.name, *faults, *attempt.line.log]))
    assert not wrong, "\n".join(wrong)


def interrupted(
    world: World, scenario: Scenario, interrupt: Callable[[Schedule, int], None]
) -> Iterator[tuple[Attempt, list[str]]]:
    """Interrupt the command at its first step, at its second and so on, until it ends before the interruption."""
    for number in count():
        schedule = Schedule.calm(scenario.name)
        interrupt(schedule, number)
        attempt = try_schedule(world, scenario, schedule)
        assert attempt.outcome is not None
        if attempt.outcome.code is not ExitCode.INTERRUPTED and "Ctrl-C" not in attempt.line.met:
            assert attempt.outcome.code is ExitCode.OK, attempt.outcome.stderr
            return
        yield attempt, [*judge(world, scenario, attempt)]
