"""Every machine against a literal table of its states, transitions, actors and guards, written from its sources.

A row of a table is ``source > target | trigger | actors | guards``. ``-`` is the creation or the removal, and a guard
with the prefix ``not-`` must not hold.
"""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from psyche_cli.lifecycle.machine import Machine, Possibility, outlooks
from psyche_cli.lifecycle.machines import MACHINES

RUN_STATES = "Uninitialized WaitingForMembers Warmup RoundTrain RoundWitness Cooldown Finished Paused"
BEFORE_COOLDOWN = """
- > Uninitialized | init_coordinator | anyone |
Uninitialized > WaitingForMembers | set_paused(false) | owner | valid-config steps-left
Paused > WaitingForMembers | set_paused(false) | owner | valid-config steps-left
WaitingForMembers > Warmup | tick | anyone | enough-members extra-wait-over
WaitingForMembers > Paused | set_paused(true) | owner |
Warmup > Paused | set_paused(true) | owner |
Warmup > RoundTrain | tick | anyone | warmup-over
Warmup > RoundTrain | warmup_witness | member | warmup-reported
Warmup > WaitingForMembers | tick | anyone | too-few-clients steps-left
Warmup > Finished | tick | anyone | too-few-clients not-steps-left
RoundTrain > RoundWitness | tick | anyone | train-over
RoundTrain > RoundWitness | witness | member | all-witnessed
RoundTrain > RoundTrain | set_paused(true) | owner |
RoundWitness > RoundWitness | set_paused(true) | owner |
Cooldown > Cooldown | set_paused(true) | owner |
Uninitialized > - | free_coordinator | owner | not-has-treasurer
Paused > - | free_coordinator | owner | not-has-treasurer
Finished > - | free_coordinator | owner | not-has-treasurer
"""
PSYCHE_RUN = (
    BEFORE_COOLDOWN
    + """
RoundWitness > RoundTrain | tick | anyone | witness-over steps-left not-no-witnesses not-last-round \
not-too-few-clients not-below-quorum not-pause-pending
RoundWitness > Cooldown | tick | anyone | witness-over no-witnesses
RoundWitness > Cooldown | tick | anyone | witness-over last-round
RoundWitness > Cooldown | tick | anyone | witness-over too-few-clients
RoundWitness > Cooldown | tick | anyone | witness-over below-quorum
RoundWitness > Cooldown | tick | anyone | witness-over not-steps-left
RoundWitness > Cooldown | tick | anyone | witness-over pause-pending
Cooldown > WaitingForMembers | tick | anyone | cooldown-over steps-left not-pause-pending
Cooldown > Finished | tick | anyone | cooldown-over not-steps-left not-pause-pending
Cooldown > Paused | tick | anyone | cooldown-over pause-pending
"""
)
OLDER = (
    BEFORE_COOLDOWN
    + """
RoundWitness > RoundTrain | tick | anyone | witness-over steps-left not-last-round not-too-few-clients \
not-below-quorum not-pause-pending
RoundWitness > Cooldown | tick | anyone | witness-over last-round
RoundWitness > Cooldown | tick | anyone | witness-over too-few-clients
RoundWitness > Cooldown | tick | anyone | witness-over below-quorum
RoundWitness > Cooldown | tick | anyone | witness-over not-steps-left
RoundWitness > Cooldown | tick | anyone | witness-over pause-pending
Cooldown > Cooldown | checkpoint | member | allowed-checkpointer not-checkpoint-recorded
Cooldown > WaitingForMembers | tick | anyone | cooldown-over steps-left not-pause-pending
Cooldown > WaitingForMembers | tick | anyone | checkpoint-recorded steps-left not-pause-pending
Cooldown > Finished | tick | anyone | cooldown-over not-steps-left not-pause-pending
Cooldown > Finished | tick | anyone | checkpoint-recorded not-steps-left not-pause-pending
Cooldown > Paused | tick | anyone | cooldown-over pause-pending
Cooldown > Paused | tick | anyone | checkpoint-recorded pause-pending
"""
)
CRYNUX_STATES = (
    "Queued Started ParametersUploaded ErrorReported ScoreReady Validated GroupValidated EndInvalidated EndSuccess "
    "EndAborted EndGroupRefund EndGroupSuccess"
)
CRYNUX = """
- > Queued | task created | application | not-node-free
- > Started | task created | application | node-free
Queued > Started | node becomes free | chain | node-free
Queued > EndAborted | abort | application |
Queued > EndAborted | task dropped | chain | queue-overflow
Started > ParametersUploaded | parameters uploaded | relay |
ParametersUploaded > ScoreReady | score submitted | selected node |
ParametersUploaded > ErrorReported | error reported | selected node |
ScoreReady > Validated | single validation | application | not-in-group
ScoreReady > GroupValidated | group validation | application | in-group group-validated
ScoreReady > EndGroupRefund | group validation | application | in-group group-refunded
ScoreReady > EndInvalidated | group validation | application | in-group group-invalidated
ScoreReady > EndAborted | group validation | application | in-group group-aborted
ErrorReported > EndAborted | single validation | application | not-in-group
ErrorReported > EndAborted | group validation | application | in-group group-aborted
ErrorReported > EndInvalidated | group validation | application | in-group group-invalidated
EndAborted > EndAborted | group validation | application | in-group
Validated > EndSuccess | result uploaded | relay |
GroupValidated > EndGroupSuccess | result uploaded | relay |
Started > EndAborted | abort | application, selected node | timeout-passed
ParametersUploaded > EndAborted | abort | application, selected node | timeout-passed
ErrorReported > EndAborted | abort | application, selected node | timeout-passed
ScoreReady > EndAborted | abort | application, selected node | timeout-passed
Validated > EndAborted | abort | application, selected node | timeout-passed
GroupValidated > EndAborted | abort | application, selected node | timeout-passed
"""
WORKER_STATES = "INIT HANDSHAKE READY EXECUTING TERMINATED FAULTED CANCELLED"
WORKER = """
- > INIT | SubmitRun | user |
INIT > HANDSHAKE | worker started | dispatcher | slots-free
HANDSHAKE > READY | RegisterWorker | worker | capabilities-accepted
READY > EXECUTING | first telemetry | worker |
READY > TERMINATED | worker exits | worker | exit-code-0 not-cancel-requested
EXECUTING > TERMINATED | worker exits | worker | exit-code-0 not-cancel-requested
HANDSHAKE > FAULTED | start failed | dispatcher | not-cancel-requested
HANDSHAKE > FAULTED | no handshake | daemon | handshake-late group-gone not-cancel-requested
HANDSHAKE > FAULTED | worker exits | daemon | not-cancel-requested
READY > FAULTED | worker exits | daemon | not-exit-code-0 not-cancel-requested
EXECUTING > FAULTED | worker exits | daemon | not-exit-code-0 not-cancel-requested
HANDSHAKE > FAULTED | no heartbeat | daemon | silent group-gone not-cancel-requested
READY > FAULTED | no heartbeat | daemon | silent group-gone not-cancel-requested
EXECUTING > FAULTED | no heartbeat | daemon | silent group-gone not-cancel-requested
HANDSHAKE > FAULTED | worker lost | daemon | not-cancel-requested
READY > FAULTED | worker lost | daemon | not-cancel-requested
EXECUTING > FAULTED | worker lost | daemon | not-cancel-requested
INIT > CANCELLED | CancelRun | user |
HANDSHAKE > CANCELLED | CancelRun | user | cancel-requested group-gone
READY > CANCELLED | CancelRun | user | cancel-requested group-gone
EXECUTING > CANCELLED | CancelRun | user | cancel-requested group-gone
HANDSHAKE > INIT | daemon restarted | daemon | group-gone not-cancel-requested
READY > INIT | daemon restarted | daemon | group-gone not-cancel-requested
"""
TABLES = {
    "psyche-run": (RUN_STATES, "Finished", PSYCHE_RUN),
    "psyche-run-older": (RUN_STATES, "Finished", OLDER),
    "crynux-task": (
        CRYNUX_STATES,
        "EndInvalidated EndSuccess EndAborted EndGroupRefund EndGroupSuccess",
        CRYNUX,
    ),
    "worker": (WORKER_STATES, "TERMINATED FAULTED CANCELLED", WORKER),
}
NUMBERED = ("psyche-run", "psyche-run-older", "crynux-task")
EACH = pytest.mark.parametrize("name", TABLES)


