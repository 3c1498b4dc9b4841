"""The course of a run from the events of its history: its states over time, its epochs, and configuration changes."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final

from psyche_cli.history.changes import configuration_differences, shown
from psyche_cli.history.events import DONE
from psyche_cli.history.states import Happened
from psyche_cli.history.words import who, words
from psyche_cli.model.simulation.recorder import earned_points, reason_of_end
from psyche_cli.model.states import CoordinatorState
from psyche_cli.operations.dashboard.documents import ConfigurationChange, EpochRow, LeafChange, StateSpan
from psyche_cli.operations.simulation.reasons import EPOCH_ENDS
from psyche_cli.protocol.run_states import RunState

MOST_SPANS: Final = 2_000
MOST_EPOCHS: Final = 1_000
MOST_CHANGES: Final = 200

_CHANGING: Final = frozenset({"update", "update_client_version", "set_future_epoch_rates"})
_LONGEST_VALUE: Final = 4_096


class Course:
    """What happened to an incarnation of a run so far; only the newest spans, epochs and changes are kept."""

    def __init__(self) -> None:
        self.spans: deque[StateSpan] = deque(maxlen=MOST_SPANS)
        self.epochs: deque[EpochRow] = deque(maxlen=MOST_EPOCHS)
        self.changes: deque[ConfigurationChange] = deque(maxlen=MOST_CHANGES)
        self.changes_total = 0
        self._first_step = 0
        self._earned = 0
        self._reason: str | None = None

    def add(self, happened: Happened, time: int) -> None:
        """Add the next event. ``time`` is when its transaction was executed."""
        before, after = happened.before.state, happened.after.state
        if before is after:
            return
        if after is None:
            self._end_span(time)
            return
        self._add_span(after, time)
        if before is not None:
            self._add_to_epochs(before, after, time)
            if happened.event.kind in _CHANGING and happened.event.effects.get("outcome", DONE) == DONE:
                self._add_change(happened, before, after, time)

    # --- states -----------------------------------------------------------------------------------------------------

    def _add_span(self, after: CoordinatorState, time: int) -> None:
        state = _phase(after.run_state)
        if self.spans and self.spans[-1].until is None and self.spans[-1].state == state:
            return
        self._end_span(time)
        self.spans.append(StateSpan(state, time, None))

    def _end_span(self, time: int) -> None:
        if self.spans:
            last = self.spans.pop()
            self.spans.append(StateSpan(last.state, last.since, time))

    # --- epochs -----------------------------------------------------------------------------------------------------

    def _add_to_epochs(self, before: CoordinatorState, after: CoordinatorState, time: int) -> None:
        if after.run_state == RunState.WARMUP != before.run_state:
            self._first_step, self._earned, self._reason = after.step, earned_points(after), None
            members = len(after.epoch.clients)
            self.epochs.append(EpochRow(after.progress["epoch"], time, None, 0, members, None, 0, None))
        if not self.epochs or self.epochs[-1].ended is not None:
            return
        row = self.epochs[-1]
        if after.run_state == RunState.COOLDOWN != before.run_state:
            self._reason = EPOCH_ENDS[reason_of_end(before, after).value]
        rounds = max(after.step - self._first_step, 0)
        if after.run_state == RunState.WARMUP or after.run_state.is_active:
            if rounds != row.rounds:
                self.epochs[-1] = replace(row, rounds=rounds)
            return
        paused = "pause during the warmup" if before.run_state == RunState.WARMUP else None
        self.epochs[-1] = replace(
            row,
            ended=time,
            rounds=rounds,
            members_left=len(before.epoch.clients),
            earned=earned_points(after) - self._earned,
            outcome=self._reason or paused or "unknown",
        )

    # --- configuration ----------------------------------------------------------------------------------------------

    def _add_change(self, happened: Happened, before: CoordinatorState, after: CoordinatorState, time: int) -> None:
        found = configuration_differences(before, after)
        changes = [LeafChange(one.key, _value(one.before), _value(one.after)) for one in found]
        rates = zip(("earning", "slashing"), before.future_epoch_rates, after.future_epoch_rates, strict=True)
        for name, old, new in rates:
            if old != new:
                changes.append(LeafChange(f"rates.{name}", str(old), str(new)))
        if not changes:
            return
        event = happened.event
        self.changes_total += 1
        self.changes.append(
            ConfigurationChange(
                time=time,
                slot=happened.transaction.slot,
                signature=event.signature,
                by=who(event, happened.before, happened.after).address,
                sentence=words(event, happened.before, happened.after),
                changes=changes,
            )
        )


def _phase(state: RunState) -> str:
    """The state of a span: all rounds of an epoch are one."""
    return (RunState.ROUND_TRAIN if state == RunState.ROUND_WITNESS else state).text


def _value(value: object) -> str:
    return shown(value)[:_LONGEST_VALUE]
