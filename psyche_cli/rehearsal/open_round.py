"""The round in progress, as a member sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from psyche_cli.members.run_now import RoundId
from psyche_cli.members.view import RunView
from psyche_cli.protocol.accounts.coordinator_rounds import Round as ChainRound
from psyche_cli.protocol.run_states import RunState
from psyche_cli.training.checker import Share
from psyche_cli.training.exchange import Round


class OpenRound(NamedTuple):
    """The round in progress, as the member has last seen it.

    ``at`` names it for the exchange, and ``on_chain`` is its record in the run's account. ``shares`` are those of all
    clients, and ``clients`` their signers (32 bytes) in the order of the epoch. ``cold_start`` is the first step of the
    epoch if it began without the state of an earlier one. It began at ``began_at``, in Unix seconds of the cluster.
    """

    id: RoundId
    at: Round
    shares: tuple[Share, ...]
    clients: tuple[bytes, ...]
    cold_start: int | None
    began_at: int
    on_chain: ChainRound


def round_in_progress(view: RunView, names: Mapping[str, str]) -> OpenRound:
    """The round in progress. ``names`` are those of the members by wallet."""
    account = view.account
    shares = tuple(Share(names.get(str(one.wallet), f"x{one.index}"), one.sequences) for one in view.run.shares)
    epoch = view.run.model.epoch
    return OpenRound(
        id=view.round_id,
        at=Round(view.epoch, view.step),
        shares=shares,
        clients=tuple(client.id.signer for client in epoch.clients[: view.run.round.clients_len]),
        cold_start=epoch.start_step if epoch.cold_start_epoch else None,
        began_at=account.run_state_start_timestamp if view.state == RunState.ROUND_TRAIN else view.now,
        on_chain=view.run.round,
    )
