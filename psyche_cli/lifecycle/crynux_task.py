"""The states of a task in the Crynux network.

Source: the network's documentation, its contract and its relay. Abort is possible in every started state that is not
an end.
"""

from __future__ import annotations

from psyche_cli.lifecycle.machine import Condition, Machine, State, Transition

_APPLICATION, _RELAY, _NODE, _CHAIN = ("application",), ("relay",), ("selected node",), ("chain",)
_EITHER = ("application", "selected node")

STATES = (
    State(
        "Queued",
        "The task was created while no node was free.",
        "The task waits for a free node. Its creator can abort it at any time.",
        0,
    ),
    State(
        "Started",
        "A node was selected for the task.",
        "A node was selected. The relay has not confirmed the upload of the task's parameters yet.",
        1,
    ),
    State(
        "ParametersUploaded",
        "The relay has the parameters of the task, so the node can execute it.",
        "The node executes the task.",
        2,
    ),
    State(
        "ErrorReported",
        "The node reported an error instead of a score.",
        "The node reported an error. The application must validate the task.",
        3,
    ),
    State(
        "ScoreReady",
        "The node submitted the score of its result.",
        "The result exists. The application must validate the task, alone or in its group.",
        4,
    ),
    State(
        "Validated",
        "The application accepted the score of a task that is not in a group.",
        "The score was accepted. The relay has not confirmed the upload of the result yet.",
        5,
    ),
    State(
        "GroupValidated",
        "The task is the first of those in its group whose scores match. The addresses of their nodes are recorded.",
        "The group agreed on this task's score. The relay has not confirmed the upload of the result yet.",
        6,
    ),
    State(
        "EndInvalidated",
        "The score or the error differs from those of the group. The payment is refunded, and the node is slashed.",
        "The group disagreed with this node, which is slashed. The payment was refunded.",
        7,
        is_end=True,
    ),
    State(
        "EndSuccess",
        "The result was uploaded. The payment is settled, and the node is released.",
        "The task succeeded, and the node was paid.",
        8,
        is_end=True,
    ),
    State(
        "EndAborted",
        "The task was aborted. The payment is refunded, and the node is released.",
        "The task was aborted, and the payment was refunded.",
        9,
        is_end=True,
    ),
    State(
        "EndGroupRefund",
        "The score matches that of another task in the group. The payment is refunded, and the node is released.",
        "Another task of the group delivers the result. The payment of this one was refunded.",
        10,
        is_end=True,
    ),
    State(
        "EndGroupSuccess",
        "The result of the group was uploaded. The payment is shared among the recorded nodes, which are released.",
        "The group succeeded. Its nodes share the payment by their quality of service.",
        11,
        is_end=True,
    ),
)

CONDITIONS = (
    Condition("node-free", "a node is free"),
    Condition("queue-overflow", "the queue is full and the task pays the lowest fee"),
    Condition("in-group", "the task was sampled for validation in a group"),
    Condition("timeout-passed", "the timeout, by default 3 minutes, has passed since the start of the task"),
    Condition("group-validated", "the group's result for this task is GroupValidated"),
    Condition("group-refunded", "the group's result for this task is EndGroupRefund"),
    Condition("group-invalidated", "the group's result for this task is EndInvalidated"),
    Condition("group-aborted", "the group's result for this task is EndAborted"),
)

_GROUP_RESULTS = {
    "group-validated": "GroupValidated",
    "group-refunded": "EndGroupRefund",
    "group-invalidated": "EndInvalidated",
    "group-aborted": "EndAborted",
}
_STARTED = ("Started", "ParametersUploaded", "ErrorReported", "ScoreReady", "Validated", "GroupValidated")
_REFUND = "The payment is refunded, and the node is released."
_EFFECTS = {
    "GroupValidated": "The addresses of the nodes whose scores match are recorded.",
    "EndGroupRefund": _REFUND,
    "EndInvalidated": "The payment is refunded, and the node is slashed.",
    "EndAborted": _REFUND,
}


def _group_result(source: str, condition: str) -> Transition:
    target = _GROUP_RESULTS[condition]
    return Transition(
        source,
        target,
        "group validation",
        _APPLICATION,
        "group validation results",
        requires=("in-group", condition),
        effect=_EFFECTS[target],
    )


CRYNUX_TASK = Machine(
    name="crynux-task",
    title="Crynux task",
    about="An inference task in the Crynux network, alone or in a validation group of three.",
    states=STATES,
    conditions=CONDITIONS,
    transitions=(
        Transition(None, "Queued", "task created", _APPLICATION, "task creation", excludes=("node-free",)),
        Transition(None, "Started", "task created", _APPLICATION, "task creation", requires=("node-free",)),
        Transition("Queued", "Started", "node becomes free", _CHAIN, "task queue", requires=("node-free",)),
        Transition("Queued", "EndAborted", "abort", _APPLICATION, "abort", effect="The payment is refunded."),
        Transition(
            "Queued",
            "EndAborted",
            "task dropped",
            _CHAIN,
            "task queue",
            requires=("queue-overflow",),
            effect="The payment is refunded. The reason is TaskFeeTooLow.",
        ),
        Transition("Started", "ParametersUploaded", "parameters uploaded", _RELAY, "state transition graph"),
        Transition("ParametersUploaded", "ScoreReady", "score submitted", _NODE, "state transition graph"),
        Transition("ParametersUploaded", "ErrorReported", "error reported", _NODE, "state transition graph"),
        Transition(
            "ScoreReady",
            "Validated",
            "single validation",
            _APPLICATION,
            "state transition graph",
            excludes=("in-group",),
        ),
        *(_group_result("ScoreReady", condition) for condition in _GROUP_RESULTS),
        Transition(
            "ErrorReported",
            "EndAborted",
            "single validation",
            _APPLICATION,
            "state transition graph",
            excludes=("in-group",),
            effect=_REFUND,
        ),
        _group_result("ErrorReported", "group-aborted"),
        _group_result("ErrorReported", "group-invalidated"),
        Transition(
            "Validated",
            "EndSuccess",
            "result uploaded",
            _RELAY,
            "state transition graph",
            effect="The payment is settled, and the node is released.",
        ),
        Transition(
            "GroupValidated",
            "EndGroupSuccess",
            "result uploaded",
            _RELAY,
            "state transition graph",
            effect="The payment is shared among the recorded nodes by their quality of service, with the remainder to "
            "the last one, and the nodes are released.",
        ),
        *(
            Transition(state, "EndAborted", "abort", _EITHER, "abort", requires=("timeout-passed",), effect=_REFUND)
            for state in _STARTED
        ),
        Transition(
            "EndAborted",
            "EndAborted",
            "group validation",
            _APPLICATION,
            "group validation results",
            requires=("in-group",),
        ),
    ),
)
