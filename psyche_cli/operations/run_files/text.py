"""Plans as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psyche_cli.amounts import format_amount, format_sol
from psyche_cli.operations.config.payloads import ChangedValue
from psyche_cli.operations.run_files.payloads import PlanData, StepData
from psyche_cli.operations.run_files.review import shown

_OF_TOKENS = ("rewards.earning_rate", "rewards.slashing_rate", "funding.vault")
"""Keys whose values are base units."""


def summary_of(data: PlanData, *, is_short: bool = False) -> str:
    """The plan in one sentence. ``is_short`` is whether the vault lacks something afterwards."""
    end = ", except for its funding." if is_short else "."
    migration = data.migration
    if data.obstacles:
        count = "1 obstacle" if len(data.obstacles) == 1 else f"{len(data.obstacles)} obstacles"
        if migration is not None:
            return f"Run {migration.run_id} cannot be migrated: {count}."
        return f"Run {data.run_id} cannot be made to match its file: {count}."
    number = len(data.steps)
    if migration is not None and data.steps:
        count = "1 step migrates" if number == 1 else f"{number} steps migrate"
        return f"{count} run {migration.run_id} to run {data.run_id}."
    if not data.steps:
        return f"Run {data.run_id} matches its file{end}"
    return f"{'1 step makes' if number == 1 else f'{number} steps make'} run {data.run_id} match its file{end}"


def costs_of(data: PlanData) -> tuple[tuple[str, str], ...]:
    """What the plan costs, as rows."""
    if not data.steps:
        return ()
    rows = [
        ("transactions", str(data.transactions)),
        ("fees", f"{format_sol(data.fee_lamports)} SOL"),
        ("rent", f"{format_sol(data.rent_lamports)} SOL"),
    ]
    if data.migration is not None and data.migration.recovered_lamports > 0:
        recovered = format_sol(data.migration.recovered_lamports)
        rows[-1] = (
            "rent",
            f"{format_sol(data.rent_lamports)} SOL, beyond the {recovered} SOL of run {data.migration.run_id}",
        )
        if data.rent_lamports < 0:
            returned = format_sol(-data.rent_lamports)
            rows[-1] = ("rent", f"{returned} SOL of the {recovered} SOL of run {data.migration.run_id} are returned")
    if data.collateral > 0:
        rows.append(("collateral", format_amount(data.collateral, data.decimals)))
    return tuple(rows)


def lines_of(data: PlanData) -> Iterator[str]:
    """The obstacles and the steps with their changes."""
    for obstacle in data.obstacles:
        yield f"  Obstacle: {obstacle.key}: {obstacle.message}."
    if data.migration is not None and data.migration.state is not None and data.steps:
        yield f"  Compared with run {data.migration.run_id}:{'' if data.migration.changes else ' no difference'}"
        for change in data.migration.changes:
            yield f"       {change.key}: {shown(change.before)} -> {shown(change.after)}"
    yield from lines_of_steps(data.steps, data.decimals)


def lines_of_steps(steps: Sequence[StepData], decimals: int) -> Iterator[str]:
    """The steps with their changes; ``decimals`` are those of the collateral."""
    for number, step in enumerate(steps, 1):
        yield f"{number:>3}. {step.title}{_cost(step)}"
        for change in step.changes:
            yield f"       {change.key}: {change_text(change, decimals)}"
        if step.waits_for is not None:
            yield f"       until {step.waits_for}"


def change_text(change: ChangedValue, decimals: int) -> str:
    """A change as text, with amounts in whole tokens."""
    if change.key in _OF_TOKENS:
        return " -> ".join(format_amount(value, decimals) for value in _integers(change))
    return f"{shown(change.before)} -> {shown(change.after)}"


def _integers(change: ChangedValue) -> list[int]:
    return [value for value in (change.before, change.after) if isinstance(value, int)]


def _cost(step: StepData) -> str:
    parts = [f"fee {format_sol(step.fee_lamports)} SOL"] if step.fee_lamports > 0 else []
    if step.rent_lamports != 0:
        parts.append(f"rent {format_sol(step.rent_lamports)} SOL")
    return f" ({', '.join(parts)})" if parts else ""
