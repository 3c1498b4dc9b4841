"""Everything that a coordinator account holds, as values that never change.

The parts are those that the decoder returns. The whole is a class of its own beside ``CoordinatorAccount``: that one
reads a memory image when asked, this one is complete and is replaced by the next state.

Names are those of the account's layout. Wallets and p2p identities are 32 bytes; times are seconds of cluster time;
``metadata``, ``config``, ``model`` and ``progress`` are plain values in the shape in which
``protocol.accounts.coordinator_account`` decodes them, and are only ever replaced, never written to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from psyche_cli.limits import MAX_CLIENT_VERSION_BYTES, MAX_RUN_ID_BYTES, STORED_ROUNDS
from psyche_cli.protocol.accounts.coordinator_parts import EpochClient, EpochRates, PendingClient, Round
from psyche_cli.protocol.layouts.memory_values import MemoryReader
from psyche_cli.protocol.layouts.v1 import CoordinatorImage
from psyche_cli.protocol.run_states import RunState

PlainTable: TypeAlias = Mapping[str, Any]

_NO_RATES = EpochRates()


@dataclass(frozen=True)
class EpochState:
    """The epoch under way, or the last one. ``last_step`` is 0 while the epoch's end is open."""

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
    """A coordinator account. ``closed`` means that it was freed: it and its instance no longer exist."""

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
        """The current step: from 1 on once the run was first resumed."""
        return self.progress["step"]

    @property
    def max_seq_len(self) -> int:
        """Tokens of a sequence."""
        length: int = self.model["LLM"]["max_seq_len"]
        return length

    @property
    def current_round(self) -> Round:
        """The round under way, or the last one."""
        return self.epoch.rounds[self.epoch.rounds_head]

    @property
    def previous_round(self) -> Round | None:
        """The round before it in the ring; none before the first round of an epoch has a successor."""
        if self.epoch.rounds_head == 0 and self.current_round.height == 0:
            return None
        return self.epoch.rounds[(self.epoch.rounds_head - 1) % STORED_ROUNDS]

    def with_current_round(self, current: Round) -> CoordinatorState:
        """The same with another current round."""
        rounds = list(self.epoch.rounds)
        rounds[self.epoch.rounds_head] = current
        return replace(self, epoch=replace(self.epoch, rounds=tuple(rounds)))

    def with_progress(self, **changes: int) -> CoordinatorState:
        """The same with other values of ``progress`` (epoch, step, epoch_start_data_index)."""
        return replace(self, progress={**self.progress, **changes})


def initial_state(run_id: str, client_version: str) -> CoordinatorState:
    """What init_coordinator leaves: the two texts, cut to 32 and 96 bytes, and zeros everywhere else.

    Zeros mean: Uninitialized, checkpoint Ephemeral, optimizer Dummy, an all-zero config, step 0.
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
    """A text as it reads after it was stored in ``capacity`` bytes padded with NUL; cut inside a character too."""
    return text.encode()[:capacity].rstrip(b"\0").decode(errors="replace")
