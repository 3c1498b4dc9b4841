"""Forecast of a run from its configuration: the duration of an epoch, its rounds, and the state of training at any
step.

Assumes that there are always enough members, and that nobody pauses the run.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from psyche_cli.limits import ROUNDS_AFTER_EPOCH_TIME, U64_MAX
from psyche_cli.run_config.batch_size import Stage, stages
from psyche_cli.run_config.learning_rate import learning_rate

SHORTEST_EPOCH_ROUNDS: Final = 1 + ROUNDS_AFTER_EPOCH_TIME
"""Rounds of an epoch whose ``epoch_time`` has passed when the first round ends."""


@dataclass(frozen=True)
class Pace:
    """The duration of each state of an epoch, in seconds, and the number of rounds in an epoch."""

    waiting: int
    warmup: int
    train: int
    witness: int
    cooldown: int
    rounds: int

    @property
    def round(self) -> int:
        """The duration of a round, in seconds."""
        return self.train + self.witness

    @property
    def between_rounds(self) -> int:
        """The part of an epoch in which nothing is trained, in seconds."""
        return self.waiting + self.warmup + self.cooldown

    @property
    def epoch(self) -> int:
        """The time from the end of an epoch to the end of the next one, in seconds."""
        return self.between_rounds + self.rounds * self.round


def slowest_pace(config: Mapping[str, Any], *, train_seconds: int | None = None) -> Pace:
    """The pace if every state takes its maximum duration, except that RoundTrain takes ``train_seconds`` if given.

    A Warmup of 0 seconds takes one second, because a state never times out in the second in which it was entered.
    ``epoch_time`` starts with Warmup and is checked when a round ends, after which two more rounds follow.
    """
    warmup = max(config["warmup_time"], 1)
    train = config["max_round_train_time"] if train_seconds is None else train_seconds
    witness = config["round_witness_time"]
    left = config["epoch_time"] - warmup
    noticed = max(-(-left // (train + witness)), 1)
    return Pace(
        waiting=config["waiting_for_members_extra_time"],
        warmup=warmup,
        train=train,
        witness=witness,
        cooldown=config["cooldown_time"],
        rounds=noticed + ROUNDS_AFTER_EPOCH_TIME,
    )


@dataclass(frozen=True)
class StepForecast:
    """A step: its epoch (from 0), its start in seconds from the start of the run, its batch size and its learning
    rate."""

    step: int
    epoch: int
    seconds: int
    batch_size: int
    tokens_before: int
    learning_rate: float


class Forecast:
    """The course of a run at a given pace. Its configuration must pass ``rules.check_run``."""

    def __init__(self, config: Mapping[str, Any], model: Mapping[str, Any], pace: Pace) -> None:
        llm = model["LLM"]
        self.pace = pace
        self.max_seq_len: int = llm["max_seq_len"]
        self.schedule: Mapping[str, Any] = llm["lr_schedule"]
        self.last_step: int = config["total_steps"] - 1
        """The last step that is trained; 0 if there is none."""
        self.stages: list[Stage] = list(stages(config, self.max_seq_len))
        self._first_steps = [stage.first_step for stage in self.stages]

    @property
    def epochs(self) -> int:
        """The number of epochs in the run."""
        return -(-self.last_step // self.pace.rounds)

    @property
    def seconds(self) -> int:
        """The duration of the run, in seconds."""
        return self.epochs * self.pace.between_rounds + self.last_step * self.pace.round

    @property
    def tokens(self) -> int:
        """The number of tokens trained in the run."""
        if not self.stages:
            return 0
        last = self.stages[-1]
        return (last.data_index + last.steps * last.size) * self.max_seq_len

    @property
    def full_size_step(self) -> int | None:
        """The first step with the largest batch size that the run reaches; None if no step is trained."""
        return self.stages[-1].first_step if self.stages else None

    @cached_property
    def uncountable_step(self) -> int | None:
        """The first step that starts after more than 2^64 − 1 tokens, where the program aborts, or None."""
        return uncountable_step(self.stages, self.max_seq_len)

    def stage_of(self, step: int) -> Stage:
        """The stage that a step from 1 to ``last_step`` belongs to."""
        return self.stages[bisect.bisect_right(self._first_steps, step) - 1]

    def at(self, step: int) -> StepForecast:
        """The forecast for a step from 1 to ``last_step``."""
        stage = self.stage_of(step)
        index = stage.data_index + (step - stage.first_step) * stage.size
        epoch, round_of_epoch = divmod(step - 1, self.pace.rounds)
        return StepForecast(
            step=step,
            epoch=epoch,
            seconds=epoch * self.pace.epoch + self.pace.waiting + self.pace.warmup + round_of_epoch * self.pace.round,
            batch_size=stage.size,
            tokens_before=index * self.max_seq_len,
            learning_rate=learning_rate(step, self.schedule),
        )


def uncountable_step(of_run: Iterable[Stage], max_seq_len: int) -> int | None:
    """The first step that starts after more than 2^64 − 1 tokens, where the program aborts; None if there is none."""
    limit = U64_MAX // max_seq_len
    for stage in of_run:
        left = limit - stage.data_index
        if left < 0:
            return stage.first_step
        if (stage.steps - 1) * stage.size > left:
            return stage.first_step + left // stage.size + 1
    return None


def exceeds_token_limit(config: Mapping[str, Any], max_seq_len: int) -> bool:
    """Whether a run has a step that starts after more than 2^64 − 1 tokens. The configuration must pass all rules."""
    before_last = max(config["total_steps"] - 2, 0)
    limit = U64_MAX // max_seq_len
    if before_last * config["global_batch_size_end"] <= limit:
        return False
    if before_last * config["global_batch_size_start"] > limit:
        return True
    return uncountable_step(stages(config, max_seq_len), max_seq_len) is not None
