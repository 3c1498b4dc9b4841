"""The states of a Psyche run, as the coordinator program implements them.

Source: the program at version 1 of the account layout. ``tests/lifecycle`` takes real runs through every transition.
"""

from __future__ import annotations

from psyche_cli.lifecycle.machine import Condition, Machine, State, Transition
from psyche_cli.protocol.run_states import RunState

_ANYONE = ("anyone",)
_OWNER = ("owner",)
_MEMBER = ("member",)
_TICK = "tick"
_AFTER_EVERY_EPOCH = (
    "The epoch and the data index advance, the rewards of the epoch are credited, and a checkpoint in a repository "
    "becomes P2P."
)


def _state(state: RunState, meaning: str, advice: str) -> State:
    return State(state.variant, meaning, advice, number=int(state), is_end=state == RunState.FINISHED)


STATES = (
    _state(
        RunState.UNINITIALIZED,
        "The run was created but has not been started. It may not be configured yet.",
        "The run exists but has not been started yet. Its owner must configure and start it.",
    ),
    _state(
        RunState.WAITING_FOR_MEMBERS,
        "The run waits until enough members have joined this epoch, and for an additional time.",
        "The run waits for members. If this takes long, too few have joined. Members must join again in every epoch.",
    ),
    _state(
        RunState.WARMUP,
        "The epoch has its members, which download and load the model.",
        "The members download and load the model, which can take long for a large model. Training begins afterwards.",
    ),
    _state(
        RunState.ROUND_TRAIN,
        "A training round: each member trains on the data assigned to it and shares its results.",
        "The run is training. Alternating between training and witnessing is normal.",
    ),
    _state(
        RunState.ROUND_WITNESS,
        "The end of a round: late witnesses can still send their proofs.",
        "The run is training: the witnesses confirm the results of the round.",
    ),
    _state(
        RunState.COOLDOWN,
        "The end of an epoch: the members have time to save the model.",
        "The epoch is over, and the members save the model. The next epoch begins after the cooldown.",
    ),
    _state(
        RunState.FINISHED,
        "The run has completed all its steps. It cannot be changed or resumed.",
        "Training is complete. The final model is in the repository of the run's checkpoint.",
    ),
    _state(
        RunState.PAUSED,
        "The owner paused the run. It can be changed, resumed or, without a treasurer, closed.",
        "The owner paused the run and may resume it. Members must then join again.",
    ),
)

CONDITIONS = (
    Condition("valid-config", "the configuration passes the checks of the program"),
    Condition("steps-left", "the step (at the end of a round, the next one) is below total_steps"),
    Condition("enough-members", "at least init_min_clients have joined this epoch"),
    Condition("extra-wait-over", "waiting_for_members_extra_time has passed since the run began to wait"),
    Condition("warmup-over", "warmup_time has passed since the start of the warmup"),
    Condition("warmup-reported", "the expected number of members, at most 32, have reported the end of their warmup"),
    Condition("train-over", "max_round_train_time has passed since the start of the round"),
    Condition("all-witnessed", "all expected witnesses have sent their proof"),
    Condition("witness-over", "round_witness_time has passed since the end of training"),
    Condition("no-witnesses", "the round has no witness at all"),
    Condition("last-round", "this is the last round of the epoch: two rounds after the one in which epoch_time ended"),
    Condition("too-few-clients", "fewer than min_clients are left in the epoch"),
    Condition("below-quorum", "the round has fewer witnesses than the quorum"),
    Condition("cooldown-over", "cooldown_time has passed since the start of the cooldown"),
    Condition("pause-pending", "the owner requested a pause during the epoch"),
    Condition("has-treasurer", "the run has a treasurer, whose program has no instruction to close a run"),
)

_EPOCH_CONTINUES = ("no-witnesses", "last-round", "too-few-clients", "below-quorum", "pause-pending")
_WAITING, _WARMUP = "WaitingForMembers", "Warmup"
_TRAIN, _WITNESS, _COOLDOWN = "RoundTrain", "RoundWitness", "Cooldown"


def _closing(state: str) -> Transition:
    return Transition(
        state,
        None,
        "free_coordinator",
        _OWNER,
        "free_coordinator",
        excludes=("has-treasurer",),
        effect="Both accounts are deleted, their rent is returned, and the run id can be used again.",
    )


