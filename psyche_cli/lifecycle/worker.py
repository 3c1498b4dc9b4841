"""The states of a worker's run under a trainer daemon."""

from __future__ import annotations

from psyche_cli.lifecycle.machine import Condition, Machine, State, Transition

_USER, _DISPATCHER, _WORKER, _DAEMON = ("user",), ("dispatcher",), ("worker",), ("daemon",)
_RELEASED = "Its GPU slots are released."

STATES = (
    State(
        "INIT",
        "The run is registered and waits for the dispatcher.",
        "The run waits for a free GPU slot and for the dispatcher, which checks every 2 seconds.",
    ),
    State(
        "HANDSHAKE",
        "The worker process was started and has not registered yet.",
        "The worker is starting. If this takes long, look at its standard error.",
    ),
    State(
        "READY",
        "The worker has registered and has received its session token.",
        "The worker is ready. It has not sent any telemetry yet.",
    ),
    State("EXECUTING", "The worker sends telemetry.", "The worker is training or evaluating."),
    State(
        "TERMINATED",
        "The worker exited with code 0.",
        "The worker has finished. Its results are in the folder of the run.",
        is_end=True,
    ),
    State(
        "FAULTED",
        "The worker crashed, was killed, or sent no heartbeat for 5 minutes.",
        "The worker failed. The reason is recorded with the run.",
        is_end=True,
    ),
    State("CANCELLED", "The user cancelled the run.", "The run was cancelled.", is_end=True),
)

CONDITIONS = (
    Condition("slots-free", "the GPU slots that the run requires are free, or it does not require them"),
    Condition("capabilities-accepted", "the protocol version and the capabilities of the worker are accepted"),
    Condition("exit-code-0", "the exit code is 0"),
    Condition("silent", "there was neither a heartbeat nor telemetry for 300 seconds"),
)

_STARTING = ("HANDSHAKE", "READY")
_RUNNING = (*_STARTING, "EXECUTING")


def _fault(state: str, requires: tuple[str, ...], excludes: tuple[str, ...], trigger: str) -> Transition:
    return Transition(
        state, "FAULTED", trigger, _DAEMON, "state machine", requires=requires, excludes=excludes, effect=_RELEASED
    )


WORKER = Machine(
    name="worker",
    title="Worker",
    about="A run that a trainer daemon executes in a worker process.",
    states=STATES,
    conditions=CONDITIONS,
    transitions=(
        Transition(
            None, "INIT", "SubmitRun", _USER, "state machine", effect="Submitting it again returns the same run."
        ),
        Transition("INIT", "HANDSHAKE", "worker started", _DISPATCHER, "state machine", requires=("slots-free",)),
        Transition(
            "HANDSHAKE",
            "READY",
            "RegisterWorker",
            _WORKER,
            "state machine",
            requires=("capabilities-accepted",),
            effect="The worker receives a session token.",
        ),
        Transition("READY", "EXECUTING", "first telemetry", _WORKER, "state machine"),
        Transition(
            "EXECUTING",
            "TERMINATED",
            "worker exits",
            _WORKER,
            "state machine",
            requires=("exit-code-0",),
            effect=_RELEASED,
        ),
        _fault("EXECUTING", (), ("exit-code-0",), "worker exits"),
        _fault("EXECUTING", ("silent",), (), "no heartbeat"),
        *(
            Transition(
                state,
                "INIT",
                "daemon restarted",
                _DAEMON,
                "daemon recovery",
                note="Only after a crash of the daemon.",
            )
            for state in _STARTING
        ),
        Transition("INIT", "CANCELLED", "CancelRun", _USER, "state machine"),
        *(
            Transition(
                state,
                "CANCELLED",
                "CancelRun",
                _USER,
                "state machine",
                effect=f"SIGTERM is sent to the worker's process group. {_RELEASED}",
            )
            for state in _RUNNING
        ),
    ),
)
