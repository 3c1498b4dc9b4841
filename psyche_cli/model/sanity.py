"""The program's checks of config, model and progress, which stop at the first violated rule.

The rules themselves are those of ``run_config.rules``. The program logs nothing about ``config``.
"""

from __future__ import annotations

from collections.abc import Mapping

from psyche_cli.model.arithmetic import divide, subtract
from psyche_cli.model.execution import Execution
from psyche_cli.model.outcomes import ErrorCode, Refusal
from psyche_cli.model.states import PlainTable
from psyche_cli.run_config import rules

_MODEL_LOGS = {
    "MaxSeqLen": "model check failed: max_seq_len is 0.",
    "DataLocation": "model check failed: bad LLM training data location.",
    "Checkpoint": "model check failed: bad checkpoint",
    "Optimizer": "model check failed: bad optimizer",
}


def check_config(config: Mapping[str, int]) -> None:
    """Refuses (6004) a config that violates a rule."""
    if rules.check_config(config):
        raise Refusal(ErrorCode.CONFIG_SANITY_CHECK_FAILED)


def check_model(model: PlainTable, execution: Execution) -> None:
    """Refuses (6005) a model that violates a rule; logs the rule."""
    problems = rules.check_model(model)
    if problems:
        execution.log(_MODEL_LOGS[problems[0].rule])
        raise Refusal(ErrorCode.MODEL_SANITY_CHECK_FAILED)


def check_cold_start(config: Mapping[str, int], model: PlainTable, execution: Execution) -> None:
    """Refuses (6004) a cold-start warmup of the learning rate that is longer than an epoch; logs the numbers.

    Aborts if the rounds of an epoch cannot be computed: if a model is set before any config, all times are 0.
    """
    steps: int = model["LLM"]["cold_start_warmup_steps"]
    if steps == 0:
        return
    epoch, warmup, train = (config[key] for key in ("epoch_time", "warmup_time", "max_round_train_time"))
    rounds = divide(subtract(epoch, warmup), train)
    if steps > rounds:
        execution.log(
            f"cold_start_warmup_steps ({steps}) exceeds estimated training rounds per epoch "
            f"((epoch_time={epoch} - warmup_time={warmup}) / max_round_train_time={train} = {rounds})"
        )
        raise Refusal(ErrorCode.CONFIG_SANITY_CHECK_FAILED)


def check_progress(progress: Mapping[str, int], code: ErrorCode) -> None:
    """Refuses a step of 0 with ``code``, which in the program differs between an update and a resume."""
    if progress["step"] == 0:
        raise Refusal(code)
