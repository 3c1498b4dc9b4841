"""Comparison of a recorded instruction with the configuration rules of the command line, without the model."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from psyche_cli.model import instructions as steps
from psyche_cli.model.coordinator_model import apply
from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_config import rules
from psyche_cli.run_config.problems import Problem

from .call_reader import InitCoordinator
from .chain import ABORT, Code
from .differential import program_lines
from .recorded_answers import Moment
from .recorded_model import Question, clock_of, coordinator_lines

CONFIG_REFUSED, MODEL_REFUSED, PROGRESS_REFUSED = 6004, 6005, 6006
ACCEPTED, SEVERAL = "accepted", "several rules broken"
MODEL_LOGS = {
    "MaxSeqLen": "model check failed: max_seq_len is 0.",
    "DataLocation": "model check failed: bad LLM training data location.",
    "Checkpoint": "model check failed: bad checkpoint",
    "Optimizer": "model check failed: bad optimizer",
}
"""The program's log lines for a model that violates a rule."""


def complaint(logs: tuple[str, ...]) -> str:
    """The rule of the model that a log names."""
    lines = program_lines(logs)
    return next((rule for rule, line in MODEL_LOGS.items() if line in lines), "")


def rules_disagreement(question: Question, moment: Moment, tally: Counter[str]) -> str:
    """The differences between the rules and the recorded outcome: acceptance, error code and reason.

    ``tally`` counts accepted configurations, and rejected ones by the only key that violates a rule.
    """
    state, answer = question.state, moment.answer
    for call in question.calls:
        assert state is not None or isinstance(call, InitCoordinator)
        if state is None or isinstance(call, InitCoordinator):
            return ""
        if _is_judged(state, call):
            problems = _problems(state, call)
            if problems:
                code, named = _code(problems[0], call), complaint(coordinator_lines(answer.logs))
                tally[problems[0].key if len(problems) == 1 else SEVERAL] += 1
                agreed = answer.code == code and named in ("", problems[0].rule)
                return "" if agreed else f"{code} for {problems}, recorded {answer.code} for {named!r}"
            tally[ACCEPTED] += 1
        outcome = apply(state, call, question.signer, clock_of(moment))
        if not outcome.succeeded:
            break
        state = outcome.state
    refused = answer.code in (CONFIG_REFUSED, MODEL_REFUSED, PROGRESS_REFUSED)
    return f"accepted, recorded {answer.code}" if refused else ""


def _is_judged(state: CoordinatorState, call: steps.Instruction) -> bool:
    """Whether the program reaches its checks of the configuration."""
    if isinstance(call, steps.SetPaused):
        return not call.paused
    given = isinstance(call, steps.Update) and replace(call, metadata=None) != steps.Update()
    return given and state.run_state.is_halted and state.run_state != RunState.FINISHED


def _problems(state: CoordinatorState, call: steps.Instruction) -> list[Problem]:
    if isinstance(call, steps.SetPaused):
        fresh = state.run_state == RunState.UNINITIALIZED  # A first start sets the step.
        return rules.check_run(state.config, state.model) + ([] if fresh else rules.check_progress(state.progress))
    assert isinstance(call, steps.Update)
    problems = rules.check_config(call.config) if call.config else []
    problems += rules.check_model(call.model) if call.model else []
    if not problems and (call.config or call.model):
        problems += rules.check_cold_start(call.config or state.config, call.model or state.model)
    return problems + (rules.check_progress(call.progress) if call.progress else [])


def _code(problem: Problem, call: steps.Instruction) -> Code:
    if problem.rule == rules.PROGRESS:
        return PROGRESS_REFUSED if isinstance(call, steps.SetPaused) else MODEL_REFUSED
    if problem.rule == rules.COLD_START and "is undefined" in problem.message:
        return ABORT
    return MODEL_REFUSED if problem.rule in MODEL_LOGS else CONFIG_REFUSED
