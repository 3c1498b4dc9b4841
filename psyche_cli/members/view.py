"""A run as one of its members sees it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from solders.pubkey import Pubkey

from psyche_cli.members.run_now import RoundId, RunNow
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
from psyche_cli.protocol.run_states import ClientState, RunState


class RunView:
    """A run as the member with ``wallet`` sees it.

    ``claimable`` are the points that it can claim from the run's treasurer, as far as the vault can pay them; 0 without
    a treasurer, or if this was not looked up.
    """

    def __init__(self, run: RunNow, wallet: Pubkey, claimable: int = 0) -> None:
        self.run = run
        self.wallet = wallet
        self.claimable = claimable
        self._key = bytes(wallet)

    @property
    def account(self) -> CoordinatorAccount:
        """The decoded coordinator account."""
        return self.run.account

    @property
    def now(self) -> int:
        """The cluster's time, in Unix seconds."""
        return self.run.now

    @property
    def state(self) -> RunState:
        """The state of the run."""
        return self.run.state

    @property
    def epoch(self) -> int:
        """The number of the current epoch, from 0."""
        return self.account.epoch

    @property
    def step(self) -> int:
        """The number of the current step, from 1."""
        return self.account.step

    @property
    def round_id(self) -> RoundId:
        """The number of the current or latest round."""
        return self.run.round_id

    @property
    def is_training(self) -> bool:
        """Whether a round is in progress, so that witnesses can report."""
        return self.state in (RunState.ROUND_TRAIN, RunState.ROUND_WITNESS)

    @cached_property
    def has_joined(self) -> bool:
        """Whether the wallet takes part in the next epoch if it begins now."""
        clients = self.account.clients
        return any(one.id.signer == self._key and one.active == self.account.next_active for one in clients)

    @cached_property
    def earned(self) -> int:
        """The points that the wallet has earned so far."""
        return next((one.earned for one in self.account.clients if one.id.signer == self._key), 0)

    @property
    def index(self) -> int | None:
        """The position in the clients of the epoch; None outside of the epoch.

        While a run waits for members, or is halted, these are the clients of the last epoch.
        """
        return self.run.indexes.get(self._key)

    @property
    def is_healthy(self) -> bool:
        """Whether the wallet is a client of the epoch and has not left it."""
        index = self.index
        return index is not None and self.account.epoch_clients[index].state == ClientState.HEALTHY

    @property
    def witness_position(self) -> int | None:
        """The position in the witness shuffle of the current round; None for a member that is no witness of it."""
        index = self.index
        return None if index is None else self.run.witness_positions.get(index)

    @property
    def is_witness(self) -> bool:
        """Whether the wallet is a witness of the current round."""
        return self.witness_position is not None

    @property
    def has_reported(self) -> bool:
        """Whether the account holds the member's record of this round or, in Warmup, that it is ready."""
        return self.index is not None and self.index in self.run.reported

    @property
    def sequences(self) -> range:
        """The part of the current round's batch that the member trains; empty if it trains none."""
        index = self.index
        return next((share.sequences for share in self.run.shares if share.index == index), range(0))

    @property
    def expected_from(self) -> tuple[Pubkey, ...]:
        """The wallets of all members that train in the current round, in the order of the data."""
        return tuple(share.wallet for share in self.run.shares)

    @property
    def is_tick_due(self) -> bool:
        """Whether a tick would change the run now."""
        return self.run.tick.now

    @property
    def due_at(self) -> int:
        """The time from which a tick changes the run, in Unix seconds; 0 if it does not wait for time to pass."""
        return self.run.due_at

    @property
    def checkpoint(self) -> str | Mapping[str, Any]:
        """Where the model is stored according to the account, such as ``{"Hub": {...}}``."""
        llm: Any = self.account.model["LLM"]
        found: str | Mapping[str, Any] = llm["checkpoint"]
        return found

    @cached_property
    def is_saver(self) -> bool:
        """Whether the member is the one that saves the checkpoint of the epoch: its first healthy client."""
        clients = self.account.epoch_clients
        first = next((client for client in clients if client.state == ClientState.HEALTHY), None)
        return first is not None and first.id.signer == self._key