def _epoch_end(reason: str, effect: str = "") -> Transition:
    return Transition(
        _WITNESS, _COOLDOWN, _TICK, _ANYONE, "RoundWitness tick", requires=("witness-over", reason), effect=effect
    )


def _pause_request(state: str) -> Transition:
    return Transition(
        state,
        state,
        "set_paused(true)",
        _OWNER,
        "set_paused",
        effect="The run pauses at the end of the epoch, which then pays no rewards. This cannot be undone.",
    )


def _immediate_pause(state: str) -> Transition:
    return Transition(
        state,
        "Paused",
        "set_paused(true)",
        _OWNER,
        "set_paused",
        effect="The clients of the epoch are withdrawn, and the next epoch is a cold start.",
    )


_CREATION = Transition(
    None, "Uninitialized", "init_coordinator", _ANYONE, "init_coordinator", effect="The authorities are recorded."
)
_STARTS = (
    Transition(
        "Uninitialized",
        _WAITING,
        "set_paused(false)",
        _OWNER,
        "set_paused",
        requires=("valid-config", "steps-left"),
        effect="The step becomes 1. Members that joined before must join again.",
    ),
    Transition(
        "Paused",
        _WAITING,
        "set_paused(false)",
        _OWNER,
        "set_paused",
        requires=("valid-config", "steps-left"),
        effect="Members that joined before must join again.",
    ),
)
_BEFORE_COOLDOWN = (
    _CREATION,
    *_STARTS,
    Transition(
        _WAITING,
        _WARMUP,
        _TICK,
        _ANYONE,
        "WaitingForMembers tick",
        requires=("enough-members", "extra-wait-over"),
        effect="The members that joined become the clients of the epoch, up to 256, and the future rates take effect.",
    ),
    _immediate_pause(_WAITING),
    _immediate_pause(_WARMUP),
    Transition(
        _WARMUP,
        _TRAIN,
        _TICK,
        _ANYONE,
        "Warmup tick",
        requires=("warmup-over",),
        effect="The first round begins. Members that join from now on have joined the next epoch.",
    ),
    Transition(
        _WARMUP,
        _TRAIN,
        "warmup_witness",
        _MEMBER,
        "warmup_witness",
        requires=("warmup-reported",),
        effect="The first round begins. Members that join from now on have joined the next epoch.",
    ),
    Transition(
        _WARMUP,
        _WAITING,
        _TICK,
        _ANYONE,
        "Warmup tick",
        requires=("too-few-clients", "steps-left"),
        note="Cannot occur: nothing removes clients during the warmup, and init_min_clients is at least min_clients.",
    ),
    Transition(
        _WARMUP,
        "Finished",
        _TICK,
        _ANYONE,
        "Warmup tick",
        requires=("too-few-clients",),
        excludes=("steps-left",),
        note="Cannot occur: nothing removes clients during the warmup, and init_min_clients is at least min_clients.",
    ),
    Transition(_TRAIN, _WITNESS, _TICK, _ANYONE, "RoundTrain tick", requires=("train-over",)),
    Transition(_TRAIN, _WITNESS, "witness", _MEMBER, "witness", requires=("all-witnessed",)),
    _pause_request(_TRAIN),
    Transition(
        _WITNESS,
        _TRAIN,
        _TICK,
        _ANYONE,
        "RoundWitness tick",
        requires=("witness-over", "steps-left"),
        excludes=_EPOCH_CONTINUES,
        effect="The step advances, and the next round begins.",
    ),
)
_CLOSINGS = (_closing("Uninitialized"), _closing("Paused"), _closing("Finished"))

