"""The report of a rehearsal as text, for the width of a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from psyche_cli.durations import format_duration
from psyche_cli.folding import folded
from psyche_cli.operations.rehearsal.payloads import Forecast, Lie, RehearsalData, RehearsedEpoch, RehearsedMember
from psyche_cli.operations.rewards.payloads import CollateralAmount
from psyche_cli.operations.simulation.reasons import EPOCH_ENDS
from psyche_cli.operations.status.diagnosis.finding import counted
from psyche_cli.operations.tables import text_table
from psyche_cli.plots import Curve, text_plot
from psyche_cli.printable import printable

_PLOT_HEIGHT: Final = 8
_MOST_PLOT: Final = 72
_MOST_REASONS: Final = 8
_COSTS: Final = {
    "wrong-sign": "It makes the model worse with every step.",
    "scaled": "Its result would outweigh those of all other members.",
    "copied": "It would be paid for work that it did not do.",
    "stale": "It would be paid for work that it did not do.",
    "random": "Its result is noise for the model.",
    "false-loss": "Without checks, the loss that it reports would look better than it is.",
    "wrong-bytes": "The bytes do not match their hash, which members see without checks.",
    "wrong-hash": "The bytes do not match their hash, which members see without checks.",
    "false-check": "With a second liar in a group, results of honest members would be left out.",
}
"""What each kind of lie does, beside the figures."""


def amount_text(amount: CollateralAmount) -> str:
    """An amount of the token."""
    return f"{amount.amount.normalize():f}"


def summary(data: RehearsalData) -> str:
    """The rehearsal in one sentence."""
    return f"Rehearsed {_course(data)} with {counted(data.members, 'member')}. {data.reason}"


def _course(one: RehearsalData | Forecast) -> str:
    return f"{counted(one.steps, 'step')} in {counted(one.epochs, 'epoch')} and {format_duration(one.seconds)}"


def details(data: RehearsalData) -> Iterator[tuple[str, str]]:
    """The totals, as label-value pairs."""
    forecast = data.prediction
    same = (data.steps, data.epochs, data.seconds) == (forecast.steps, forecast.epochs, forecast.seconds)
    yield "predicted", "the same" if same else _course(forecast)
    if data.first_loss is not None and data.last_loss is not None:
        yield "loss", f"{data.first_loss:.3f} to {data.last_loss:.3f} nats per byte"
    if data.round_list:
        yield "weights", "equal for all members after every round" if data.agreed else "not equal for all members"
    earned = f"{amount_text(data.paid)} earned, at {amount_text(data.earning_rate)} per epoch"
    yield "rewards", f"{earned}; {amount_text(data.claimed)} claimed"
    yield (
        "setting",
        (
            f"{data.trainer} trainer, rounds of {data.train_seconds} s, {data.check_percent:g}% of results checked, "
            f"seed {data.seed}"
        ),
    )
    yield "duration", f"{data.real_seconds:.0f} s on this machine"
    yield "workers", f"psyche-cli workers show {data.worker_run}"
    if data.report is not None:
        yield "report", data.report


@dataclass(frozen=True)
class RehearsalText:
    """The text printed below the totals."""

    data: RehearsalData

    def __call__(self, width: int, utf8: bool) -> list[str]:
        """The lines for a terminal of ``width`` columns."""
        data = self.data
        lines = [*member_table(data.member_list, width), "", *_epoch_table(data.epoch_list)]
        losses = [one.loss for one in data.round_list if one.loss is not None]
        if len(losses) > 1:
            first, last = (str(one.step) for one in (data.round_list[0], data.round_list[-1]))
            curve = Curve("loss by step", losses, first, last)
            lines += ["", *text_plot(curve, width=min(width, _MOST_PLOT), height=_PLOT_HEIGHT, braille=utf8)]
        for title, sentences in (
            ("workers that failed", list(_failed(data))),
            ("faults", list(fault_lines(data))),
            ("results that are missing", list(_missing(data))),
            ("lies", list(lie_lines(data))),
            ("advice", [one.sentence for one in data.advice]),
        ):
            if sentences:
                lines += ["", f"{title}:"]
                lines += [line for sentence in sentences for line in _item(sentence, width)]
        return lines


MEMBER_COLUMNS: Final = ("member", "worker", "rounds", "counted", "witnessed", "earned", "predicted", "claimed", "loss")


def member_cells(one: RehearsedMember) -> list[str]:
    """The cells of a member's row in the table with ``MEMBER_COLUMNS``."""
    return [
        f"{one.member}",
        one.worker,
        f"{one.rounds:,}",
        f"{one.counted:,}",
        f"{one.witnessed:,}",
        amount_text(one.earned),
        amount_text(one.predicted),
        amount_text(one.claimed),
        "-" if one.loss is None else f"{one.loss:.3f}",
    ]


