"""The learning rate at a step, computed with the formulas of the published client."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def learning_rate(step: int, schedule: Mapping[str, Any]) -> float:
    """The learning rate at ``step`` (from 0) in a complete ``lr_schedule`` such as ``{"Cosine": {...}}``.

    Every schedule starts with a linear warm-up from ``warmup_init_lr`` at step 0 to ``base_lr`` at ``warmup_steps``.
    The result is NaN where the client divides by zero: after the warm-up of a Cosine schedule with ``total_steps``
    equal to ``warmup_steps``.
    """
    [(kind, values)] = schedule.items()
    warmup: int = values["warmup_steps"]
    base: float = values["base_lr"]
    if step < warmup:
        return _line(values["warmup_init_lr"], base, step, warmup)
    after = step - warmup
    if kind == "Constant":
        return base
    if kind == "WarmupStableDecay":
        return _stable_then_decay(after, values)
    final: float = values["final_lr"]
    steps: int = values["total_steps"] - warmup
    if kind == "Linear":
        return final if after >= steps else _line(base, final, after, steps)
    return _cosine(base, final, after, steps) if steps != 0 else math.nan


def learning_rate_in_epoch(step: int, schedule: Mapping[str, Any], cold_start: int | None, warmup_steps: int) -> float:
    """The learning rate at ``step``, reduced for some steps after a cold start at the step ``cold_start``.

    After a cold start, it rises linearly from 0 over ``warmup_steps``, the configured ``cold_start_warmup_steps``.
    """
    rate = learning_rate(step, schedule)
    if cold_start is not None and step - cold_start < warmup_steps:
        rate *= (step - cold_start + 1) / (warmup_steps + 1)
    return rate


def _stable_then_decay(after: int, values: Mapping[str, Any]) -> float:
    """The rate ``after`` steps after the warm-up: constant, then cosine decay, then linear decay, then constant."""
    base, middle, last = (values[key] for key in ("base_lr", "cosine_decay_final_lr", "linear_decay_final_lr"))
    after -= values["stable_steps"]
    if after < 0:
        return float(base)
    if after < values["cosine_decay_steps"]:
        return _cosine(base, middle, after, values["cosine_decay_steps"])
    after -= values["cosine_decay_steps"]
    if after < values["linear_decay_steps"]:
        return _line(middle, last, after, values["linear_decay_steps"])
    return float(last)


def _line(first: float, last: float, step: int, steps: int) -> float:
    return first + (last - first) * step / steps


def _cosine(first: float, last: float, step: int, steps: int) -> float:
    return last + (first - last) * (0.5 * (1 + math.cos(math.pi * step / steps)))
