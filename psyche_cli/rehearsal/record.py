"""What happened in a rehearsal, from the states of the run that were observed: states, epochs and rounds.

States and epochs are recorded as those of a simulation, so that both can be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from psyche_cli.model.bloom import contains, wallet_item
from psyche_cli.model.committee import CommitteeSelection, quorum
from psyche_cli.model.data_assignment import split_batch
from psyche_cli.model.instructions import Committee, Instruction, Tick
from psyche_cli.model.outcomes import Outcome, Refusal
from psyche_cli.model.simulation.history import EpochRecord, History
from psyche_cli.model.simulation.recorder import Recorder
from psyche_cli.model.states import CoordinatorState
from psyche_cli.model.transitions import next_data_index
from psyche_cli.protocol.accounts.coordinator_rounds import Round
from psyche_cli.protocol.run_states import RunState


class RoundRecord(NamedTuple):
    """A round. Times are Unix seconds of the cluster; ``ended_at`` is None for one that did not end.

    ``step`` is the step that it trained, and ``sequences`` the number of sequences of its batch. ``clients`` are the
    wallets of its clients, and ``shares`` the number of sequences that each of them trains. ``witnesses`` are the
    wallets that reported it, and ``seen`` those that enough witnesses have seen, so that their results count.
    ``dropped`` are clients that were not healthy at its end.
    """

    epoch: int
    height: int
    step: int
    began_at: int
    ended_at: int | None
    data_index: int
    sequences: int
    clients: tuple[bytes, ...]
    shares: tuple[int, ...] = ()
    witnesses: tuple[bytes, ...] = ()
    seen: tuple[bytes, ...] = ()
    dropped: tuple[bytes, ...] = ()

    @property
    def is_lost(self) -> bool:
        """Whether no result counts, because too few witnesses reported the round."""
        return self.ended_at is not None and not self.seen


class _Observed:
    """The state and the time of the run, in place of the world of a simulation."""

    def __init__(self, state: CoordinatorState, now: int) -> None:
        self.state, self.now = state, now
        self.observe: Callable[[CoordinatorState, Instruction, bytes, Outcome], None] = lambda *_: None


class RunRecord:
    """The course of a run from the first observation on. Each later one must follow after one instruction."""

    def __init__(self, state: CoordinatorState, now: int) -> None:
        self.started_at = now
        self.first = state
        self.rounds: list[RoundRecord] = []
        self._world = _Observed(state, now)
        self._recorder = Recorder(self._world)
        self._open: RoundRecord | None = None
        self._follow_round(state, now)

    @property
    def state(self) -> CoordinatorState:
        """The latest observed state."""
        return self._world.state

    @property
    def now(self) -> int:
        """The time of the latest observation, in Unix seconds of the cluster."""
        return self._world.now

    @property
    def history(self) -> History:
        """The states that the run was in."""
        return self._recorder.history

    @property
    def epochs(self) -> list[EpochRecord]:
        """The epochs that ended."""
        return self._recorder.epochs

    @property
    def all_rounds(self) -> list[RoundRecord]:
        """All rounds, with the one in progress."""
        return [*self.rounds, *([] if self._open is None else [self._open])]

    def observe(self, state: CoordinatorState, now: int) -> None:
        """Record the state of the run at a time."""
        before, self._world.state, self._world.now = self._world.state, state, now
        self._world.observe(before, Tick(), b"", Outcome(state, ()))
        self._follow_round(state, now)

    def _follow_round(self, state: CoordinatorState, now: int) -> None:
        is_open = state.run_state in (RunState.ROUND_TRAIN, RunState.ROUND_WITNESS)
        current, key = state.current_round, (state.progress["epoch"], state.current_round.height)
        if self._open is not None and (not is_open or key != (self._open.epoch, self._open.height)):
            self._close(state, now)
        if not is_open:
            return
        if self._open is None:
            self._open = _new_round(state, now)
        clients = self._open.clients
        self._open = self._open._replace(
            witnesses=tuple(clients[one.index] for one in current.witnesses if one.index < len(clients)),
            seen=seen_by_quorum(current, clients, state),
        )

    def _close(self, state: CoordinatorState, now: int) -> None:
        assert self._open is not None
        staying = {client.id.signer for client in state.epoch.clients}
        gone = tuple(wallet for wallet in self._open.clients if wallet not in staying)
        self.rounds.append(self._open._replace(ended_at=now, dropped=gone))
        self._open = None


def seen_by_quorum(of_round: Round, clients: tuple[bytes, ...], state: CoordinatorState) -> tuple[bytes, ...]:
    """The wallets among ``clients`` that enough witnesses of a round have seen; none without witnesses."""
    witnesses = of_round.witnesses
    if not witnesses:
        return ()
    needed = quorum(len(witnesses), state.config)
    return tuple(
        wallet
        for wallet in clients
        if sum(contains(record.participant_bloom, wallet_item(wallet)) for record in witnesses) >= needed
    )


def _new_round(state: CoordinatorState, now: int) -> RoundRecord:
    current = state.current_round
    return RoundRecord(
        epoch=state.progress["epoch"],
        height=current.height,
        step=state.step,
        began_at=now,
        ended_at=None,
        data_index=current.data_index,
        sequences=next_data_index(state) - current.data_index,
        clients=tuple(client.id.signer for client in state.epoch.clients[: current.clients_len]),
        shares=_shares(state, next_data_index(state) - current.data_index),
    )


def _shares(state: CoordinatorState, size: int) -> tuple[int, ...]:
    """The number of sequences of each client of the current round, in the order of the clients."""
    current = state.current_round
    sizes = [0] * current.clients_len
    try:
        selection = CommitteeSelection.of(current, state.config)
    except Refusal:
        return tuple(sizes)
    trainers = [
        index
        for index in range(current.clients_len)
        if selection.committee(selection.committee_position(index)) == Committee.TRAINER
    ]
    for index, sequences in split_batch(current.data_index, size, trainers, current.random_seed) if trainers else ():
        sizes[index] = len(sequences)
    return tuple(sizes)
