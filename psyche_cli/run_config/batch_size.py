"""How many sequences a step takes, and at which sequence a step starts.

The batch size grows linearly from ``global_batch_size_start`` to ``global_batch_size_end`` over the first
``global_batch_size_warmup_tokens`` tokens. The program computes this in 64-bit floats, and where the exact value lies
half way between two sizes those may fall to the other side: 1 + 225 * 2009 / 3690 is exactly 123.5, in floats a little
less. (Among random small ramps this happens about twice in a million values.) So the same operations are done here, in
the same order; IEEE 754 makes them give the same bits everywhere. Formulas in integers, half away from zero, differ
only there.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping
from typing import Any

from psyche_cli.limits import U64_MAX
from psyche_cli.run_config.problems import Problem, configuration_error


def batch_size(tokens: int, config: Mapping[str, Any]) -> int:
    """Sequences of the step that starts after ``tokens`` tokens (u64), by the coordinator program's formula."""
    start: int = config["global_batch_size_start"]
    end: int = config["global_batch_size_end"]
    warmup: int = config["global_batch_size_warmup_tokens"]
    if tokens >= warmup:
        return end
    size = start + (end - start) * (float(tokens) / float(warmup))
    whole = math.floor(size)
    return whole + 1 if size - whole >= 0.5 else whole


def data_index_for_step(step: int, config: Mapping[str, Any], model: Mapping[str, Any]) -> int:
    """The sequence at which ``step`` starts when a run goes through all steps before it, as for a restart.

    0 for the steps 0 and 1, and, as in the published client, for steps after ``total_steps``. The configuration must
    pass ``rules.check_run``.

    Raises ConfigurationError when the run would pass 2^64 tokens before that, where the program aborts.
    """
    if step <= 1 or step > config["total_steps"]:
        return 0
    max_seq_len: int = model["LLM"]["max_seq_len"]
    index, left = 0, step - 1
    while left > 0:
        size = batch_size(index * max_seq_len, config)
        # Sizes never shrink while tokens grow, so all steps of one size are taken at once.
        count = left
        if index * max_seq_len < config["global_batch_size_warmup_tokens"]:
            count = _steps_of_size(size, index, left, config, max_seq_len)
        index += count * size
        left -= count
        if index * max_seq_len > U64_MAX:
            message = f"step {step} exceeds 2^64 tokens, more than the program can count"
            raise configuration_error(
                [Problem("progress.step", "DataIndex", message)],
                subject="The step to restart from",
                hint="Use an earlier step, or reduce the batch sizes or max_seq_len.",
            )
    return index


def _steps_of_size(size: int, index: int, left: int, config: Mapping[str, Any], max_seq_len: int) -> int:
    """How many of the next ``left`` steps from ``index`` on have the batch size ``size``: at least 1."""
    if size == 0:
        return left  # A size of 0 (which the rules exclude) never moves on.
    return bisect.bisect_right(
        range(left), size, key=lambda count: batch_size((index + count * size) * max_seq_len, config)
    )
