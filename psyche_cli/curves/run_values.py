"""What a run was: its members and rewards over time, and the learning rate and the witnesses of its rounds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from psyche_cli.curves.curve import KINDS, POINTS, Curve
from psyche_cli.curves.points import Point, StepPoints
from psyche_cli.history.moments import Moment
from psyche_cli.model.committee import expected_witnesses, quorum
from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.run_states import ClientState, RunState
from psyche_cli.run_config.learning_rate import learning_rate_in_epoch


class RunValues:
    """The values of a run so far."""

    def __init__(self) -> None:
        self._rounds = {
            name: StepPoints(whole=name != "learning_rate")
            for name in ("learning_rate", "witnesses", "expected", "quorum")
        }
        self._changes: dict[str, list[Point]] = {
            name: [] for name, kind in KINDS.items() if kind.what in ("members", "rewards")
        }
        self._has_treasury = False
        self._moment = Moment()
        self._time: int | None = None

    def follow(self, now: Moment, time: int | None) -> None:
        """Add what has changed in the run up to a time."""
        if now.state is None:
            return
        if now is not self._moment:
            self._follow(now, now.state, time)
        self._moment, self._time = now, time

    def _follow(self, now: Moment, state: CoordinatorState, time: int | None) -> None:
        treasury = now.treasury
        in_progress = state.run_state == RunState.WARMUP or state.run_state.is_active
        values = {
            "members": len(state.epoch.clients) if in_progress else 0,
            "healthy": sum(one.state == ClientState.HEALTHY for one in state.epoch.clients) if in_progress else 0,
            "joined": sum(one.active == state.next_active for one in state.clients),
            "earning_rate": state.current_epoch_rates.earning_rate_total_shared,
            "earned": sum(one.earned for one in state.clients),
        }
        if treasury is not None:
            self._has_treasury = True
            values["claimed"] = treasury.total.points
            if treasury.vault is not None:
                values["vault"] = treasury.vault
        for name, value in values.items():
            points = self._changes[name]
            if not points or points[-1].value != value:
                points.append(Point(state.step, time, value))

    def close(self, state: CoordinatorState, witnesses: int, time: int | None) -> None:
        """A round has ended: ``state`` is the run in it, and ``witnesses`` the number of those that reported it."""
        llm, epoch = state.model["LLM"], state.epoch
        cold_start = epoch.start_step if epoch.cold_start_epoch else None
        rate = learning_rate_in_epoch(state.step, llm["lr_schedule"], cold_start, llm["cold_start_warmup_steps"])
        expected = expected_witnesses(state.config, state.current_round.clients_len)
        for name, value in (
            ("learning_rate", rate if math.isfinite(rate) else None),
            ("witnesses", witnesses),
            ("expected", expected),
            ("quorum", quorum(witnesses or expected, state.config)),
        ):
            self._rounds[name].add(Point(state.step, time, value))

    def remove_from(self, step: int) -> int:
        """Remove the rounds of a step and of later ones. Returns their number."""
        return max([points.remove_from(step) for points in self._rounds.values()])

    def curves(self) -> Iterator[Curve]:
        """All curves that have points."""
        for name, points in (*self._rounds.items(), *self._changes.items()):
            kind = KINDS[name]
            if kind.what == "rewards" and not self._has_treasury:
                kind = kind._replace(unit=POINTS)
            if points:
                yield Curve(kind, points if kind.axis == "step" else self._to_the_end(points))

    def _to_the_end(self, points: Sequence[Point]) -> Sequence[Point]:
        """The points, and the last value again where the history ends."""
        last, state = points[-1], self._moment.state
        end = last if state is None else last._replace(step=state.step, time=self._time)
        return points if end.time is None or end == last else [*points, end]
