"""The contents of a coordinator account as immutable values.

Rounds, clients and rates have the types that the decoder returns. ``CoordinatorState`` is separate from
``CoordinatorAccount``, which reads a memory image lazily: a ``CoordinatorState`` has all its values, and a transition
returns a new one.

Fields are named as in the account's layout. Wallets and p2p identities are 32 bytes; times are Unix seconds by the
cluster clock; ``metadata``, ``config``, ``model`` and ``progress`` are plain values in the shape that
``protocol.accounts.coordinator_account`` decodes, and are replaced, never mutated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from psyche_cli.limits import MAX_CLIENT_VERSION_BYTES, MAX_RUN_ID_BYTES, STORED_ROUNDS
from psyche_cli.protocol.accounts.coordinator_parts import EpochClient, EpochRates, PendingClient
from psyche_cli.protocol.accounts.coordinator_rounds import Round
from psyche_cli.protocol.layouts.memory_values import MemoryReader
from psyche_cli.protocol.layouts.v1 import CoordinatorImage
from psyche_cli.protocol.run_states import RunState

PlainTable: TypeAlias = Mapping[str, Any]

_NO_RATES = EpochRates()


@dataclass(frozen=True)
class EpochState:
    """The current or latest epoch. ``last_step`` is 0 until the epoch's last step is set."""

    rounds: tuple[Round, ...] = (Round(),) * STORED_ROUNDS
    rounds_head: int = 0
    clients: tuple[EpochClient, ...] = ()
    exited_clients: tuple[EpochClient, ...] = ()
    start_step: int = 0
    last_step: int = 0
    start_timestamp: int = 0
    first_round: bool = False
    cold_start_epoch: bool = False


@dataclass(frozen=True)
class CoordinatorState:
    """The state of a coordinator account. ``closed`` means that the account and its instance no longer exist."""

    run_id: str
    client_version: str
    metadata: PlainTable
    config: Mapping[str, int]
    model: PlainTable
    progress: Mapping[str, int]
    run_state: RunState = RunState.UNINITIALIZED
    run_state_start_timestamp: int = 0
    pending_pause: bool = False
    epoch: EpochState = EpochState()
    clients: tuple[PendingClient, ...] = ()
    next_active: int = 0
    current_epoch_rates: EpochRates = _NO_RATES
    future_epoch_rates: EpochRates = _NO_RATES
    is_warmup_first_tick: bool = False
    is_training_first_tick: bool = False
    nonce: int = 0
    closed: bool = False

    @property
    def step(self) -> int:
        """The current step; at least 1 once the run has been resumed for the first time."""
        return self.progress["step"]

    @property
    def max_seq_len(self) -> int:
        """The maximum sequence length, in tokens."""
        length: int = self.model["LLM"]["max_seq_len"]
        return length

    @property
    def current_round(self) -> Round:
        """The current or latest round."""
        return self.epoch.rounds[self.epoch.rounds_head]

    @property
    def previous_round(self) -> Round | None:
        """The round before the current one in the ring buffer; None in the first round of an epoch."""
        if self.epoch.rounds_head == 0 and self.current_round.height == 0:
            return None
        return self.epoch.rounds[(self.epoch.rounds_head - 1) % STORED_ROUNDS]

    def with_current_round(self, current: Round) -> CoordinatorState:
        """A copy with ``current`` as the current round."""
        rounds = list(self.epoch.rounds)
        rounds[self.epoch.rounds_head] = current
        return replace(self, epoch=replace(self.epoch, rounds=tuple(rounds)))

    def with_progress(self, **changes: int) -> CoordinatorState:
        """A copy with changed values of ``progress`` (epoch, step, epoch_start_data_index)."""
        return replace(self, progress={**self.progress, **changes})


@dataclass(frozen=True)
class OlderState(CoordinatorState):
    """A run under the older rules, those of the program with account layout 0 (module ``older``).

    ``rounds_per_epoch`` is part of that program's configuration. ``checkpointed`` means that a checkpoint of the epoch
    was recorded.
    """

    rounds_per_epoch: int = 1
    checkpointed: bool = False


def initial_state(run_id: str, client_version: str) -> CoordinatorState:
    """The state after init_coordinator: the two texts, truncated to 32 and 96 bytes, and zeros everywhere else.

    The zeros represent the state Uninitialized, checkpoint Ephemeral, optimizer Dummy, an all-zero config and step 0.
    """
    image = CoordinatorImage()
    zeros = MemoryReader(image, 0, "(none)")
    coordinator = image.state.coordinator
    model = zeros.value(coordinator.model, "model")
    assert isinstance(model, dict)
    return CoordinatorState(
        run_id=stored_text(run_id, MAX_RUN_ID_BYTES),
        client_version=stored_text(client_version, MAX_CLIENT_VERSION_BYTES),
        metadata=zeros.table(image.state.metadata, "metadata"),
        config=zeros.integers(coordinator.config),
        model=model,
        progress=zeros.integers(coordinator.progress),
    )


def stored_text(text: str, capacity: int) -> str:
    """``text`` as read back from ``capacity`` NUL-padded bytes; truncation may split a character (U+FFFD)."""
    return text.encode()[:capacity].rstrip(b"\0").decode(errors="replace")
