"""Migrations of an old run that is in another state when the plan is applied than it was when it was planned."""

from __future__ import annotations

import itertools
import shutil
from typing import Any, NamedTuple

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.protocol.run_states import RunState
from tests.cli.killing import killed
from tests.cli.test_migrate import OLD, STEP, Place, kinds
from tests.support.counts import Loads


class Moment(NamedTuple):
    """The state and the step of an old run."""

    state: RunState
    step: int
    pending_pause: bool = False

    @property
    def name(self) -> str:
        return f"{self.state.name.lower()}-{self.step}{'-pausing' if self.pending_pause else ''}"


MOMENTS = [
    Moment(RunState.WAITING_FOR_MEMBERS, 1),
    Moment(RunState.ROUND_TRAIN, 1),
    Moment(RunState.ROUND_TRAIN, STEP, pending_pause=True),
    Moment(RunState.COOLDOWN, STEP),
    Moment(RunState.PAUSED, 1),
    Moment(RunState.PAUSED, STEP),
    Moment(RunState.PAUSED, STEP + 3),
]


def bring(place: Place, moment: Moment) -> None:
    """Let the old run, which was started, be as at a moment."""
    place.step_is(moment.step)
    place.house.enter(moment.state, pending_pause=moment.pending_pause)


@pytest.mark.parametrize("stays", [False, True], ids=["closed", "stays"])
@pytest.mark.parametrize("planned", MOMENTS, ids=lambda moment: moment.name)
def test_every_state_at_planning_with_every_one_at_applying(
    place: Place, loads: Loads, planned: Moment, stays: bool
) -> None:
    """It is refused before anything is sent, or ends with the new run at the last step of the old one, with kills."""
    house, bank = place.house, place.house.chain.dispatcher.context.bank
    house.run(treasurer=stays)
    house.cli.json("set-paused", *OLD, "--resume")
    bring(place, planned)
    plan = place.planned()
    assert ("set-step" in kinds(plan)) == (planned.step > 1 or not planned.state.is_halted)
    new_id, start = plan["run_id"], bank.save()
    other = MOMENTS[(MOMENTS.index(planned) + (3 if stays else 5)) % len(MOMENTS)]
    chance = itertools.cycle((stays, not stays))
    for moment in [other] if loads.level == "usual" else MOMENTS:
        bank.restore(start)
        bring(place, moment)
        before = bank.save()
        for nth in [3] if loads.level == "usual" else range(plan["transactions"] + 1):
            bank.restore(before)
            shutil.rmtree(place.export, ignore_errors=True)
            if nth > 0 and not _killed(place, nth, executes=next(chance)):
                break
            sent = house.chain.sent
            done = place.apply()
            if done.code is not ExitCode.OK:
                assert done.json["error"]["code"] == "stale_plan", done.stderr
                runs = not moment.state.is_halted and not moment.pending_pause
                assert planned.state.is_halted or (planned.pending_pause and runs), "a plan follows a running run"
                assert house.chain.sent == sent
                break
            assert (moment.step == planned.step) or not planned.state.is_halted
            account = house.driver(new_id).account
            assert max(account.step, 1) == moment.step
            assert place.is_done()


def _killed(place: Place, nth: int, *, executes: bool) -> bool:
    """Kill an apply at a transaction; whether it came to that one."""
    try:
        killed(place.house, "sendTransaction", "apply", place.plan_file, "--yes", executes=executes, nth=nth)
    except AssertionError:
        return False
    return True


def test_a_run_that_stays_goes_on_after_its_export(place: Place) -> None:
    """Killed before the new run is created, while the old one is resumed and trains: it is exported again."""
    house = place.house
    house.run(treasurer=True)
    house.cli.json("set-paused", *OLD, "--resume")
    bring(place, Moment(RunState.ROUND_TRAIN, STEP))
    plan: Any = place.planned()
    killed(house, "sendTransaction", "apply", place.plan_file, "--yes", executes=False, nth=2)
    assert place.export.exists()
    bring(place, Moment(RunState.PAUSED, STEP + 9))
    assert "export" in kinds(place.apply().data)
    assert house.driver(plan["run_id"]).account.step == STEP + 9
    assert place.is_done()
