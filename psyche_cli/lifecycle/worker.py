"""The states of a worker under a trainer daemon.

The documentation of the trainer daemon has the main transitions. The others answer what it leaves open: a worker that
never registers, one that ends before it sends telemetry, and the restart of the daemon.
"""

from __future__ import annotations

from typing import Final

from psyche_cli.lifecycle.machine import Condition, Machine, State, Transition

HANDSHAKE_SECONDS: Final = 120.0
"""How long a worker may take to register after its start."""
SILENCE_SECONDS: Final = 300.0
"""How long a worker may neither make a call nor send telemetry."""

SUBMITTED: Final = "SubmitRun"
STARTED: Final = "worker started"
NOT_STARTED: Final = "start failed"
REGISTERED: Final = "RegisterWorker"
TELEMETRY: Final = "first telemetry"
EXITED: Final = "worker exits"
LOST: Final = "worker lost"
NOT_REGISTERED: Final = "no handshake"
NOT_HEARD: Final = "no heartbeat"
CANCELLED: Final = "CancelRun"
RESTARTED: Final = "daemon restarted"

_USER, _DISPATCHER, _WORKER, _DAEMON = ("user",), ("dispatcher",), ("worker",), ("daemon",)
_RELEASED = "Its GPU slots are released."

STATES = (
    State(
        "INIT",
        "The worker is registered and waits for the dispatcher.",
        "The worker waits for free GPU slots and for the dispatcher, which checks every 2 seconds.",
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
        "The worker crashed, was killed, did not register in time, or was silent for 5 minutes.",
        "The worker failed. The reason and the last lines of its standard error are recorded.",
        is_end=True,
    ),
    State("CANCELLED", "The user cancelled the run, and no process is left.", "The run was cancelled.", is_end=True),
)

CONDITIONS = (
    Condition("slots-free", "the GPU slots that the worker requires are free, or it does not require them"),
    Condition("capabilities-accepted", "the protocol version and the capabilities of the worker are accepted"),
    Condition("exit-code-0", "the exit code is 0"),
    Condition("silent", f"there was neither a call nor telemetry for {SILENCE_SECONDS:.0f} seconds"),
    Condition(
        "handshake-late", f"the worker was started {HANDSHAKE_SECONDS:.0f} seconds ago and has not registered yet"
    ),
    Condition("cancel-requested", "the user has requested that the run be cancelled"),
    Condition("group-gone", "no process of the worker's process group is left"),
)

_STARTING = ("HANDSHAKE", "READY")
_RUNNING = (*_STARTING, "EXECUTING")
_REQUESTED = "cancel-requested"


def _end(
    state: str,
    target: str,
    trigger: str,
    actors: tuple[str, ...] = _DAEMON,
    *,
    requires: tuple[str, ...] = (),
    excludes: tuple[str, ...] = (),
    more: str = "",
) -> Transition:
    """An end of a process. Once a cancellation was requested, all of them become CANCELLED instead."""
    return Transition(
        state,
        target,
        trigger,
        actors,
        "state machine",
        requires=requires,
        excludes=(*excludes, _REQUESTED),
        effect=f"{_RELEASED} {more}".rstrip(),
    )


WORKER = Machine(
    name="worker",
    title="Worker",
    about="A worker process of a run that a trainer daemon executes.",
    states=STATES,
    conditions=CONDITIONS,
    transitions=(
        Transition(None, "INIT", SUBMITTED, _USER, "state machine", effect="Submitting it again returns the same run."),
        Transition("INIT", "HANDSHAKE", STARTED, _DISPATCHER, "state machine", requires=("slots-free",)),
        _end("HANDSHAKE", "FAULTED", NOT_STARTED, _DISPATCHER),
        Transition(
            "HANDSHAKE",
            "READY",
            REGISTERED,
            _WORKER,
            "state machine",
            requires=("capabilities-accepted",),
            effect="The worker receives a session token.",
        ),
        _end("HANDSHAKE", "FAULTED", NOT_REGISTERED, requires=("handshake-late", "group-gone")),
        _end("HANDSHAKE", "FAULTED", EXITED, more="With code 0 as well: it has not registered."),
        Transition("READY", "EXECUTING", TELEMETRY, _WORKER, "state machine"),
        *(_end(state, "TERMINATED", EXITED, _WORKER, requires=("exit-code-0",)) for state in ("READY", "EXECUTING")),
        *(_end(state, "FAULTED", EXITED, excludes=("exit-code-0",)) for state in ("READY", "EXECUTING")),
        *(_end(state, "FAULTED", NOT_HEARD, requires=("silent", "group-gone")) for state in _RUNNING),
        *(
            _end(state, "FAULTED", LOST, more="It is unknown how it ended, for example because its machine failed.")
            for state in _RUNNING
        ),
        *(
            Transition(
                state,
                "INIT",
                RESTARTED,
                _DAEMON,
                "daemon recovery",
                requires=("group-gone",),
                excludes=(_REQUESTED,),
                effect=_RELEASED,
                note="Only after a crash of the daemon.",
            )
            for state in _STARTING
        ),
        Transition("INIT", "CANCELLED", CANCELLED, _USER, "state machine"),
        *(
            Transition(
                state,
                "CANCELLED",
                CANCELLED,
                _USER,
                "state machine",
                requires=(_REQUESTED, "group-gone"),
                effect="SIGTERM was sent to the worker's process group, and SIGKILL to what was left of it 5 seconds "
                f"later. {_RELEASED}",
            )
            for state in _RUNNING
        ),
    ),
)
