"""The content of the screen of a run: labels and their values, in groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from psyche_cli.amounts import format_amount
from psyche_cli.durations import rough_duration
from psyche_cli.operations.authorizations.find import time_text
from psyche_cli.operations.rewards.payloads import CollateralAmount
from psyche_cli.operations.status.show_payloads import EpochProgress, ShowData, StateEnd
from psyche_cli.protocol.run_states import RunState
from psyche_cli.results import Tone
from psyche_cli.suggestions import GivenOptions

_MOST_FINDINGS: Final = 2
_PRECISE_BELOW: Final = 10
"""Seconds per step below which a tenth of a second is shown."""
_SHORT_SIGNATURE: Final = 8
_SCALES: Final = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K"))

UNBROKEN: Final = "\N{NO-BREAK SPACE}"
"""Stands for a space at which a text is not folded."""


class Row(NamedTuple):
    """A label and its value, a text that is folded, so that a shell still reads a command as one.

    A bar of ``share``, from 0 to 1, stands before the text.
    """

    label: str
    text: str
    tone: Tone | None = None
    share: float | None = None
    is_command: bool = False


def row_groups(data: ShowData, given: GivenOptions) -> tuple[Iterator[Row], ...]:
    """The rows about the state, the progress, the members and the latest transactions.

    ``given`` are the options that the suggested command repeats. Text of strangers is included as it is.
    """
    return _about_state(data, given), _about_progress(data), _about_members(data), _about_latest(data)


def _about_state(data: ShowData, given: GivenOptions) -> Iterator[Row]:
    if data.layout != "v1":
        yield Row("layout", f"{data.layout}, which psyche-cli can read but not change", "caution")
    yield Row("meaning", data.meaning)
    if data.since is not None:
        yield Row("since", f"{_at(data, data.since)}, for {rough_duration(max(data.now - data.since, 0))}")
    if data.ends is not None:
        yield Row("ends", _end_text(data, data.ends), "bad" if data.ends.overdue_seconds > 0 else None)
    yield from _about_health(data, given)


def _about_health(data: ShowData, given: GivenOptions) -> Iterator[Row]:
    """The most severe findings that are more than notes."""
    found = [one for one in data.attention if one.severity != "note"]
    for number, one in enumerate(found[:_MOST_FINDINGS]):
        yield Row("attention" if number == 0 else "", one.sentence, "bad" if one.severity == "blocking" else "caution")
    if data.healthy and (data.ends is None or data.ends.waits_for != "owner"):
        is_waiting = data.state == RunState.WAITING_FOR_MEMBERS.text
        # Without a join authorization, which only explain reads, nobody can join.
        text = "no problem found; explain also checks who can join" if is_waiting else "nothing needs attention"
        yield Row("health", text, "good")
    if found:
        more = len(data.attention) - min(len(found), _MOST_FINDINGS)
        if more > 0:
            yield Row("", f"({more:,} more {'finding' if more == 1 else 'findings'})")
        yield Row("what to do", given.command("explain", run_id=data.run_id), is_command=True)


def _end_text(data: ShowData, ends: StateEnd) -> str:
    if ends.waits_for == "nothing":
        return "never: all its steps are done"
    if ends.waits_for == "owner":
        verb = "resumes" if data.state == RunState.PAUSED.text else "starts"
        first = "configures it (update-config) and " if data.progress.seconds_per_step is None else ""
        return f"when its owner {first}{verb} it (set-paused --resume)"
    count = _whole(f"({ends.present:,} of {ends.needed:,} have)")
    if ends.waits_for == "members":
        missing = f"when {_members_more(ends, 'joins', 'join')} {count}"
        wait = 0 if ends.earliest is None else ends.earliest - data.now
        return f"{missing}, {_whole(f'in {rough_duration(wait)} at the earliest')}" if wait > 0 else missing
    if ends.overdue_seconds > 0:
        return f"with the next tick, which is overdue for {rough_duration(ends.overdue_seconds)}"
    if ends.latest is None or ends.seconds_left is None or ends.seconds_left == 0:
        return "with the next tick"
    time = _whole(f"in {rough_duration(ends.seconds_left)}, at {_at(data, ends.latest)}")
    if ends.waits_for == "reports" and ends.earliest != ends.latest:
        return f"when {_members_more(ends, 'reports', 'report')} {count}, or {time}"
    return time


def _members_more(ends: StateEnd, one: str, many: str) -> str:
    return f"1 more member {one}" if ends.missing == 1 else f"{ends.missing:,} more members {many}"


def _about_progress(data: ShowData) -> Iterator[Row]:
    progress = data.progress
    if data.epoch_progress is not None:
        rounds = data.epoch_progress.rounds_done + data.epoch_progress.estimated_rounds_left
        share = data.epoch_progress.rounds_done / rounds if rounds > 0 else 1.0
        yield Row(f"epoch {data.epoch}", _epoch_text(data, data.epoch_progress), share=share)
    elif data.state == RunState.FINISHED.text:
        yield Row("epochs", f"{data.epoch:,} completed")
    else:
        yield Row(f"epoch {data.epoch}", "is in progress" if _is_in_epoch(data) else "has not begun")
    if progress.last_step > 0:
        share = min(progress.steps_done / progress.last_step, 1.0)
        yield Row("steps", f"{progress.steps_done:,} of {progress.last_step:,} ({share:.1%})", share=share)
    if progress.tokens_done is not None and progress.tokens_total is not None and progress.tokens_total > 0:
        share = min(progress.tokens_done / progress.tokens_total, 1.0)
        text = f"{_compact(progress.tokens_done)} of {_compact(progress.tokens_total)} ({share:.1%})"
        yield Row("tokens", text, share=share)
    if progress.seconds_left is not None and progress.steps_left > 0:
        yield Row("run ends", _run_end_text(data, progress.seconds_left))


def _epoch_text(data: ShowData, epoch: EpochProgress) -> str:
    if data.state == RunState.COOLDOWN.text:
        return "1 round is over" if epoch.rounds_done == 1 else f"{epoch.rounds_done:,} rounds are over"
    is_exact = epoch.fewest_rounds_left == epoch.most_rounds_left
    total = epoch.rounds_done + epoch.estimated_rounds_left
    begun = f"round {epoch.rounds_done + 1:,} of " if data.state != RunState.WARMUP.text else ""
    count = f"{'' if is_exact else 'about '}{total:,}{'' if begun else ' rounds'}"
    left = rough_duration(max(epoch.estimated_end - data.now, 0))
    earliest, latest = _at(data, epoch.earliest_end), _at(data, epoch.latest_end)
    bounds = latest if earliest == latest else f"{earliest.removesuffix(' UTC')} to {latest}"
    return f"{begun}{count}, {_whole(f'ends in about {left}')} {_whole(f'({bounds})')}"


def _run_end_text(data: ShowData, left: int) -> str:
    progress = data.progress
    seconds = progress.seconds_per_step or 0.0
    each = f"{rough_duration(round(seconds)) if seconds >= _PRECISE_BELOW else f'{seconds:.2g}s'} per step"
    steps = "1 step" if progress.measured_steps == 1 else f"{progress.measured_steps:,} steps"
    pace = f"{each}, measured over {steps}" if progress.measured_steps > 0 else f"at most {each}"
    if progress.estimated_end is None:
        return f"after about {rough_duration(left)} of training {_whole(f'({pace})')}"
    return f"in about {rough_duration(left)}, at {_whole(_at(data, progress.estimated_end))} {_whole(f'({pace})')}"


def _is_in_epoch(data: ShowData) -> bool:
    state = state_of(data)
    return state == RunState.WARMUP or state.is_active


def state_of(data: ShowData) -> RunState:
    """The state of the run."""
    return next(state for state in RunState if state.text == data.state)


def _about_members(data: ShowData) -> Iterator[Row]:
    yield Row("members", *_members_text(data))
    if data.witnesses is not None:
        witnesses = data.witnesses
        is_short = witnesses.received < witnesses.needed
        text = f"{witnesses.received:,} of {witnesses.expected:,} have reported, {witnesses.needed:,} needed"
        yield Row("witnesses", text, "caution" if is_short and data.state == RunState.ROUND_WITNESS.text else None)
    yield Row("rewards", _rates_text(data))
    if data.treasury is not None:
        treasury, decimals = data.treasury, data.rates.decimals
        owed = f", {_amount(treasury.owed, decimals)} of it owed" if treasury.owed.base_units > 0 else ""
        count, seconds = treasury.cover.epochs, treasury.cover.seconds
        epochs = "" if count is None else f"; pays for {count:,} {'epoch' if count == 1 else 'epochs'}"
        time = f" (about {rough_duration(seconds)})" if seconds is not None and seconds > 0 else ""
        tone: Tone | None = "bad" if treasury.missing.base_units > 0 else None
        yield Row("treasury", f"{_amount(treasury.held, decimals)} in the vault{owed}{epochs}{time}", tone)


def _members_text(data: ShowData) -> tuple[str, Tone | None]:
    members = data.members
    when = " once training has begun" if data.state == RunState.WARMUP.text else ""
    again = f"{members.must_join_again:,} must join again{when}" if (members.must_join_again or 0) > 0 else ""
    if _is_in_epoch(data):
        parts = [
            f"{members.alive:,} alive",
            f"{members.exited:,} exited" if members.exited > 0 else "",
            f"{members.pending:,} pending" if (members.pending or 0) > 0 else "",
            again,
        ]
        return ", ".join(filter(None, parts)), "caution" if members.exited > 0 else None
    if data.ends is not None and data.ends.waits_for in ("members", "time"):
        parts = [f"{members.joined_next:,} of {data.ends.needed:,} joined", again]
        return ", ".join(filter(None, parts)), None
    if members.all == 0:
        return "none have joined", None
    rest = " and must join again" if data.ends is not None and data.ends.waits_for == "owner" else ""
    return f"{members.all:,} {'wallet has' if members.all == 1 else 'wallets have'} joined{rest}", None


def _rates_text(data: ShowData) -> str:
    rates = data.rates
    unit = " points" if rates.unit == "points" else ""

    def shown(earning: CollateralAmount, slashing: CollateralAmount) -> str:
        lost = f", {_amount(slashing, rates.decimals)} lost by each ejected one" if slashing.base_units > 0 else ""
        return f"{_amount(earning, rates.decimals)}{unit} per epoch, shared by its members{lost}"

    after = shown(rates.earning_next, rates.slashing_next)
    if data.state == RunState.FINISHED.text:
        return "none: the run is finished"
    if rates.earning_now is None or rates.slashing_now is None:
        return after if rates.earning_next.base_units > 0 else "none: the earning rate is zero"
    now = shown(rates.earning_now, rates.slashing_now)
    if now != after:
        return f"{now}, then {after}"
    return now if rates.earning_next.base_units > 0 else "none: the earning rate is zero"


def _about_latest(data: ShowData) -> Iterator[Row]:
    for number, one in enumerate(data.transactions):
        label = "" if number > 0 else "transactions" if len(data.transactions) > 1 else "transaction"
        age = "" if one.time is None else f"{rough_duration(max(data.now - one.time, 0))} ago"
        outcome = "landed" if one.error is None else "failed"
        text = f"{one.signature[:_SHORT_SIGNATURE]}...  {outcome}  {age}".rstrip()
        yield Row(label, text, None if one.error is None else "caution")


def _at(data: ShowData, time: int) -> str:
    """A time in UTC, without the date if that is the date of the cluster's time."""
    text, now = time_text(time), time_text(data.now)
    return text[11:] if text[:11] == now[:11] else text


def _amount(amount: CollateralAmount, decimals: int) -> str:
    return format_amount(amount.base_units, decimals)


def _whole(text: str) -> str:
    """The text, in which no line ends."""
    return text.replace(" ", UNBROKEN)


def _compact(number: int) -> str:
    """A number in few characters, such as ``12.3M``."""
    for scale, letter in _SCALES:
        if number >= scale:
            return f"{number / scale:.3g}{letter}" if number < 1000 * scale else f"{number // scale:,}{letter}"
    return str(number)
