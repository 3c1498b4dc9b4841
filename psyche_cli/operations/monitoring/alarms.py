"""When an alarm begins and ends: pure functions of what a rule found, with hysteresis."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

from psyche_cli.operations.monitoring.rules import MonitorRule

Phase: TypeAlias = Literal["quiet", "pending", "firing", "clearing"]
"""No alarm; the condition is met, but not for long enough; an alarm; an alarm whose condition is over, but not for long
enough."""


class Verdict(NamedTuple):
    """What a rule found.

    ``met`` is True if its condition is met, False if it is over, and None if it is in between (past the threshold of
    ``clear_at`` only) or not known: then an alarm neither begins nor ends. ``sentence`` and ``evidence`` explain it.
    """

    met: bool | None
    sentence: str = ""
    evidence: tuple[tuple[str, str], ...] = ()


class Alarm(NamedTuple):
    """The alarm of a rule and a run.

    ``since`` is when it entered its phase, in the seconds of the rule's clock. ``number`` counts the alarms so far.
    """

    phase: Phase = "quiet"
    since: int = 0
    number: int = 0


Change: TypeAlias = Literal["fired", "cleared"]

QUIET: Final = Alarm()


def next_alarm(before: Alarm, rule: MonitorRule, verdict: Verdict, now: int) -> tuple[Alarm, Change | None]:
    """The alarm after a verdict at ``now``, and whether it began or ended."""
    alarm, change = before, None
    if verdict.met is None:
        return alarm, change
    if verdict.met and alarm.phase == "quiet":
        alarm = Alarm("pending", now, alarm.number)
    if not verdict.met and alarm.phase == "firing":
        alarm = Alarm("clearing", now, alarm.number)
    if verdict.met and alarm.phase == "clearing":
        return Alarm("firing", now, alarm.number), change
    if not verdict.met and alarm.phase == "pending":
        return Alarm("quiet", now, alarm.number), change
    if alarm.phase == "pending" and now - alarm.since >= rule.lasting:
        return Alarm("firing", now, alarm.number + 1), "fired"
    if alarm.phase == "clearing" and now - alarm.since >= rule.clear_for:
        return Alarm("quiet", now, alarm.number), "cleared"
    return alarm, change


def is_active(alarm: Alarm) -> bool:
    """Whether there is an alarm."""
    return alarm.phase in ("firing", "clearing")
