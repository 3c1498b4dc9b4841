"""A coordinator account as the model predicts it, with the properties of one that was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount

if TYPE_CHECKING:
    from psyche_cli.model.states import CoordinatorState
    from psyche_cli.protocol.layouts.memory_values import PlainValue


class ReplayedAccount(CoordinatorAccount):
    """The account with the address and the lamports of ``before`` in a state of the model.

    It has no memory image: ``image`` is None.
    """

    def __init__(self, before: CoordinatorAccount, state: CoordinatorState) -> None:
        for name in ("address", "lamports", "layout", "has_rules_of_v1", "_state", "_epoch"):
            setattr(self, name, getattr(before, name))
        self.image = None
        self._version = before.version
        self._model_state = state
        # These are cached properties, which take their value from here.
        vars(self).update(
            run_id=state.run_id,
            client_version=state.client_version,
            run_state=state.run_state,
            metadata=state.metadata,
            config=state.config,
            model=state.model,
            readable_model=state.model,
            progress=state.progress,
            rounds=state.epoch.rounds,
            epoch_clients=state.epoch.clients,
            exited_clients=state.epoch.exited_clients,
            clients=state.clients,
            current_epoch_rates=state.current_epoch_rates,
            future_epoch_rates=state.future_epoch_rates,
        )

    @property
    def version(self) -> int:
        """The version of the layout."""
        return self._version

    @property
    def nonce(self) -> int:
        """The number of instructions that changed the run's state."""
        return self._model_state.nonce

    @property
    def run_state_start_timestamp(self) -> int:
        """When the run entered its current state, in Unix seconds."""
        return self._model_state.run_state_start_timestamp

    @property
    def pending_pause(self) -> bool:
        """Whether the run pauses when the epoch ends."""
        return self._model_state.pending_pause

    @property
    def epoch(self) -> int:
        """The number of the current epoch, from 0."""
        return self._model_state.progress["epoch"]

    @property
    def step(self) -> int:
        """The number of the current step."""
        return self._model_state.step

    @property
    def rounds_head(self) -> int:
        """The index of the current round in ``rounds``."""
        return self._model_state.epoch.rounds_head

    @property
    def epoch_start_step(self) -> int:
        """The step at which the epoch began."""
        return self._model_state.epoch.start_step

    @property
    def epoch_last_step(self) -> int:
        """The step after which the epoch ends because its time is up; 0 until it is set."""
        return self._model_state.epoch.last_step

    @property
    def epoch_start_timestamp(self) -> int:
        """When the epoch began, in Unix seconds."""
        return self._model_state.epoch.start_timestamp

    @property
    def first_round(self) -> bool:
        """Whether the epoch is in its first round, or before it."""
        return self._model_state.epoch.first_round

    @property
    def cold_start_epoch(self) -> bool:
        """Whether the epoch follows a pause."""
        return self._model_state.epoch.cold_start_epoch

    @property
    def next_active(self) -> int:
        """The value of ``active`` with which a client takes part in the next epoch."""
        return self._model_state.next_active

    @property
    def is_warmup_first_tick(self) -> bool:
        """Whether this epoch has yet to adopt the future rates."""
        return self._model_state.is_warmup_first_tick

    @property
    def is_training_first_tick(self) -> bool:
        """Whether this epoch has yet to increment ``next_active``."""
        return self._model_state.is_training_first_tick

    def as_dict(self) -> dict[str, PlainValue]:
        """Not available without a memory image. Raises NotImplementedError."""
        raise NotImplementedError
