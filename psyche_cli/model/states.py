"""Everything that a coordinator account holds, as values that never change.

Names are those of the account's layout. Wallets and p2p identities are 32 bytes; times are seconds of cluster time;
``metadata``, ``config``, ``model`` and ``progress`` are plain values in the shape in which
``protocol.accounts.coordinator_account`` decodes them, and are only ever replaced, never written to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from psyche_cli.limits import MAX_CLIENT_VERSION_BYTES, MAX_RUN_ID_BYTES, STORED_ROUNDS
from psyche_cli.protocol.run_states import ClientState, RunState

_DISPLAY_ID_BYTES = 4

PlainTable: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Identity:
    """A client: the wallet it signs with and the key of its peer-to-peer node. Identities are compared by wallet."""

    signer: bytes
    p2p_identity: bytes = bytes(32)

    @property
    def display_id(self) -> str:
        """The first 4 bytes of the wallet in hex, as the program's log names a client. Not unique."""
        return self.signer[:_DISPLAY_ID_BYTES].hex()


@dataclass(frozen=True)
class PendingClient:
    """A wallet that ever joined the run; never removed.

    ``earned`` and ``slashed`` are points. It takes part in the next epoch if ``active`` equals ``next_active`` then.
    """

    id: Identity
    earned: int = 0
    slashed: int = 0
    active: int = 0


@dataclass(frozen=True)
class EpochClient:
    """A client of the current epoch, or one that left it in the round of ``exited_height``."""

    id: Identity
    state: ClientState = ClientState.HEALTHY
    exited_height: int = 0


@dataclass(frozen=True)
class EpochRates:
    """Points per epoch: earned by all clients together, lost by one that was ejected."""

    earning_rate_total_shared: int = 0
    slashing_rate_per_client: int = 0


@dataclass(frozen=True)
class BloomFilter:
    """1,024 bits under 8 hash keys, all u64. The all-zero default contains nothing."""

    keys: tuple[int, ...] = (0,) * 8
    bits: tuple[int, ...] = (0,) * 16


@dataclass(frozen=True)
class WitnessRecord:
    """What a witness hands in for a round, and what is stored of it.

    ``position``, ``index`` and ``witness`` are its proof: the place in the witness shuffle, the index in the epoch's
    client list, and the byte that claims (1) to be a witness. Merkle root of 32 bytes.
    """

    position: int
    index: int
    witness: int = 1
    participant_bloom: BloomFilter = BloomFilter()
    broadcast_bloom: BloomFilter = BloomFilter()
    broadcast_merkle: bytes = bytes(32)


@dataclass(frozen=True)
class Round:
    """One of the four rounds that the account remembers. ``data_index`` counts sequences."""

    data_index: int = 0
    random_seed: int = 0
    height: int = 0
    clients_len: int = 0
    tie_breaker_tasks: int = 0
    witnesses: tuple[WitnessRecord, ...] = ()


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
    current_epoch_rates: EpochRates = EpochRates()
    future_epoch_rates: EpochRates = EpochRates()
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
    return CoordinatorState(
        run_id=stored_text(run_id, MAX_RUN_ID_BYTES),
        client_version=stored_text(client_version, MAX_CLIENT_VERSION_BYTES),
        metadata={"name": "", "description": "", "num_parameters": 0, "vocab_size": 0},
        config=dict.fromkeys(_CONFIG_KEYS, 0),
        model={
            "LLM": {
                "max_seq_len": 0,
                "cold_start_warmup_steps": 0,
                "architecture": "HfLlama",
                "checkpoint": "Ephemeral",
                "data_type": "Pretraining",
                "data_location": "Dummy",
                "lr_schedule": {"Constant": {"base_lr": 0.0, "warmup_init_lr": 0.0, "warmup_steps": 0}},
                "optimizer": "Dummy",
            }
        },
        progress={"epoch": 0, "step": 0, "epoch_start_data_index": 0},
    )


def stored_text(text: str, capacity: int) -> str:
    """A text as it reads after it was stored in ``capacity`` bytes padded with NUL; cut inside a character too."""
    return text.encode()[:capacity].rstrip(b"\0").decode(errors="replace")


_CONFIG_KEYS = (
    "warmup_time",
    "cooldown_time",
    "max_round_train_time",
    "round_witness_time",
    "global_batch_size_warmup_tokens",
    "epoch_time",
    "total_steps",
    "init_min_clients",
    "min_clients",
    "witness_nodes",
    "global_batch_size_start",
    "global_batch_size_end",
    "verification_percent",
    "waiting_for_members_extra_time",
)
