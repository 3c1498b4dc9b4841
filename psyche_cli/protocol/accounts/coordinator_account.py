"""Decoding of the coordinator account: checked immediately, read lazily."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from solders.pubkey import Pubkey

from psyche_cli.errors import WrongSize, WrongVersion
from psyche_cli.limits import DISCRIMINATOR_BYTES, STORED_ROUNDS
from psyche_cli.protocol.accounts.account_checks import check_discriminator, check_owner
from psyche_cli.protocol.accounts.coordinator_parts import EpochClient, EpochRates, Identity, PendingClient
from psyche_cli.protocol.layouts import known
from psyche_cli.protocol.layouts.memory_values import MemoryReader, PlainValue, fixed_string
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.protocol.run_states import ClientState, RunState
from psyche_cli.solana.raw_account import RawAccount

if TYPE_CHECKING:
    from psyche_cli.protocol.accounts.coordinator_rounds import BloomFilter, Round

_WHAT = "coordinator account"
_CHECKPOINT: Final = "state.coordinator.model.LLM.checkpoint"

HEADER_BYTES: Final = 1_072
"""The head of the account in every layout: version, metadata, run id, state, model, config and progress."""


def decode_coordinator_header(raw: RawAccount, programs: ProgramIds = PUBLISHED) -> CoordinatorAccount:
    """The coordinator account whose first ``HEADER_BYTES`` are in ``raw``, without its clients and rounds.

    Raises the errors of ``decode_coordinator_account``.
    """
    layout = _layout_of(raw, raw.size, programs)
    if len(raw.data) < HEADER_BYTES:
        raise WrongSize(
            f"The {_WHAT} {raw.address} is shorter than {HEADER_BYTES:,} bytes.",
            address=str(raw.address),
            found=len(raw.data),
        )
    return CoordinatorAccount(raw._replace(data=raw.data.ljust(layout.size, b"\0")), layout)


def decode_coordinator_account(raw: RawAccount, programs: ProgramIds = PUBLISHED) -> CoordinatorAccount:
    """The coordinator account in ``raw``, of any known layout (``protocol.layouts.known``).

    Raises, in this order: WrongOwner; WrongSize for a size that no layout has; WrongDiscriminator; WrongVersion for a
    version that no layout of this size has. Reading the result may raise MalformedAccount.
    """
    return CoordinatorAccount(raw, _layout_of(raw, len(raw.data), programs))


def _layout_of(raw: RawAccount, size: int, programs: ProgramIds) -> known.Layout:
    check_owner(raw, programs.coordinator, _WHAT, programs)
    version = known.version_of(raw.data)
    sizes = ", ".join(f"{layout.size:,} bytes ({layout.name})" for layout in known.LAYOUTS)
    if size not in (layout.size for layout in known.LAYOUTS):
        raise WrongSize(
            f"The {_WHAT} {raw.address} is {size:,} bytes long and has version {version}, which is not a known layout.",
            hint="It was written by another build of the program, or it is not a coordinator account. Known layouts: "
            f"{sizes}.",
            address=str(raw.address),
            found=size,
        )
    check_discriminator(raw, "CoordinatorAccount", _WHAT)
    layout = known.find_layout(raw.data, size)
    if layout is None:
        raise WrongVersion(
            f"The {_WHAT} {raw.address} is {size:,} bytes long and has version {version}, which is not a known layout.",
            hint=f"Upgrade psyche-cli. Known layouts: {sizes}.",
            address=str(raw.address),
            found=version,
        )
    return layout


class CoordinatorAccount:
    """The state of a run. Each property is read from the memory image on first use and cached.

    Times are Unix seconds by the cluster clock. ``metadata``, ``config``, ``model`` and ``progress`` are plain values
    in serde shape. Any property raises MalformedAccount if the program cannot have written its bytes. A property that
    the layout does not have is empty or 0, as documented.
    """

    def __init__(self, raw: RawAccount, layout: known.Layout) -> None:
        self.address: Pubkey = raw.address
        self.lamports: int = raw.lamports
        self.layout: str = layout.name
        """The name of the layout, such as v1."""
        self.has_rules_of_v1: bool = layout.has_rules_of_v1
        """Whether the run has the configuration of layout v1 and proceeds by the same rules."""
        self.image: Any = layout.image.from_buffer_copy(raw.data, DISCRIMINATOR_BYTES)
        """The memory image, for fields without a property."""
        self._reader = MemoryReader(self.image, DISCRIMINATOR_BYTES, str(raw.address))
        self._state: Any = self.image.state
        self._coordinator: Any = self._state.coordinator
        self._epoch: Any = self._coordinator.epoch_state
        self._clients: Any = self._state.clients_state

    def has(self, name: str) -> bool:
        """Whether the layout has the field ``name``, such as ``metadata`` or ``client_version``."""
        return any(hasattr(part, name) for part in (self._state, self._epoch))

    @property
    def version(self) -> int:
        """The version of the layout; 0 for layout v0, which has none."""
        return int(getattr(self.image, "version", 0))

    @property
    def nonce(self) -> int:
        """The number of instructions that changed the run's state; changes of the client version are not counted."""
        return int(self.image.nonce)

    @cached_property
    def run_id(self) -> str:
        """The run id."""
        return fixed_string(self._coordinator.run_id)

    @cached_property
    def client_version(self) -> str:
        """The version of the training client that the run requires; empty in layout v0."""
        return fixed_string(getattr(self._state, "client_version", b""))

    @cached_property
    def run_state(self) -> RunState:
        """The current state of the run."""
        return RunState(self._reader.tag(self._coordinator.run_state, "state.coordinator.run_state"))

    @property
    def run_state_start_timestamp(self) -> int:
        """When the run entered its current state, in Unix seconds."""
        return int(self._coordinator.run_state_start_unix_timestamp)

    @property
    def pending_pause(self) -> bool:
        """Whether the run pauses when the epoch ends."""
        return bool(self._coordinator.pending_pause.value)

    @cached_property
    def metadata(self) -> dict[str, PlainValue]:
        """name, description, num_parameters, vocab_size; empty in a layout without metadata."""
        metadata = getattr(self._state, "metadata", None)
        return {} if metadata is None else self._reader.table(metadata, "state.metadata")

    @cached_property
    def config(self) -> dict[str, int]:
        """The values of the run configuration's table ``config``; layout v0 has ``rounds_per_epoch`` and no times of
        epochs and of waiting."""
        return self._reader.integers(self._coordinator.config)

    @cached_property
    def model(self) -> dict[str, PlainValue]:
        """The model: ``{"LLM": {...}}``. In layout v2-dev, it has no more than the checkpoint and two numbers."""
        return self._model(self._reader)

    @cached_property
    def readable_model(self) -> dict[str, PlainValue]:
        """The model for display. A checkpoint whose content is damaged is None, and ``checkpoint_error`` states why."""
        return self._model(self._tolerant_reader)

    @property
    def _tolerant_reader(self) -> MemoryReader:
        return MemoryReader(self.image, DISCRIMINATOR_BYTES, str(self.address), tolerates=_CHECKPOINT)

    def _model(self, reader: MemoryReader) -> dict[str, PlainValue]:
        model = reader.value(self._coordinator.model, "state.coordinator.model")
        assert isinstance(model, dict)
        return model

    @cached_property
    def progress(self) -> dict[str, int]:
        """epoch, step, epoch_start_data_index."""
        return self._reader.integers(self._coordinator.progress)

    @property
    def epoch(self) -> int:
        """The number of the current epoch, from 0."""
        return int(self._coordinator.progress.epoch)

    @property
    def step(self) -> int:
        """The number of the current step; at least 1 once the run has been resumed for the first time."""
        return int(self._coordinator.progress.step)

    @cached_property
    def rounds(self) -> tuple[Round, ...]:
        """The ring buffer of the four latest rounds, in the order of the account."""
        path = "state.coordinator.epoch_state.rounds"
        return tuple(self._round(part, f"{path}[{i}]") for i, part in enumerate(self._epoch.rounds))

    @property
    def rounds_head(self) -> int:
        """The index of the current round in ``rounds``."""
        return self._reader.index(self._epoch, "rounds_head", STORED_ROUNDS, "state.coordinator.epoch_state")

    @property
    def current_round(self) -> Round:
        """The current or latest round."""
        return self.rounds[self.rounds_head]

    @property
    def epoch_start_step(self) -> int:
        """The step at which the epoch began."""
        return int(self._epoch.start_step)

    @property
    def epoch_last_step(self) -> int:
        """The step after which the epoch ends because its time is up; 0 until it is set, and in layout v0."""
        return int(getattr(self._epoch, "last_step", 0))

    @property
    def epoch_start_timestamp(self) -> int:
        """When the epoch began, in Unix seconds; 0 in layout v0."""
        return int(getattr(self._epoch, "start_timestamp", 0))

    @property
    def first_round(self) -> bool:
        """Whether the epoch is in its first round, or before it."""
        return bool(self._epoch.first_round.value)

    @property
    def cold_start_epoch(self) -> bool:
        """Whether the epoch follows a pause, so that the learning rate warms up again."""
        return bool(self._epoch.cold_start_epoch.value)

    @cached_property
    def epoch_clients(self) -> tuple[EpochClient, ...]:
        """The clients of the epoch."""
        return self._epoch_clients(self._epoch.clients, "state.coordinator.epoch_state.clients")

    @cached_property
    def exited_clients(self) -> tuple[EpochClient, ...]:
        """The clients that left the epoch, in the order in which they left."""
        return self._epoch_clients(self._epoch.exited_clients, "state.coordinator.epoch_state.exited_clients")

    @cached_property
    def clients(self) -> tuple[PendingClient, ...]:
        """Every wallet that has joined the run, in the order of first joining."""
        parts = self._reader.elements(self._clients.clients, "state.clients_state.clients")
        return tuple(
            PendingClient(
                _identity(part),
                earned=part.earned,
                slashed=part.slashed,
                active=part.active,
                claimer=bytes(part.claimer) if hasattr(part, "claimer") else None,
            )
            for part in parts
        )

    @property
    def next_active(self) -> int:
        """The value of ``active`` with which a client takes part in the next epoch."""
        return int(self._clients.next_active)

    @cached_property
    def current_epoch_rates(self) -> EpochRates:
        """The rates of the current epoch, in points."""
        return _rates(self._clients.current_epoch_rates)

    @cached_property
    def future_epoch_rates(self) -> EpochRates:
        """The rates from the next epoch on, in points."""
        return _rates(self._clients.future_epoch_rates)

    @property
    def is_warmup_first_tick(self) -> bool:
        """Whether this epoch has yet to adopt the future rates."""
        return bool(self._state.is_warmup_first_tick.value)

    @property
    def is_training_first_tick(self) -> bool:
        """Whether this epoch has yet to increment ``next_active``."""
        return bool(self._state.is_training_first_tick.value)

    def as_dict(self) -> dict[str, PlainValue]:
        """All values of the account in serde shape, by their names in the layout, with the ``readable_model``."""
        reader = self._tolerant_reader
        return {name: reader.value(getattr(self.image, name), name) for name, *_ in self.image._fields_}

    def _epoch_clients(self, vector: Any, path: str) -> tuple[EpochClient, ...]:
        return tuple(
            EpochClient(
                _identity(part),
                state=ClientState(self._reader.tag(part.state, f"{path}[{i}].state")),
                exited_height=part.exited_height,
            )
            for i, part in enumerate(self._reader.elements(vector, path))
        )

    def _round(self, part: Any, path: str) -> Round:
        from psyche_cli.protocol.accounts.coordinator_rounds import Round, WitnessRecord

        return Round(
            data_index=part.data_index,
            random_seed=part.random_seed,
            height=part.height,
            clients_len=part.clients_len,
            tie_breaker_tasks=part.tie_breaker_tasks,
            witnesses=tuple(
                WitnessRecord(
                    position=witness.proof.position,
                    index=witness.proof.index,
                    witness=int(bool(witness.proof.witness.value)),
                    participant_bloom=_bloom(witness.participant_bloom),
                    broadcast_bloom=_bloom(witness.broadcast_bloom),
                    broadcast_merkle=bytes(witness.broadcast_merkle.inner),
                )
                for witness in self._reader.elements(part.witnesses, f"{path}.witnesses")
            ),
        )


def _identity(part: Any) -> Identity:
    both = bytes(part.id)
    return Identity(both[: Pubkey.LENGTH], both[Pubkey.LENGTH :])


def _rates(part: Any) -> EpochRates:
    return EpochRates(part.earning_rate_total_shared, part.slashing_rate_per_client)


def _bloom(part: Any) -> BloomFilter:
    from psyche_cli.protocol.accounts.coordinator_rounds import BloomFilter

    return BloomFilter(tuple(part.keys), tuple(part.bits))
