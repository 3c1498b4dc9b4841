"""What a trainer takes from the table ``[model]`` of a run's configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from psyche_cli.run_config.learning_rate import learning_rate_in_epoch

LONGEST_SEQUENCE: Final = 1024
"""Sequences are cut to this number of bytes."""

MOST_BYTES: Final = 4096
"""The maximum number of bytes that a member trains in a round; it leaves out further sequences of its share."""


class Distro(NamedTuple):
    """The section ``optimizer.Distro``: compressed updates, of which every member applies the sign of the sum."""

    decay: float
    kept: int
    chunk: int
    signs_only: bool
    weight_decay: float
    largest_norm: float | None


class AdamW(NamedTuple):
    """The section ``optimizer.AdamW``: full gradients, of which every member applies the mean."""

    betas: tuple[float, float]
    eps: float
    weight_decay: float
    largest_norm: float | None


class Options(NamedTuple):
    """Settings of a run for its trainers. ``sequence_bytes`` is max_seq_len, at most LONGEST_SEQUENCE."""

    sequence_bytes: int
    max_seq_len: int
    schedule: Mapping[str, Any]
    cold_start_steps: int
    optimizer: Distro | AdamW

    def trained(self, sequences: range) -> range:
        """The sequences of a share that are trained: the first MOST_BYTES of it."""
        return sequences[: max(1, MOST_BYTES // self.sequence_bytes)]

    def rate(self, step: int, cold_start: int | None = None) -> float:
        """The learning rate at ``step`` of an epoch with a cold start at the step ``cold_start``, if it has one.

        Where the published client divides by zero, it is 0.
        """
        rate = learning_rate_in_epoch(step, self.schedule, cold_start, self.cold_start_steps)
        return rate if math.isfinite(rate) else 0.0


def options_of(model: Mapping[str, Any], text_bytes: int, context: int) -> Options:
    """The options of the table ``[model]``; a short text shortens the sequences. ValueError for optimizer Dummy."""
    settings = model["LLM"]
    length = min(settings["max_seq_len"], LONGEST_SEQUENCE, text_bytes - context)
    return Options(
        length,
        settings["max_seq_len"],
        settings["lr_schedule"],
        settings["cold_start_warmup_steps"],
        _optimizer(settings["optimizer"]),
    )


def _optimizer(section: Mapping[str, Any] | str) -> Distro | AdamW:
    if isinstance(section, str):
        # The program refuses such a run.
        raise ValueError(f"the optimizer {section} cannot train")
    [(kind, values)] = section.items()
    norm, decay = values.get("clip_grad_norm"), values.get("weight_decay") or 0.0
    if kind == "AdamW":
        first, second = values["betas"]
        return AdamW((first, second), values["eps"], decay, norm)
    return Distro(
        values["compression_decay"],
        max(1, values["compression_topk"]),
        max(1, values["compression_chunk"]),
        values["quantize_1bit"],
        decay,
        norm,
    )
