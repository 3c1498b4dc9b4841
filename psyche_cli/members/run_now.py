"""A run at one time: its account and the cluster's clock, and what follows from them for all members."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.model.bloom import contains, wallet_item
from psyche_cli.model.committee import CommitteeSelection, expected_witnesses, quorum
from psyche_cli.model.data_assignment import split_batch
from psyche_cli.model.due import Need, need_of_tick
from psyche_cli.model.execution import Clock
from psyche_cli.model.from_account import state_from_account
from psyche_cli.model.instructions import Committee
from psyche_cli.model.outcomes import Refusal
from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
from psyche_cli.protocol.accounts.coordinator_parts import EpochClient
from psyche_cli.protocol.accounts.coordinator_rounds import Round
from psyche_cli.protocol.run_states import ClientState, RunState
from psyche_cli.run_config.batch_size import batch_size
from psyche_cli.solana.cluster_clock import ClusterClock

HEALTH_CHECK_FROM_HEIGHT = 2
"""The height of the first round in which the program accepts reports of absent members."""


class RoundId(NamedTuple):
    """A round of a run: the number of its epoch, and its height in the epoch, both from 0."""

    epoch: int
    height: int


class Share(NamedTuple):
    """The part of a round's batch that one member trains.

    ``index`` is its position in the clients of the epoch, ``sequences`` are numbers of sequences of the data.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which nothing needs here
    wallet: Pubkey
    sequences: range


class Absence(NamedTuple):
    """A member that too few witnesses of the previous round saw, as a health check reports it."""

    wallet: Pubkey
    p2p_identity: bytes
    committee: Committee
    position: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nothing needs here


class RunNow:
    """A run at one time: its account and the cluster's clock. Everything derived is computed once, on first use.

    The views of several wallets share it.
    """

    def __init__(self, account: CoordinatorAccount, clock: ClusterClock) -> None:
        self.account = account
        self.clock = clock

    @cached_property
    def model(self) -> CoordinatorState:
        """The run as a state of the model."""
        return state_from_account(self.account)

    @property
    def now(self) -> int:
        """The cluster's time, in Unix seconds."""
        return self.clock.unix_timestamp

    @property
    def state(self) -> RunState:
        """The state of the run."""
        return self.account.run_state

    @cached_property
    def round(self) -> Round:
        """The current or latest round. In Warmup it holds the reports of members that are ready."""
        return self.account.current_round

    @cached_property
    def round_id(self) -> RoundId:
        """The number of the current or latest round."""
        return RoundId(self.account.epoch, self.round.height)

    @cached_property
    def tick(self) -> Need:
        """Whether a tick would change the run now, or when it will."""
        return need_of_tick(self.model, Clock(self.now, self.clock.slot))

    @property
    def due_at(self) -> int:
        """The time from which a tick changes the run, in Unix seconds; 0 if it does not wait for time to pass."""
        return 0 if self.tick.due_in is None else self.now + self.tick.due_in

    @cached_property
    def indexes(self) -> Mapping[bytes, int]:
        """The position of each client of the epoch, by its wallet (32 bytes)."""
        return {client.id.signer: index for index, client in enumerate(self.account.epoch_clients)}

    @cached_property
    def selection(self) -> CommitteeSelection | None:
        """The roles in the current round; None if the configuration makes it impossible to select any."""
        return _selection(self.round, self.account.config)

    @cached_property
    def witness_positions(self) -> Mapping[int, int]:
        """The positions in the witness shuffle of those clients that are witnesses of the current round, by index."""
        selection = self.selection
        if selection is None:
            return {}
        positions = {index: selection.witness_position(index) for index in range(self._clients_in_round)}
        return {index: position for index, position in positions.items() if selection.is_witness(position)}

    @cached_property
    def reported(self) -> frozenset[int]:
        """The indexes in the records of the current round: its witnesses or, in Warmup, the members that are ready."""
        return frozenset(record.index for record in self.round.witnesses)

    @cached_property
    def expected_reports(self) -> int:
        """The number of records that completes the current round, or Warmup."""
        return expected_witnesses(self.account.config, len(self.account.epoch_clients))

    @cached_property
    def shares(self) -> tuple[Share, ...]:
        """The parts of the current round's batch, in the order of the data."""
        selection, clients = self.selection, self.account.epoch_clients
        if selection is None:
            return ()
        trainers = [
            index
            for index in range(self._clients_in_round)
            if selection.committee(selection.committee_position(index)) == Committee.TRAINER
        ]
        if not trainers:
            return ()
        start = self.round.data_index
        size = batch_size(start * self.model.max_seq_len, self.account.config)
        parts = split_batch(start, size, trainers, self.round.random_seed)
        return tuple(Share(index, clients[index].id.wallet, sequences) for index, sequences in parts)

    @cached_property
    def absences(self) -> tuple[Absence, ...]:
        """The healthy members whose report by a health check the program would accept now."""
        previous = self.model.previous_round
        if not self._can_report_absences or previous is None or not previous.witnesses:
            return ()
        selection = _selection(previous, self.account.config)
        if selection is None:
            return ()
        found = []
        for index, client in enumerate(self.account.epoch_clients[: previous.clients_len]):
            position = selection.committee_position(index)
            committee = selection.committee(position)
            if committee == Committee.TRAINER and self._was_absent(client, previous):
                identity = client.id
                found.append(Absence(identity.wallet, identity.p2p_identity, committee, position, index))
        return tuple(found)

    @property
    def _clients_in_round(self) -> int:
        return min(self.round.clients_len, len(self.account.epoch_clients))

    @property
    def _can_report_absences(self) -> bool:
        is_training = self.state in (RunState.ROUND_TRAIN, RunState.ROUND_WITNESS)
        return is_training and self.round.height >= HEALTH_CHECK_FROM_HEIGHT

    def _was_absent(self, client: EpochClient, previous: Round) -> bool:
        if client.state != ClientState.HEALTHY:
            return False
        item = wallet_item(client.id.signer)
        needed = quorum(len(previous.witnesses), self.account.config)
        seen = 0
        for record in previous.witnesses:
            seen += contains(record.participant_bloom, item)
            if seen >= needed:
                return False
        return True


def _selection(round_: Round, config: Mapping[str, int]) -> CommitteeSelection | None:
    try:
        return CommitteeSelection.of(round_, config)
    except Refusal:
        return None