def member_table(members: Sequence[RehearsedMember], width: int) -> list[str]:
    """The members."""
    rows = [[*MEMBER_COLUMNS], *map(member_cells, members)]
    lines = text_table(rows, left=2)
    for column in ("predicted", "witnessed", "loss"):
        if max(map(len, lines)) > width:
            place = rows[0].index(column)
            for row in rows:
                del row[place]
            lines = text_table(rows, left=2)
    return lines


def _epoch_table(epochs: Sequence[RehearsedEpoch]) -> list[str]:
    rows = [["epoch", "rounds", "lasts", "members", "paid", "end"]]
    for one in epochs:
        left = f"{one.clients}" if one.clients == one.clients_left else f"{one.clients} to {one.clients_left}"
        rows.append(
            [
                f"{one.epoch}",
                beside(f"{one.rounds}", None if one.predicted_rounds is None else f"{one.predicted_rounds}"),
                beside(
                    format_duration(one.seconds),
                    None if one.predicted_seconds is None else format_duration(one.predicted_seconds),
                ),
                left,
                beside(amount_text(one.paid), None if one.predicted_paid is None else amount_text(one.predicted_paid)),
                EPOCH_ENDS[one.end],
            ]
        )
    return text_table(rows, left=1) if epochs else ["No epoch ended."]


def beside(found: str, predicted: str | None) -> str:
    """What happened, with the prediction if that differs."""
    return found if predicted in (None, found) else f"{found} (not {predicted})"


def _item(sentence: str, width: int) -> list[str]:
    first, *others = folded(sentence, max(width - 4, 20))
    return [f"  - {first}", *(f"    {line}" for line in others)]


def _failed(data: RehearsalData) -> Iterator[str]:
    for one in data.member_list:
        if one.worker == "FAULTED":
            yield f"member {one.member}: {printable(one.ended)}"


def fault_lines(data: RehearsalData) -> Iterator[str]:
    """The faults, each in a phrase."""
    for one in data.faults:
        began = "did not happen" if one.began_after is None else f"from {format_duration(one.began_after)} on"
        yield f"{one.text} ({began})"


def _missing(data: RehearsalData) -> Iterator[str]:
    found = [one for one in data.round_list if one.why is not None]
    for one in found[:_MOST_REASONS]:
        yield f"step {one.step}: {one.why}"
    if len(found) > _MOST_REASONS:
        yield counted(len(found) - _MOST_REASONS, "more step")


def lie_lines(data: RehearsalData) -> Iterator[str]:
    """The members that lied, and what that cost, each in a sentence."""
    for one in data.lies:
        name = f"member {one.member}"
        if one.rounds > 0:
            found = "was not found"
            if one.steps:
                times = "once" if len(one.steps) == 1 else f"{len(one.steps)} times"
                left_out = f"{counted(one.sequences, 'sequence')} {'was' if one.sequences == 1 else 'were'}"
                found = f"was found {times}, at step {_steps(one.steps)}; {left_out} left out"
            yield f"{name} lied in {counted(one.rounds, 'round')} ({', '.join(one.how)}) and {found}. {_cost(one)}"
        elif one.planned:
            yield f"{name} was to lie, but published no result while it was."
        if one.accused_at:
            yield (
                f"{name} did not lie at step {_steps(one.accused_at)}, but its result was left out: in a group of "
                "three, two members that lie alike win."
            )


def _steps(steps: Sequence[int]) -> str:
    return ", ".join(map(str, steps[:10])) + (", ..." if len(steps) > 10 else "")


def _cost(one: Lie) -> str:
    paid = (
        f"The epochs in which it lied paid it {amount_text(one.paid)}, {amount_text(one.paid_for_lies)} of that "
        f"for the rounds in which it lied, and it was slashed {amount_text(one.slashed)}."
    )
    spoiled = f"Without checks, the weights of {counted(one.spoiled_steps, 'step')} would contain false results."
    costs = dict.fromkeys(_COSTS[how] for how in one.how)
    return " ".join([paid, *([spoiled] if one.spoiled_steps > 0 else []), *costs])
