"""Preview the run that a configuration produces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from psyche_cli.amounts import format_amount
from psyche_cli.durations import format_duration
from psyche_cli.errors import UsageError
from psyche_cli.new_files import write_new_file
from psyche_cli.operations.config.durations import check_assumed_seconds
from psyche_cli.operations.config.payloads import EpochTimes, PreviewData, PreviewStep, RewardCost
from psyche_cli.operations.config.preview_text import PreviewText, curves
from psyche_cli.operations.config.reward_rate import RewardRate
from psyche_cli.operations.rewards.collateral import in_both_units
from psyche_cli.operations.rewards.payloads import CollateralAmount
from psyche_cli.plots import svg_plot
from psyche_cli.printable import printable
from psyche_cli.results import OperationResult
from psyche_cli.run_config.forecast import Forecast, slowest_pace
from psyche_cli.run_config.load import RunConfig

DAY: Final = 86_400
_MOST_STEPS: Final = 1_000
_STEPS_HINT: Final = "Use comma-separated step numbers, such as --steps 1,500,1000."
_SVG_POINTS: Final = 400


def preview(
    file: RunConfig,
    *,
    steps: str | None = None,
    train_seconds: int | None = None,
    find_rate: Callable[[], RewardRate] | None = None,
    svg: Path | None = None,
) -> OperationResult[PreviewData]:
    """Preview a run in which every RoundTrain takes ``train_seconds`` (None: its maximum duration).

    ``steps`` is a comma-separated list of the steps to show. ``find_rate`` returns the reward of each epoch, and
    is called once everything else is valid. ``svg`` is a new file for the curves.

    Raises UsageError.
    """
    check_assumed_seconds("--train-seconds", train_seconds, file.config, "max_round_train_time")
    forecast = Forecast(file.config, file.model, slowest_pace(file.config, train_seconds=train_seconds))
    shown = _parsed_steps(steps, forecast) if steps is not None else _default_steps(forecast)
    rate = find_rate() if find_rate else None
    rewards = None if rate is None else _rewards(rate, forecast)
    data = _data(file, forecast, shown, rewards, svg)
    if svg is not None:
        title = f"Preview of {printable(file.source.name)}"
        write_new_file(
            svg, svg_plot(curves(forecast, _SVG_POINTS), title=title, description=_outline(data)), what="the SVG file"
        )
    warnings = [f"{warning.where}: {warning.message} (warning {warning.rule})" for warning in file.warnings]
    if forecast.uncountable_step is not None:
        step = forecast.uncountable_step
        warnings.append(
            f"The program aborts before step {step:,}, because more than 2^64 tokens have been trained by then."
        )
    return OperationResult(
        summary=_summary(data),
        data=data,
        details=tuple(_details(data, rate)),
        warnings=tuple(warnings),
        body=PreviewText(data, forecast),
    )


def _parsed_steps(text: str, forecast: Forecast) -> list[int]:
    words = [word.strip() for word in text.split(",")]
    if len(words) > _MOST_STEPS or not all(word.isascii() and word.isdigit() and len(word) <= 10 for word in words):
        raise UsageError("--steps is not a list of step numbers.", hint=_STEPS_HINT)
    numbers = sorted({int(word) for word in words})
    for number in numbers:
        if not 1 <= number <= forecast.last_step:
            raise UsageError(
                f"Step {number} is never trained: the run trains steps 1 to {forecast.last_step}.", hint=_STEPS_HINT
            )
    return numbers


def _default_steps(forecast: Forecast) -> list[int]:
    """Steps at which the schedule changes, and those that divide the run into quarters."""
    last = forecast.last_step
    [schedule] = forecast.schedule.values()
    warm = schedule["warmup_steps"]
    bends = {warm, warm + schedule.get("stable_steps", 0)}
    bends.add(max(bends) + schedule.get("cosine_decay_steps", 0))
    bends.add(max(bends) + schedule.get("linear_decay_steps", 0))
    found = {1, *bends, forecast.full_size_step or 0, last // 4, last // 2, 3 * last // 4, last}
    return sorted(step for step in found if 1 <= step <= last)


def _data(
    file: RunConfig, forecast: Forecast, steps: list[int], rewards: RewardCost | None, svg: Path | None
) -> PreviewData:
    pace, seq = forecast.pace, forecast.max_seq_len
    return PreviewData(
        path=str(file.source),
        epoch=EpochTimes(
            waiting_seconds=pace.waiting,
            warmup_seconds=pace.warmup,
            train_seconds=pace.train,
            witness_seconds=pace.witness,
            cooldown_seconds=pace.cooldown,
            rounds=pace.rounds,
            seconds=pace.epoch,
        ),
        steps=forecast.last_step,
        epochs=forecast.epochs,
        seconds=forecast.seconds,
        tokens=forecast.tokens,
        tokens_per_step_at_start=forecast.stages[0].size * seq if forecast.stages else 0,
        tokens_per_step_at_end=forecast.stages[-1].size * seq if forecast.stages else 0,
        final_batch_size_step=forecast.full_size_step,
        shown_steps=tuple(
            PreviewStep(
                step=at.step,
                epoch=at.epoch,
                starts_after_seconds=at.seconds,
                batch_size=at.batch_size,
                tokens=at.batch_size * seq,
                tokens_before=at.tokens_before,
                learning_rate=at.learning_rate,
            )
            for at in map(forecast.at, steps)
        ),
        rewards=rewards,
        svg=None if svg is None else str(svg),
    )


def _rewards(rate: RewardRate, forecast: Forecast) -> RewardCost:
    each, decimals = rate.base_units, rate.decimals
    covered = None if rate.available is None or each == 0 else rate.available // each
    return RewardCost(
        run_id=rate.run_id,
        collateral_mint=rate.collateral_mint,
        per_epoch=in_both_units(each, decimals),
        per_day=in_both_units(-(-each * DAY // forecast.pace.epoch), decimals),
        whole_run=in_both_units(each * forecast.epochs, decimals),
        vault_available=None if rate.available is None else in_both_units(rate.available, decimals),
        covered_epochs=covered,
        covered_seconds=None if covered is None else covered * forecast.pace.epoch,
    )


def _summary(data: PreviewData) -> str:
    return f"{data.path}: {_outline(data)}"


def _outline(data: PreviewData) -> str:
    epochs = "1 epoch" if data.epochs == 1 else f"{data.epochs:,} epochs"
    return f"{data.steps:,} steps in {epochs}, {format_duration(data.seconds)} at this pace."


def _details(data: PreviewData, rate: RewardRate | None) -> list[tuple[str, str]]:
    epoch = data.epoch
    training = epoch.rounds * (epoch.train_seconds + epoch.witness_seconds)
    rounds = f"{epoch.rounds:,} rounds of {epoch.train_seconds} s + {epoch.witness_seconds} s"
    rows = [
        ("epoch", format_duration(epoch.seconds)),
        ("  waiting for members", f"{epoch.waiting_seconds} s or more"),
        ("  warmup", f"{epoch.warmup_seconds} s"),
        (
            "  training",
            f"{rounds} = {format_duration(training)}",
        ),
        ("  cooldown", f"{epoch.cooldown_seconds} s"),
        ("tokens per step", f"{data.tokens_per_step_at_start:,}"),
        ("total tokens", f"{data.tokens:,}"),
    ]
    if data.tokens_per_step_at_end != data.tokens_per_step_at_start:
        grown = f"{data.tokens_per_step_at_start:,}, growing to {data.tokens_per_step_at_end:,} at step "
        rows[5] = ("tokens per step", f"{grown}{data.final_batch_size_step:,}")
    if data.rewards is not None and rate is not None:
        rows += _reward_rows(data.rewards, rate)
    if data.svg is not None:
        rows.append(("SVG", data.svg))
    return rows


def _reward_rows(rewards: RewardCost, rate: RewardRate) -> Iterator[tuple[str, str]]:
    unit = " points" if rate.run_id is not None and rate.collateral_mint is None else ""

    def shown(amount: CollateralAmount) -> str:
        return f"{format_amount(amount.base_units, rate.decimals)}{unit}"

    yield "rewards per epoch", shown(rewards.per_epoch)
    yield "rewards per day", f"at most {shown(rewards.per_day)}"
    yield "total rewards", f"at most {shown(rewards.whole_run)}"
    if rewards.vault_available is not None:
        yield "left in the vault", shown(rewards.vault_available)
    if rewards.covered_epochs is not None and rewards.covered_seconds is not None:
        count = "1 epoch" if rewards.covered_epochs == 1 else f"{rewards.covered_epochs:,} epochs"
        yield "enough for", f"{count}, {format_duration(rewards.covered_seconds)} at this pace"
