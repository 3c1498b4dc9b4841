"""Rewards and slashing at the end of an epoch."""

from __future__ import annotations

from dataclasses import replace

from psyche_cli.model.arithmetic import add
from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.accounts.coordinator_parts import PendingClient
from psyche_cli.protocol.run_states import ClientState


def distribute_rewards(state: CoordinatorState) -> CoordinatorState:
    """Iterate once over all clients that ever joined, and in parallel over the epoch's clients and the exited clients.

    A client that is still Healthy earns an equal share, rounded down; the remainder is not paid out. An Ejected client
    is slashed (but the program currently ejects none). Both lists are assumed to be in the order in which clients
    joined: an exited client that is out of order causes all those after it to be skipped.
    """
    finished, exited, rates = state.epoch.clients, state.epoch.exited_clients, state.current_epoch_rates
    finished_at = exited_at = 0
    clients: list[PendingClient] = []
    for client in state.clients:
        if finished_at < len(finished) and finished[finished_at].id.signer == client.id.signer:
            if finished[finished_at].state == ClientState.HEALTHY:
                share = rates.earning_rate_total_shared // len(finished)
                client = client._replace(earned=add(client.earned, share))
            finished_at += 1
        if exited_at < len(exited) and exited[exited_at].id.signer == client.id.signer:
            if exited[exited_at].state == ClientState.EJECTED:
                client = client._replace(slashed=add(client.slashed, rates.slashing_rate_per_client))
            exited_at += 1
        clients.append(client)
    return replace(state, clients=tuple(clients))
