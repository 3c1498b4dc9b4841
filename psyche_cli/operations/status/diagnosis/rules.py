"""All rules of the diagnosis, the most severe first."""

from __future__ import annotations

from typing import Final

from psyche_cli.operations.status.diagnosis import configuration, halted, joining, progress, rewards
from psyche_cli.operations.status.diagnosis.finding import Rule, Severity
from psyche_cli.protocol.run_states import RunState

_UNINITIALIZED, _WAITING, _WARMUP = RunState.UNINITIALIZED, RunState.WAITING_FOR_MEMBERS, RunState.WARMUP
_TRAIN, _WITNESS, _COOLDOWN = RunState.ROUND_TRAIN, RunState.ROUND_WITNESS, RunState.COOLDOWN
_FINISHED, _PAUSED = RunState.FINISHED, RunState.PAUSED

_ALL: Final = frozenset(RunState)
_NOT_FINISHED: Final = _ALL - {_FINISHED}
_CAN_RESUME: Final = frozenset({_UNINITIALIZED, _PAUSED})
_RUNNING: Final = _NOT_FINISHED - _CAN_RESUME
_ACTIVE: Final = frozenset({_TRAIN, _WITNESS, _COOLDOWN})
_ROUNDS: Final = frozenset({_TRAIN, _WITNESS})
_IN_EPOCH: Final = _ACTIVE | {_WARMUP}

_BLOCKING, _WARNING, _NOTE = Severity.BLOCKING, Severity.WARNING, Severity.NOTE

