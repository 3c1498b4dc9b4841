"""The batch size of a step in sequences, and the data index (sequence) at which a step starts.

The batch size grows linearly from ``global_batch_size_start`` to ``global_batch_size_end`` over the first
``global_batch_size_warmup_tokens`` tokens. The program computes it in 64-bit floats and rounds halves up. If the exact
value is halfway between two sizes, the float result can be slightly lower and round down: 1 + 225 * 2009 / 3690 is
exactly 123.5, but slightly less in floats. (For random small ramps, this happens about twice in a million values.) This
module therefore performs the same operations in the same order, which IEEE 754 guarantees to be reproducible. Exact
integer arithmetic would differ only in these cases.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from psyche_cli.limits import U64_MAX
from psyche_cli.run_config.problems import Problem, configuration_error


def batch_size(tokens: int, config: Mapping[str, Any]) -> int:
    """Batch size in sequences of the step that starts after ``tokens`` tokens (u64), by the program's formula."""
    start: int = config["global_batch_size_start"]
    end: int = config["global_batch_size_end"]
    warmup: int = config["global_batch_size_warmup_tokens"]
    if tokens >= warmup:
        return end
    size = start + (end - start) * (float(tokens) / float(warmup))
    whole = math.floor(size)
    return whole + 1 if size - whole >= 0.5 else whole


class Stage(NamedTuple):
    """Consecutive steps with the same batch size: the first one, its data index, the size, and the number of steps."""

    first_step: int
    data_index: int
    size: int
    steps: int


def stages(config: Mapping[str, Any], max_seq_len: int) -> Iterator[Stage]:
    """The steps that a run trains, which are 1 to ``total_steps`` − 1, grouped by batch size."""
    return stages_from(1, 0, config["total_steps"] - 1, config, max_seq_len)


def stages_from(step: int, index: int, last: int, config: Mapping[str, Any], max_seq_len: int) -> Iterator[Stage]:
    """The steps from ``step``, which starts at the data index ``index``, to ``last``, grouped by batch size."""
    while step <= last:
        size, count = batch_size(index * max_seq_len, config), last - step + 1
        # The batch size never decreases, so all steps with the same size are counted at once.
        if index * max_seq_len < config["global_batch_size_warmup_tokens"]:
            count = _steps_of_size(size, index, count, config, max_seq_len)
        yield Stage(step, index, size, count)
        step += count
        index += count * size


def data_index_after(index: int, steps: int, config: Mapping[str, Any], max_seq_len: int) -> int:
    """The data index after ``steps`` steps from the data index ``index``. Unlike the program, it does not overflow."""
    for stage in stages_from(1, index, steps, config, max_seq_len):
        index = stage.data_index + stage.steps * stage.size
    return index


def data_index_for_step(step: int, config: Mapping[str, Any], model: Mapping[str, Any]) -> int:
    """The data index (in sequences) at which ``step`` starts if all previous steps are trained; used for a restart.

    It is 0 for steps 0 and 1 and, as in the published client, for steps after ``total_steps``. The configuration must
    pass ``rules.check_run``.

    Raises ConfigurationError if the run would exceed 2^64 tokens before that step, where the program aborts.
    """
    if step <= 1 or step > config["total_steps"]:
        return 0
    max_seq_len: int = model["LLM"]["max_seq_len"]
    index = 0
    for stage in stages(config, max_seq_len):
        index = stage.data_index + min(stage.steps, step - stage.first_step) * stage.size
        if index * max_seq_len > U64_MAX:
            message = f"step {step} starts after more than 2^64 tokens, which the program cannot count"
            raise configuration_error(
                [Problem("progress.step", "DataIndex", message)],
                subject="The step to restart from",
                hint="Use an earlier step, or reduce the batch sizes or max_seq_len.",
            )
        if stage.first_step + stage.steps >= step:
            break
    return index


def _steps_of_size(size: int, index: int, left: int, config: Mapping[str, Any], max_seq_len: int) -> int:
    """How many of the next ``left`` steps, starting at ``index``, have the batch size ``size``: at least 1."""
    if size == 0:
        return left  # The rules exclude a size of 0, with which the index would never advance.
    return bisect.bisect_right(
        range(left), size, key=lambda count: batch_size((index + count * size) * max_seq_len, config)
    )