def rows(machine: Machine) -> list[str]:
    """The transitions of a machine in the form of the tables."""
    return [
        f"{one.source or '-'} > {one.target or '-'} | {one.trigger} | {', '.join(one.actors)} | "
        f"{' '.join([*one.requires, *(f'not-{name}' for name in one.excludes)])}".strip()
        for one in machine.transitions
    ]


def test_there_is_a_table_for_each_machine() -> None:
    assert TABLES.keys() == MACHINES.keys()


@EACH
def test_the_states_are_those_of_the_sources(name: str) -> None:
    states, ends, _ = TABLES[name]
    machine = MACHINES[name]
    assert [state.name for state in machine.states] == states.split()
    assert [state.name for state in machine.states if state.is_end] == ends.split()
    numbers = list(range(len(machine.states))) if name in NUMBERED else [None] * len(machine.states)
    assert [state.number for state in machine.states] == numbers
    assert all(state.meaning and state.advice for state in machine.states)


@EACH
def test_the_transitions_are_those_of_the_sources(name: str) -> None:
    table = [line for line in TABLES[name][2].splitlines() if line]
    found = rows(MACHINES[name])
    assert sorted(map(normal, found)) == sorted(map(normal, table))
    assert max(Counter(map(normal, found)).values()) == 1


def normal(row: str) -> tuple[str, ...]:
    """A row with its guards in alphabetical order."""
    *ends, guards = (part.strip() for part in row.split("|"))
    return (*ends, *sorted(guards.split()))


@EACH
def test_a_move_is_valid_if_and_only_if_the_table_has_it(name: str) -> None:
    machine = MACHINES[name]
    moves = {normal(line)[0] for line in TABLES[name][2].splitlines() if line}
    names = [None, *machine.states_by_name]
    allowed = {f"{a or '-'} > {b or '-'}" for a, b in itertools.product(names, names) if machine.allows(a, b)}
    assert allowed == moves


@EACH
def test_a_transition_is_possible_if_and_only_if_its_guards_hold(name: str) -> None:
    """Each transition, under every combination of its own guards: true, false and unknown."""
    machine = MACHINES[name]
    for transition in machine.transitions:
        if transition.source is None:
            continue
        guards = [*transition.requires, *transition.excludes]
        for values in itertools.product((True, False, None), repeat=len(guards)):
            known = {guard: value for guard, value in zip(guards, values, strict=True) if value is not None}
            given = [guard if value else f"not-{guard}" for guard, value in known.items()]
            [found] = [one for one in outlooks(machine, transition.source, given) if one.transition is transition]
            wanted = {guard: guard in transition.requires for guard in guards}
            if any(known[guard] != wanted[guard] for guard in known):
                assert found.possibility is Possibility.IMPOSSIBLE
            elif len(known) < len(guards):
                assert found.possibility is Possibility.DEPENDS
            else:
                assert found.possibility is Possibility.POSSIBLE