RULES: Final = (
    Rule("tick-fails", _BLOCKING, _ACTIVE, "the tick that is due fails", progress.tick_fails, "time", prolongs=_ACTIVE),
    Rule(
        "not-configured",
        _BLOCKING,
        frozenset({_UNINITIALIZED}),
        "the run has no configuration",
        halted.not_configured,
        prolongs=frozenset({_UNINITIALIZED}),
    ),
    Rule(
        "config-invalid",
        _BLOCKING,
        _CAN_RESUME,
        "the configuration violates a rule that the program checks when the run is started or resumed",
        halted.config_invalid,
        prolongs=_CAN_RESUME,
    ),
    Rule(
        "no-steps-left",
        _BLOCKING,
        _CAN_RESUME,
        "the step at which the run resumes is not below `total_steps`",
        halted.no_steps_left,
        prolongs=_CAN_RESUME,
    ),
    Rule(
        "join-authority-lost",
        _BLOCKING,
        _NOT_FINISHED,
        "the join authority is an address that cannot sign: that of the system program, of the run or of its treasurer",
        joining.join_authority_lost,
        "instance",
        prolongs=frozenset({_WAITING}),
    ),
    Rule(
        "no-authorizations",
        _BLOCKING,
        _NOT_FINISHED,
        "the join authority has no active join authorization",
        joining.no_authorizations,
        "authorizations",
        prolongs=frozenset({_WAITING}),
    ),
    Rule(
        "too-few-authorized",
        _BLOCKING,
        _NOT_FINISHED,
        "fewer wallets than `init_min_clients` have an active join authorization or are delegates of one",
        joining.too_few_authorized,
        "authorizations",
        prolongs=frozenset({_WAITING}),
    ),
    Rule(
        "too-few-can-join",
        _BLOCKING,
        frozenset({_UNINITIALIZED, _WAITING, _PAUSED}),
        "fewer wallets than `init_min_clients` can ever join, because of `global_batch_size_end`",
        joining.too_few_can_join,
        prolongs=frozenset({_WAITING}),
    ),
    Rule(
        "verification-breaks-rounds",
        _BLOCKING,
        _NOT_FINISHED,
        "`verification_percent` is above 100",
        configuration.verification_breaks_rounds,
        prolongs=frozenset({_TRAIN}),
    ),
    Rule(
        "not-started",
        _BLOCKING,
        frozenset({_UNINITIALIZED}),
        "the run can be started",
        halted.not_started,
        prolongs=frozenset({_UNINITIALIZED}),
    ),
    Rule(
        "paused",
        _BLOCKING,
        frozenset({_PAUSED}),
        "the run can be resumed",
        halted.paused,
        prolongs=frozenset({_PAUSED}),
    ),
    Rule(
        "warmup-overdue",
        _BLOCKING,
        frozenset({_WARMUP}),
        "`warmup_time` has been over for at least 10 seconds",
        progress.warmup_overdue,
        "time",
        prolongs=frozenset({_WARMUP}),
    ),
    Rule(
        "overdue",
        _BLOCKING,
        _RUNNING - {_WARMUP},
        "the time limit of the state has been over for at least 10 seconds, in Waiting for members with enough members",
        progress.overdue,
        "time",
        prolongs=_RUNNING - {_WARMUP},
    ),
    Rule(
        "too-few-joined",
        _BLOCKING,
        frozenset({_WAITING}),
        "fewer members than `init_min_clients` have joined the epoch, which has waited for at least 5 minutes",
        joining.too_few_joined,
        "time",
        prolongs=frozenset({_WAITING}),
    ),
    Rule("other-layout", _WARNING, _ALL, "the account does not have layout v1", configuration.other_layout),
    Rule(
        "must-join-again",
        _WARNING,
        frozenset({_WAITING}),
        "`too-few-joined` applies, and others joined the run earlier",
        joining.must_join_again,
        "time",
        prolongs=frozenset({_WAITING}),
    ),
    Rule("no-witnesses", _WARNING, frozenset({_WITNESS}), "the round has no witness record yet", progress.no_witnesses),
    Rule(
        "below-quorum",
        _WARNING,
        frozenset({_WITNESS}),
        "the round has witness records, but fewer than the quorum",
        progress.below_quorum,
    ),
    Rule(
        "too-few-healthy",
        _WARNING,
        _ROUNDS,
        "fewer than `min_clients` members of the epoch are healthy",
        progress.too_few_healthy,
    ),
    Rule("pause-pending", _WARNING, _ACTIVE, "the owner requested a pause during the epoch", progress.pause_pending),
    Rule(
        "last-epoch-unpaid",
        _WARNING,
        frozenset({_COOLDOWN, _WAITING, _PAUSED, _FINISHED}),
        "the latest epoch ended in a round without a witness",
        progress.last_epoch_unpaid,
    ),
    Rule(
        "claims-exceed-vault",
        _WARNING,
        _ALL,
        "the vault holds less than members have earned and not claimed",
        rewards.claims_exceed_vault,
        "treasury",
    ),
    Rule(
        "treasury-short",
        _WARNING,
        _ALL,
        "the vault holds less than what is owed, the epoch in progress and one more epoch pay",
        rewards.treasury_short,
        "treasury",
    ),
    Rule(
        "rate-zero",
        _WARNING,
        _NOT_FINISHED,
        "the run has a treasurer, and the earning rate of future epochs is 0",
        rewards.rate_zero,
        "treasury",
    ),
    Rule(
        "share-zero",
        _WARNING,
        _IN_EPOCH,
        "the earning rate of the epoch, divided by its members, is less than one base unit",
        rewards.share_zero,
        "treasury",
    ),
    Rule(
        "members-left",
        _WARNING,
        _IN_EPOCH,
        "members of the epoch are dropped or ejected",
        progress.members_left,
    ),
    Rule(
        "silent-members",
        _WARNING,
        _ROUNDS,
        "all members are witnesses, and a healthy one has no record in the stored rounds, of which at least two are "
        "complete",
        progress.silent_members,
        prolongs=frozenset({_TRAIN}),
    ),
    Rule(
        "witnesses-missing",
        _WARNING,
        _ROUNDS,
        "each of the stored complete rounds, at least two, lacked witnesses other than members that left",
        progress.witnesses_missing,
        prolongs=frozenset({_TRAIN}),
    ),
    Rule(
        "warmup-report-invalid",
        _WARNING,
        frozenset({_WARMUP}),
        "a stored report has an index that no client of the epoch has",
        progress.warmup_report_invalid,
        prolongs=frozenset({_WARMUP}),
    ),
    Rule(
        "rounds-too-short",
        _WARNING,
        _NOT_FINISHED,
        "`max_round_train_time` and `round_witness_time` are less than 3 seconds together",
        configuration.rounds_too_short,
    ),
    Rule(
        "verifiers",
        _WARNING,
        _NOT_FINISHED,
        "`verification_percent`, at most 100, makes at least one member of the epoch (or of `init_min_clients`) a "
        "verifier",
        configuration.verifiers_cannot_be_checked,
    ),
    Rule(
        "checkpoint-empty",
        _WARNING,
        _NOT_FINISHED,
        "the checkpoint has no repository or bucket",
        configuration.checkpoint_empty,
    ),
    Rule(
        "loads-from-repository",
        _WARNING,
        frozenset({_PAUSED, _WAITING}),
        "the checkpoint is P2P or P2PGcs, and no healthy member of the last epoch is in the next one",
        configuration.loads_from_repository,
    ),
    Rule(
        "wallet-limit",
        _WARNING,
        _NOT_FINISHED,
        "256 wallets, or as many as `global_batch_size_end`, have joined",
        joining.wallet_limit,
        prolongs=frozenset({_WAITING}),
    ),
    Rule("no-client-version", _WARNING, _NOT_FINISHED, "`client_version` is empty", configuration.no_client_version),
    Rule("finished", _NOTE, frozenset({_FINISHED}), "the run is finished", halted.finished),
    Rule(
        "waiting-for-members",
        _NOTE,
        frozenset({_WAITING}),
        "fewer members than `init_min_clients` have joined the epoch, which has waited for less than 5 minutes, or for "
        "an unknown time",
        joining.waiting_for_members,
        prolongs=frozenset({_WAITING}),
    ),
    Rule(
        "extra-time",
        _NOTE,
        frozenset({_WAITING}),
        "enough members have joined, but `waiting_for_members_extra_time` has not passed",
        progress.extra_time,
        "time",
        prolongs=frozenset({_WAITING}),
    ),
    Rule(
        "last-epoch", _NOTE, frozenset({_COOLDOWN}), "no steps are left, and no pause is pending", progress.last_epoch
    ),
    Rule(
        "joined-too-late",
        _NOTE,
        _IN_EPOCH,
        "wallets joined during the warmup of the epoch in progress",
        joining.joined_too_late,
    ),
    Rule(
        "next-epoch-short",
        _NOTE,
        frozenset({_COOLDOWN}),
        "fewer members than `init_min_clients` have joined the next epoch",
        joining.next_epoch_short,
    ),
    Rule(
        "no-spare-members",
        _NOTE,
        _ROUNDS,
        "exactly `min_clients` members of the epoch, and more than one, are healthy",
        progress.no_spare_members,
    ),
    Rule(
        "current-rate-zero",
        _NOTE,
        _IN_EPOCH,
        "the earning rate of the epoch is 0, but that of future epochs is not",
        rewards.current_rate_zero,
        "treasury",
    ),
    Rule(
        "treasury-low",
        _NOTE,
        _NOT_FINISHED,
        "the vault pays for fewer than 10 more epochs",
        rewards.treasury_low,
        "treasury",
    ),
    Rule(
        "wallet-limit-near",
        _NOTE,
        _NOT_FINISHED,
        "at most a tenth of the wallets that can ever join are left",
        joining.wallet_limit_near,
    ),
    Rule(
        "join-authority-off-curve",
        _NOTE,
        _NOT_FINISHED,
        "the join authority is off the curve, so only a program can sign for it",
        joining.join_authority_is_program_address,
        "instance",
    ),
    Rule(
        "join-authority-elsewhere",
        _NOTE,
        _NOT_FINISHED,
        "the join authority is not the main authority",
        joining.join_authority_elsewhere,
        "instance",
    ),
    Rule(
        "checkpoint-not-recorded",
        _NOTE,
        _NOT_FINISHED,
        "the checkpoint is of the kind Dummy or Ephemeral",
        configuration.checkpoint_not_recorded,
    ),
    Rule(
        "doubtful-values",
        _NOTE,
        _NOT_FINISHED,
        "`config check` would warn about other values of the configuration",
        configuration.doubtful_values,
    ),
)
"""The rules in the order in which their findings are shown."""
