"""Which conditions of the machine ``psyche-run``, or ``psyche-run-older`` for an OlderState, hold at a given time."""

from __future__ import annotations

from psyche_cli.model.committee import expected_witnesses, quorum
from psyche_cli.model.older import is_last_round
from psyche_cli.model.outcomes import Abort
from psyche_cli.model.states import CoordinatorState, OlderState
from psyche_cli.model.transitions import last_step, steps_left, timed_out
from psyche_cli.protocol.run_states import ClientState, RunState
from psyche_cli.run_config.rules import check_run

_TIMERS = {
    RunState.WAITING_FOR_MEMBERS: ("extra-wait-over", "waiting_for_members_extra_time"),
    RunState.WARMUP: ("warmup-over", "warmup_time"),
    RunState.ROUND_TRAIN: ("train-over", "max_round_train_time"),
    RunState.ROUND_WITNESS: ("witness-over", "round_witness_time"),
    RunState.COOLDOWN: ("cooldown-over", "cooldown_time"),
}


def facts_of(state: CoordinatorState, now: int) -> dict[str, bool]:
    """Each condition that can be decided in the run's state, and whether it holds at ``now``, in Unix seconds.

    Conditions about a round, in RoundWitness, are those at the end of that round. The account does not show whether
    the run has a treasurer.
    """
    facts = {"steps-left": _steps_left(state), "pause-pending": state.pending_pause}
    if state.run_state in _TIMERS:
        name, key = _TIMERS[state.run_state]
        facts[name] = _is_over(state, state.config[key], now)
    if state.run_state.is_halted:
        facts["valid-config"] = not check_run(state.config, state.model)
    if state.run_state == RunState.WAITING_FOR_MEMBERS:
        joined = sum(client.active == state.next_active for client in state.clients)
        facts["enough-members"] = joined >= state.config["init_min_clients"]
    if state.run_state in (RunState.WARMUP, RunState.ROUND_TRAIN):
        reported = len(state.current_round.witnesses)
        name = "warmup-reported" if state.run_state == RunState.WARMUP else "all-witnessed"
        facts[name] = reported >= expected_witnesses(state.config, len(state.epoch.clients))
    if state.run_state in (RunState.WARMUP, RunState.ROUND_WITNESS):
        healthy = sum(client.state == ClientState.HEALTHY for client in state.epoch.clients)
        facts["too-few-clients"] = healthy < state.config["min_clients"]
    if state.run_state == RunState.ROUND_WITNESS:
        witnesses = len(state.current_round.witnesses)
        facts["no-witnesses"] = witnesses == 0
        facts["below-quorum"] = witnesses > 0 and witnesses < quorum(witnesses, state.config)
        facts["last-round"] = _is_last_round(state, now)
    if isinstance(state, OlderState):
        _correct_for_older_rules(facts, state)
    return facts


def _correct_for_older_rules(facts: dict[str, bool], state: OlderState) -> None:
    if state.run_state == RunState.ROUND_WITNESS:
        facts["below-quorum"] = facts.pop("no-witnesses") or facts["below-quorum"]
        facts["last-round"] = is_last_round(state)
    if state.run_state == RunState.COOLDOWN:
        facts["cooldown-over"] = facts["cooldown-over"] and state.config["cooldown_time"] > 0
        facts["checkpoint-recorded"] = state.checkpointed


def given_facts(facts: dict[str, bool]) -> list[str]:
    """The facts in the form that ``outlooks`` takes: with the prefix ``not-`` for those that do not hold."""
    return [name if holds else f"not-{name}" for name, holds in facts.items()]


def _steps_left(state: CoordinatorState) -> bool:
    """Whether steps are left: for a new run, which starts with step 1, and at the end of a round after its step."""
    if state.run_state == RunState.UNINITIALIZED:
        return state.config["total_steps"] > 1
    if state.run_state == RunState.ROUND_WITNESS:
        return state.step + 1 < state.config["total_steps"]
    return steps_left(state)


def _is_last_round(state: CoordinatorState, now: int) -> bool:
    try:
        return last_step(state, state.step + 1, now) == state.step + 1
    except Abort:
        return False


def _is_over(state: CoordinatorState, duration: int, now: int) -> bool:
    try:
        return timed_out(state, duration, now)
    except Abort:  # the time is beyond the range of the clock
        return False
