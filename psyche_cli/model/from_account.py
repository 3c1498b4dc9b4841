"""From a decoded coordinator account to a state of the model, so that a real run can be predicted forward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psyche_cli.model.states import (
    BloomFilter,
    CoordinatorState,
    EpochClient,
    EpochRates,
    EpochState,
    Identity,
    PendingClient,
    Round,
    WitnessRecord,
)

if TYPE_CHECKING:
    from psyche_cli.protocol.accounts import coordinator_account as account_types


def state_from_account(account: account_types.CoordinatorAccount) -> CoordinatorState:
    """The state that the account holds. A stored witness flag becomes 0 or 1, whichever byte it is.

    Raises MalformedAccount for bytes that no program writes.
    """
    return CoordinatorState(
        run_id=account.run_id,
        client_version=account.client_version,
        metadata=account.metadata,
        config=account.config,
        model=account.model,
        progress=account.progress,
        run_state=account.run_state,
        run_state_start_timestamp=account.run_state_start_timestamp,
        pending_pause=account.pending_pause,
        epoch=EpochState(
            rounds=tuple(_round(round_) for round_ in account.rounds),
            rounds_head=account.rounds_head,
            clients=tuple(_epoch_client(client) for client in account.epoch_clients),
            exited_clients=tuple(_epoch_client(client) for client in account.exited_clients),
            start_step=account.epoch_start_step,
            last_step=account.epoch_last_step,
            start_timestamp=account.epoch_start_timestamp,
            first_round=account.first_round,
            cold_start_epoch=account.cold_start_epoch,
        ),
        clients=tuple(
            PendingClient(_identity(client), earned=client.earned, slashed=client.slashed, active=client.active)
            for client in account.clients
        ),
        next_active=account.next_active,
        current_epoch_rates=_rates(account.current_epoch_rates),
        future_epoch_rates=_rates(account.future_epoch_rates),
        is_warmup_first_tick=account.is_warmup_first_tick,
        is_training_first_tick=account.is_training_first_tick,
        nonce=account.nonce,
    )


def _identity(client: account_types.PendingClient | account_types.EpochClient) -> Identity:
    return Identity(bytes(client.signer), client.p2p_identity)


def _epoch_client(client: account_types.EpochClient) -> EpochClient:
    return EpochClient(_identity(client), client.state, client.exited_height)


def _rates(rates: account_types.EpochRates) -> EpochRates:
    return EpochRates(rates.earning_rate_total_shared, rates.slashing_rate_per_client)


def _bloom(bloom: account_types.BloomFilter) -> BloomFilter:
    return BloomFilter(bloom.keys, bloom.bits)


def _round(round_: account_types.Round) -> Round:
    return Round(
        data_index=round_.data_index,
        random_seed=round_.random_seed,
        height=round_.height,
        clients_len=round_.clients_len,
        tie_breaker_tasks=round_.tie_breaker_tasks,
        witnesses=tuple(
            WitnessRecord(
                position=witness.position,
                index=witness.index,
                witness=int(witness.witness),
                participant_bloom=_bloom(witness.participant_bloom),
                broadcast_bloom=_bloom(witness.broadcast_bloom),
                broadcast_merkle=witness.broadcast_merkle,
            )
            for witness in round_.witnesses
        ),
    )
