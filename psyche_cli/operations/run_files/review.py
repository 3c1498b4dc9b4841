"""Whether a plan still fits the run: nothing that it is based on has changed, and nothing else is to be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from psyche_cli.errors import MovedValue, StalePlan
from psyche_cli.json_text import json_text
from psyche_cli.json_values import to_json
from psyche_cli.operations.config.values import shown_value
from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.operations.run_files.payloads import StepData
from psyche_cli.operations.run_files.plan_file import ReviewedPlan
from psyche_cli.operations.run_files.values import Value

_MOST_NAMED: Final = 3
_NAMED_FIRST: Final = ("run", "main_authority", "state")
_STATES: Final = {
    "create": ("unstarted",),
    "recreate": ("unstarted",),
    "pause": ("pausing", "paused"),
    "wait": ("paused",),
    "set-step": ("paused",),
    "resume": ("running",),
}
"""The states of a run during and after each kind of step that changes it."""


def refuse_stale(reviewed: ReviewedPlan, actual: ActualRun, values: Mapping[str, Value], hint: str) -> None:
    """Raise StalePlan unless each value is as it was when the plan was made, or already as the plan makes it.

    The latter is so after an interrupted apply of the same plan. ``hint`` is how to make a new plan.
    """
    moved = [*_moved_values(reviewed, values), *_moved_state(reviewed, actual)]
    if moved:
        raise stale(reviewed.run_id, moved, hint)


def stale(run_id: str, moved: Sequence[MovedValue], hint: str) -> StalePlan:
    """The error for a run that is not as it was when the plan was made. ``hint`` is how to make a new one."""
    moved = sorted(
        moved, key=lambda one: _NAMED_FIRST.index(one["key"]) if one["key"] in _NAMED_FIRST else len(moved) + 3
    )
    named = [f"{one['key']} was {shown(one['planned'])} and is {shown(one['now'])}" for one in moved[:_MOST_NAMED]]
    more = len(moved) - len(named)
    listed = "; ".join(named) + (f"; and {more} more" if more > 0 else "")
    return StalePlan(f"Run {run_id!r} has changed since the plan was made: {listed}.", hint=hint, moved=tuple(moved))


def shown(value: object) -> str:
    """A value on one line."""
    if isinstance(value, list | tuple):
        return "none" if not value else ", ".join(map(str, value))
    return shown_value(value)


def _moved_values(reviewed: ReviewedPlan, values: Mapping[str, Value]) -> Iterator[MovedValue]:
    creates = any(step["kind"] in ("create", "recreate") for step in reviewed.steps)
    for key, planned in reviewed.ground.items():
        value = values.get(key)
        if value is None or (key == "run" and creates):
            continue
        now = to_json(value.now)
        if (now != planned and now != to_json(value.wanted)) or (now != planned and _is_fixed(key)):
            yield MovedValue(key=key, planned=planned, now=now)
    for key in values.keys() - reviewed.ground.keys():
        if values[key].differs:
            yield MovedValue(key=key, planned=None, now=to_json(values[key].now))


def _is_fixed(key: str) -> bool:
    """Whether no step of a plan changes a value. The old run of a migration is closed as a whole."""
    return key in ("run", "main_authority") or (key.startswith("old.") and key != "old.run")


def _moved_state(reviewed: ReviewedPlan, actual: ActualRun) -> Iterator[MovedValue]:
    possible = [reviewed.state, *(state for step in reviewed.steps for state in _STATES.get(step["kind"], ()))]
    if actual.state not in possible:
        yield MovedValue(key="state", planned=reviewed.state, now=actual.state)


def require_reviewed(
    run_id: str, step: StepData, reviewed: Sequence[Mapping[str, Any]], hint: str, free: Sequence[str] = ()
) -> None:
    """Raise StalePlan for a step that is not part of the reviewed steps, or changes something else than they do.

    ``hint`` is how to make a new plan. ``free`` are keys, or tables of keys, whose values were not known when the plan
    was made.
    """
    known = {
        (change["key"], _text(change["after"]))
        for one in reviewed
        if (one["kind"], one["subject"]) == (step.kind, step.subject)
        for change in one["changes"]
    }
    changes = [change for change in step.changes if not change.key.startswith(tuple(free))]
    same = any((one["kind"], one["subject"]) == (step.kind, step.subject) for one in reviewed)
    others = [change for change in changes if (change.key, _text(change.after)) not in known]
    if step.kind == "top-up" and same:
        return  # its amount is limited instead
    if others:
        raise stale(run_id, [MovedValue(key=one.key, planned=one.after, now=one.before) for one in others], hint)
    if not same:
        message = f"Run {run_id!r} has changed since the plan was made: it now needs the step {step.title!r}."
        raise StalePlan(message, hint=hint)


def _text(value: object) -> str:
    """A value in canonical form."""
    return json_text({"value": to_json(value)}, one_line=True)
