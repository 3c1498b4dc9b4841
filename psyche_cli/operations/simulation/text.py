"""The tables of a simulation, formatted for the width of a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from psyche_cli.amounts import format_amount
from psyche_cli.durations import format_duration
from psyche_cli.operations.rewards.payloads import CollateralAmount
from psyche_cli.operations.simulation.payloads import SimulatedEpoch, SimulatedState, SimulationData
from psyche_cli.operations.simulation.reasons import EPOCH_ENDS
from psyche_cli.operations.simulation.report import Setting

_EPOCH_HEADINGS = ("epoch", "starts after", "waits", "warmup", "trains", "cooldown", "rounds", "members", "paid", "end")
_STATE_HEADINGS = ("state", "starts after", "lasts", "epoch", "step", "members")
_PAID = 8
_LEAST_USEFUL = (5, 3, 2)
"""Columns of the epochs that are omitted on a narrow terminal, in this order."""


def outline(data: SimulationData) -> str:
    """The result in one sentence."""
    epochs = "1 epoch" if data.epochs == 1 else f"{data.epochs:,} epochs"
    members = "1 member" if data.clients == 1 else f"{data.clients} members"
    done = f"{data.steps:,} steps in {epochs} and {format_duration(data.seconds)} with {members}."
    return f"{done} {data.reason}"


def details(data: SimulationData, setting: Setting) -> Iterator[tuple[str, str]]:
    """The totals, as label-value pairs."""
    yield "ends in", f"{data.state}, at step {data.step:,}"
    yield "tokens", f"{data.tokens:,}"
    ticks = "someone ticks every second"
    yield "assumed", f"rounds of {data.train_seconds} s, warmup of {data.warmup_seconds} s, {ticks}"
    rewards, shown = data.rewards, _Amounts(setting)
    if rewards.per_epoch.base_units > 0 or rewards.vault_amount is not None:
        yield "rewards per epoch", f"at most {shown(rewards.per_epoch)}"
        yield "rewards paid", shown(rewards.paid)
    if rewards.vault_amount is not None and rewards.already_owed is not None:
        yield "vault", f"{shown(rewards.vault_amount)}, of which {shown(rewards.already_owed)} is already owed"
    if rewards.missing.base_units > 0 and not setting.funding.is_points:
        yield "funding needed", shown(rewards.missing)
    present = [member for member in data.members if member.joined]
    if rewards.paid.base_units > 0:
        earned = [member.earned.base_units for member in present]
        yield "each member earns", _span(shown, min(earned), max(earned))
    if data.svg is not None:
        yield "SVG", data.svg


@dataclass(frozen=True)
class _Amounts:
    """Shows amounts in the unit of the run."""

    setting: Setting

    def __call__(self, amount: CollateralAmount) -> str:
        unit = " points" if self.setting.funding.is_points else ""
        return f"{self.plain(amount.base_units)}{unit}"

    def plain(self, base_units: int) -> str:
        """An amount without its unit."""
        return format_amount(base_units, self.setting.funding.decimals)


def _span(shown: _Amounts, least: int, most: int) -> str:
    text = shown(shown.setting.amount(most))
    return text if least == most else f"{shown.plain(least)} to {text}"


@dataclass(frozen=True)
class SimulationText:
    """The text printed below the totals of a simulation."""

    data: SimulationData
    setting: Setting

    def __call__(self, width: int, utf8: bool) -> list[str]:
        """The lines for a terminal of ``width`` columns."""
        data, gap = self.data, "…" if utf8 else "..."
        amounts = _Amounts(self.setting)
        epochs = [_epoch_cells(epoch, amounts) for epoch in data.shown_epochs]
        states = [_state_cells(state) for state in data.shown_states]
        lines = []
        if epochs:
            headings, fitting = _fitting(epochs, width, with_rewards=data.rewards.per_epoch.base_units > 0)
            lines += [*_table(headings, fitting, _epoch_gaps(data.shown_epochs, gap), ("end",)), ""]
        hidden = data.states - len(states)
        gaps = {(len(states) + 1) // 2: f"{gap} {hidden:,} more states"} if hidden > 0 else {}
        return [*lines, *_table(_STATE_HEADINGS, states, gaps, ("state",))]


def _epoch_gaps(shown: Sequence[SimulatedEpoch], gap: str) -> dict[int, str]:
    """Lines in place of epochs that are not shown, by the number of rows before each line."""
    gaps = {}
    for at, (one, other) in enumerate(pairwise(shown), 1):
        hidden = other.epoch - one.epoch - 1
        if hidden > 0:
            gaps[at] = f"{gap} {hidden:,} more epoch{'s' if hidden > 1 else ''}"
    return gaps


def _epoch_cells(one: SimulatedEpoch, amounts: _Amounts) -> tuple[str, ...]:
    start = one.warmup_after if one.waiting_after is None else one.waiting_after
    left = f"{one.clients}" if one.clients == one.clients_left else f"{one.clients} to {one.clients_left}"
    trained = "-" if one.training_after is None else format_duration(one.cooldown_after - one.training_after)
    warmup = "-" if one.training_after is None else format_duration(one.training_after - one.warmup_after)
    return (
        f"{one.epoch:,}",
        format_duration(start) if start >= 0 else "earlier",
        "-" if one.waiting_after is None else format_duration(one.warmup_after - one.waiting_after),
        warmup,
        trained,
        format_duration(one.ended_after - one.cooldown_after),
        f"{one.rounds:,}",
        left,
        amounts.plain(one.paid.base_units),
        EPOCH_ENDS[one.end],
    )


def _state_cells(one: SimulatedState) -> tuple[str, ...]:
    return (
        one.state,
        format_duration(one.after) if one.after >= 0 else "earlier",
        format_duration(one.seconds),
        f"{one.epoch:,}",
        f"{one.step:,}",
        f"{one.clients}",
    )


def _fitting(
    rows: Sequence[tuple[str, ...]], width: int, *, with_rewards: bool
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The headings and columns of the epochs that fit the width, without the least useful ones."""
    kept = [at for at in range(len(_EPOCH_HEADINGS)) if with_rewards or at != _PAID]
    widths = _widths([_EPOCH_HEADINGS, *rows])
    for column in _LEAST_USEFUL:
        if sum(widths[at] + 2 for at in kept) - 2 > width:
            kept.remove(column)
    return tuple(_EPOCH_HEADINGS[at] for at in kept), [tuple(row[at] for at in kept) for row in rows]


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], gaps: Mapping[int, str], left: Sequence[str]
) -> list[str]:
    """A table with right-aligned columns, except ``left``. ``gaps`` are lines by the number of rows before them."""
    widths = _widths([headings, *rows])
    lines = []
    for at, row in enumerate((headings, *rows)):
        cells = [
            cell.ljust(width) if name in left else cell.rjust(width)
            for name, cell, width in zip(headings, row, widths, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
        if at in gaps:
            lines.append(gaps[at])
    return lines