PSYCHE_RUN = Machine(
    name="psyche-run",
    title="Psyche run",
    about="A training run, whose state is in its coordinator account. Every instruction of a member ends with a tick.",
    states=STATES,
    conditions=CONDITIONS,
    transitions=(
        *_BEFORE_COOLDOWN,
        _epoch_end("no-witnesses", "The step advances. The clients are withdrawn, so the epoch pays no rewards."),
        _epoch_end("last-round", "The step advances."),
        _epoch_end("too-few-clients", "The step advances."),
        _epoch_end("below-quorum", "The step advances."),
        Transition(
            _WITNESS,
            _COOLDOWN,
            _TICK,
            _ANYONE,
            "RoundWitness tick",
            requires=("witness-over",),
            excludes=("steps-left",),
            effect="The step advances.",
        ),
        _epoch_end("pause-pending", "The step advances."),
        _pause_request(_WITNESS),
        Transition(
            _COOLDOWN,
            _WAITING,
            _TICK,
            _ANYONE,
            "Cooldown tick",
            requires=("cooldown-over", "steps-left"),
            excludes=("pause-pending",),
            effect=_AFTER_EVERY_EPOCH,
        ),
        Transition(
            _COOLDOWN,
            "Finished",
            _TICK,
            _ANYONE,
            "Cooldown tick",
            requires=("cooldown-over",),
            excludes=("steps-left", "pause-pending"),
            effect=_AFTER_EVERY_EPOCH,
        ),
        Transition(
            _COOLDOWN,
            "Paused",
            _TICK,
            _ANYONE,
            "Cooldown tick",
            requires=("cooldown-over", "pause-pending"),
            effect="As at the end of every epoch, but no rewards are credited. The next epoch is a cold start.",
        ),
        _pause_request(_COOLDOWN),
        *_CLOSINGS,
    ),
)

_OLDER_CONDITIONS = (
    *(one for one in CONDITIONS if one.name not in ("last-round", "no-witnesses", "cooldown-over")),
    Condition("last-round", "this is the last round of the epoch, in layout 0 as given by rounds_per_epoch"),
    Condition("cooldown-over", "cooldown_time is above 0 and has passed since the start of the cooldown"),
    Condition("checkpoint-recorded", "a checkpoint of this epoch was recorded"),
    Condition("allowed-checkpointer", "the member is one of the allowed checkpointers"),
)
_OLDER_EPOCH_END = "A checkpoint on the Hub becomes P2P."
_OLDER_NEXT = "The epoch is saved as the previous one, and the epoch and its data index advance."


def _older_cooldown_ends(target: str, reason: str) -> Transition:
    pause = target == "Paused"
    steps = {_WAITING: ("steps-left",)}.get(target, ())
    without = {"Finished": ("steps-left", "pause-pending"), _WAITING: ("pause-pending",)}.get(target, ())
    return Transition(
        _COOLDOWN,
        target,
        _TICK,
        _ANYONE,
        "tick_cooldown",
        requires=(reason, *steps, *(("pause-pending",) if pause else ())),
        excludes=without,
        effect=_OLDER_NEXT,
    )


PSYCHE_RUN_OLDER = Machine(
    name="psyche-run-older",
    title="Psyche run, older rules",
    about="A training run under older rules for cooldown: those of the program with account layout 0, and nearly those "
    "of its next version.",
    states=STATES,
    conditions=_OLDER_CONDITIONS,
    transitions=(
        *(
            one
            if one.target != _TRAIN or one.source != _WITNESS
            else Transition(
                _WITNESS,
                _TRAIN,
                _TICK,
                _ANYONE,
                "tick_round_witness",
                requires=("witness-over", "steps-left"),
                excludes=("last-round", "too-few-clients", "below-quorum", "pause-pending"),
                effect="The step advances, and the next round begins.",
            )
            for one in _BEFORE_COOLDOWN
        ),
        *(
            Transition(
                _WITNESS,
                _COOLDOWN,
                _TICK,
                _ANYONE,
                "start_cooldown",
                requires=("witness-over", reason),
                effect=_OLDER_EPOCH_END,
            )
            for reason in ("last-round", "too-few-clients", "below-quorum", "pause-pending")
        ),
        Transition(
            _WITNESS,
            _COOLDOWN,
            _TICK,
            _ANYONE,
            "start_cooldown",
            requires=("witness-over",),
            excludes=("steps-left",),
            effect=_OLDER_EPOCH_END,
        ),
        _pause_request(_WITNESS),
        *(
            _older_cooldown_ends(target, reason)
            for target in (_WAITING, "Finished", "Paused")
            for reason in ("cooldown-over", "checkpoint-recorded")
        ),
        Transition(
            _COOLDOWN,
            _COOLDOWN,
            "checkpoint",
            _MEMBER,
            "checkpoint",
            requires=("allowed-checkpointer",),
            excludes=("checkpoint-recorded",),
            effect="The checkpoint is recorded. This fails in any other state.",
        ),
        _pause_request(_COOLDOWN),
        *_CLOSINGS,
    ),
    differs="In psyche-run, cooldown ends only when its time has passed; here also with a recorded checkpoint. There, "
    "a checkpoint on the Hub becomes P2P when cooldown ends; here, when it begins. Before cooldown, both are the same.",
)
