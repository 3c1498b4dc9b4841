"""Show a run on one screen: its state, what ends it, its progress, members and rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from psyche_cli.lifecycle.psyche_run import PSYCHE_RUN
from psyche_cli.model.committee import expected_witnesses, quorum
from psyche_cli.model.outcomes import Abort
from psyche_cli.model.states import CoordinatorState
from psyche_cli.model.transitions import next_data_index
from psyche_cli.operations.rewards.collateral import in_both_units, obligations_of
from psyche_cli.operations.runs.find import Run, locate_run
from psyche_cli.operations.status.diagnosis.findings import findings, is_healthy
from psyche_cli.operations.status.membership import Membership, membership_of
from psyche_cli.operations.status.observation import Observation, addresses_of, observation_of
from psyche_cli.operations.status.screen import screen_lines
from psyche_cli.operations.status.show_payloads import (
    Attention,
    EpochProgress,
    LatestTransaction,
    MemberNumbers,
    Rates,
    RoundWitnesses,
    RunProgress,
    ShowData,
    StateEnd,
    TreasuryData,
)
from psyche_cli.operations.status.timing import Timing, timing_of
from psyche_cli.protocol.run_states import ClientState, RunState
from psyche_cli.results import OperationResult
from psyche_cli.run_config.forecast import Forecast, slowest_pace
from psyche_cli.run_config.rules import check_run, is_unset

if TYPE_CHECKING:
    from psyche_cli.operations.sessions import Session
    from psyche_cli.solana.rpc.types import AddressSignature
    from psyche_cli.suggestions import GivenOptions

LATEST_TRANSACTIONS: Final = 3
"""The transactions that are shown."""


def show(session: Session, *, run_id: str, treasurer_index: int | None = None) -> OperationResult[ShowData]:
    """Show a run.

    Takes two round trips. Raises RunNotFound, AccountNotFound, AccountError, UsageError, NetworkError.
    """
    located = locate_run(session, run_id, treasurer_index)
    found, transactions = session.rpc.accounts_and_signatures(
        addresses_of(located), located.instance.coordinator_account, limit=LATEST_TRANSACTIONS
    )
    data = show_data(observation_of(located, found), transactions, session.given)
    return OperationResult(summary=title_of(data), data=data, body=partial(screen_lines, data, given=session.given))


def title_of(data: ShowData) -> str:
    """The run and its state in one line."""
    name = f" ({data.name})" if data.name else ""
    return f"Run {data.run_id}{name}: {data.state}"


def show_data(observation: Observation, transactions: Sequence[AddressSignature], given: GivenOptions) -> ShowData:
    """Everything that the screen of a run shows. Raises MalformedAccount."""
    run = observation.run
    if not run.account.has_rules_of_v1:
        return _data_of_other_rules(observation, transactions)
    state, now = observation.state, observation.now
    timing = timing_of(state, now)
    membership = membership_of(state)
    found = findings(observation, given)
    in_epoch = state.run_state == RunState.WARMUP or state.run_state.is_active
    return ShowData(
        run_id=run.run_id,
        name=str(state.metadata.get("name", "")),
        coordinator_account=str(run.account.address),
        layout=run.layout,
        now=now,
        slot=observation.clock.slot,
        state=state.run_state.text,
        meaning=PSYCHE_RUN.states_by_name[state.run_state.variant].meaning,
        since=timing.since,
        pending_pause=state.pending_pause,
        ends=_state_end(timing),
        epoch=state.progress["epoch"],
        epoch_progress=_epoch_progress(state, timing),
        progress=_progress(run, state, timing),
        members=_members(membership, in_epoch=in_epoch),
        witnesses=_witnesses(state),
        rates=_rates(run, in_epoch=in_epoch),
        treasury=_treasury(run),
        transactions=_latest(transactions),
        healthy=is_healthy(found),
        attention=[Attention(one.rule, one.severity.text, one.sentence) for one in found],
    )


def _data_of_other_rules(observation: Observation, transactions: Sequence[AddressSignature]) -> ShowData:
    """The data of a run whose layout has other rules than v1, without what follows from those rules."""
    run, account = observation.run, observation.run.account
    in_epoch = account.run_state == RunState.WARMUP or account.run_state.is_active
    alive = sum(client.state == ClientState.HEALTHY for client in account.epoch_clients)
    last_step = max(account.config.get("total_steps", 0) - 1, 0)
    done = min(max(account.step - 1, 0), last_step)
    return ShowData(
        run_id=run.run_id,
        name=str(account.metadata.get("name", "")),
        coordinator_account=str(account.address),
        layout=run.layout,
        now=observation.now,
        slot=observation.clock.slot,
        state=account.run_state.text,
        meaning=PSYCHE_RUN.states_by_name[account.run_state.variant].meaning,
        since=account.run_state_start_timestamp if account.run_state_start_timestamp > 0 else None,
        pending_pause=account.pending_pause,
        ends=None,
        epoch=account.epoch,
        epoch_progress=None,
        progress=RunProgress(
            step=account.step,
            last_step=last_step,
            steps_done=done,
            steps_left=last_step - done,
            tokens_done=None,
            tokens_total=None,
            seconds_per_step=None,
            measured_steps=0,
            seconds_left=None,
            estimated_end=None,
        ),
        members=MemberNumbers(
            all=len(account.clients),
            in_epoch=len(account.epoch_clients) if in_epoch else 0,
            alive=alive if in_epoch else 0,
            exited=len(account.epoch_clients) - alive + len(account.exited_clients) if in_epoch else 0,
            pending=None,
            joined_next=None,
            must_join_again=None,
        ),
        witnesses=None,
        rates=_rates(run, in_epoch=in_epoch),
        treasury=_treasury(run),
        transactions=_latest(transactions),
        healthy=None,
        attention=[],
    )


def _latest(transactions: Sequence[AddressSignature]) -> list[LatestTransaction]:
    return [
        LatestTransaction(signature=str(one.signature), slot=one.slot, time=one.block_time, error=one.err)
        for one in transactions
    ]


def _state_end(timing: Timing) -> StateEnd:
    return StateEnd(
        waits_for=timing.waits_for,
        present=timing.present,
        needed=timing.needed,
        missing=timing.missing,
        earliest=timing.earliest,
        latest=timing.latest,
        seconds_left=None if timing.latest is None else max(timing.latest - timing.now, 0),
        overdue_seconds=timing.overdue,
    )


def _epoch_progress(state: CoordinatorState, timing: Timing) -> EpochProgress | None:
    end = timing.epoch_end
    if end is None:
        return None
    return EpochProgress(
        start=state.epoch.start_timestamp,
        rounds_done=max(state.step - state.epoch.start_step, 0),
        fewest_rounds_left=end.fewest,
        most_rounds_left=end.most,
        estimated_rounds_left=end.estimated_rounds,
        earliest_end=end.earliest,
        latest_end=end.latest,
        estimated_end=end.estimate,
    )


def _progress(run: Run, state: CoordinatorState, timing: Timing) -> RunProgress:
    last_step = max(state.config["total_steps"] - 1, 0)
    return RunProgress(
        step=state.step,
        last_step=last_step,
        steps_done=max(last_step - timing.steps_left, 0),
        steps_left=timing.steps_left,
        tokens_done=_sequences_done(run, state) * state.max_seq_len,
        tokens_total=_total_tokens(state.config, state.model),
        seconds_per_step=None if timing.pace is None else round(timing.pace.seconds, 3),
        measured_steps=0 if timing.pace is None else timing.pace.measured,
        seconds_left=None if timing.seconds_left is None else max(timing.seconds_left, 0),
        estimated_end=timing.run_end,
    )


def _sequences_done(run: Run, state: CoordinatorState) -> int:
    """The sequences of all steps that are done. In Cooldown, the last round is over, but still the current one."""
    try:
        return next_data_index(state) if state.run_state == RunState.COOLDOWN else run.trained_sequences
    except Abort:
        return run.trained_sequences


def _total_tokens(config: Mapping[str, int], model: Mapping[str, Any]) -> int | None:
    if is_unset(config) or check_run(config, model):
        return None
    return Forecast(config, model, slowest_pace(config)).tokens


def _members(membership: Membership, *, in_epoch: bool) -> MemberNumbers:
    alive = sum(member.is_healthy for member in membership.members)
    return MemberNumbers(
        all=len(membership.members),
        in_epoch=membership.in_epoch,
        alive=alive,
        exited=membership.by_health.total() - alive if in_epoch else 0,
        pending=membership.pending,
        joined_next=membership.joined,
        must_join_again=membership.must_join_again,
    )


def _witnesses(state: CoordinatorState) -> RoundWitnesses | None:
    if state.run_state not in (RunState.ROUND_TRAIN, RunState.ROUND_WITNESS):
        return None
    received = len(state.current_round.witnesses)
    return RoundWitnesses(
        received=received,
        expected=expected_witnesses(state.config, len(state.epoch.clients)),
        needed=quorum(max(received, 1), state.config) if state.config["witness_nodes"] > 0 else 1,
    )


def _rates(run: Run, *, in_epoch: bool) -> Rates:
    decimals = 0 if run.treasury is None else run.treasury.mint.decimals
    now, after = run.account.current_epoch_rates, run.account.future_epoch_rates
    return Rates(
        unit="points" if run.treasury is None else "collateral",
        decimals=decimals,
        earning_now=in_both_units(now.earning_rate_total_shared, decimals) if in_epoch else None,
        slashing_now=in_both_units(now.slashing_rate_per_client, decimals) if in_epoch else None,
        earning_next=in_both_units(after.earning_rate_total_shared, decimals),
        slashing_next=in_both_units(after.slashing_rate_per_client, decimals),
    )


def _treasury(run: Run) -> TreasuryData | None:
    obligations = obligations_of(run)
    if obligations is None or run.treasury is None:
        return None
    decimals = obligations.decimals
    return TreasuryData(
        collateral_mint=str(run.treasury.mint.address),
        vault=str(run.treasury.vault),
        held=in_both_units(obligations.held, decimals),
        owed=in_both_units(obligations.owed, decimals),
        for_this_epoch=in_both_units(obligations.current, decimals),
        missing=in_both_units(obligations.missing, decimals),
        cover=obligations.cover,
    )
