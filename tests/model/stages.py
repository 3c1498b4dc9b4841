"""Runs in every stage, reached by instructions."""

from __future__ import annotations

from typing import Any

from psyche_cli.model.committee import CommitteeSelection
from psyche_cli.model.coordinator_model import apply
from psyche_cli.model.execution import Clock
from psyche_cli.model.instructions import (
    Checkpoint,
    HealthCheck,
    Instruction,
    JoinRun,
    SetPaused,
    Tick,
    Update,
    WarmupWitness,
    Witness,
)
from psyche_cli.model.outcomes import Outcome
from psyche_cli.model.states import CoordinatorState, initial_state
from psyche_cli.protocol.accounts.coordinator_rounds import WitnessRecord
from psyche_cli.protocol.run_states import RunState
from tests.model.recording import OWNER, checkpoint_of, client, model_of, participants, result_of

CONFIG = {
    "warmup_time": 10,
    "cooldown_time": 7,
    "max_round_train_time": 20,
    "round_witness_time": 3,
    "global_batch_size_warmup_tokens": 0,
    "epoch_time": 1000,
    "total_steps": 50,
    "init_min_clients": 3,
    "min_clients": 2,
    "witness_nodes": 0,
    "global_batch_size_start": 8,
    "global_batch_size_end": 8,
    "verification_percent": 0,
    "waiting_for_members_extra_time": 5,
}
"""A valid configuration."""

PROGRESS = {"epoch": 0, "step": 1, "epoch_start_data_index": 0}
METADATA = {"name": "n", "description": "", "num_parameters": 0, "vocab_size": 0}
ME = client(0).signer
RECORD = WitnessRecord(0, 0)


class Run:
    """A run and the time. ``do`` must succeed; ``attempt`` returns the outcome without changing the run."""

    def __init__(self, **config: int) -> None:
        self.state: CoordinatorState = initial_state("run", "1.0")
        self.now = 1000
        self.last: Outcome = Outcome(self.state, ())
        self.configured = Update(config={**CONFIG, **config}, model=model_of())

    def attempt(self, instruction: Instruction, signer: bytes = OWNER) -> str | int:
        """The outcome of an instruction now, without applying it."""
        self.last = apply(self.state, instruction, signer, Clock(self.now, abs(self.now) * 2))
        return result_of(self.last)

    def do(self, instruction: Instruction, signer: bytes = OWNER) -> Run:
        """Execute an instruction now."""
        result = self.attempt(instruction, signer)
        assert result == "ok", (result, self.last)
        self.state = self.last.state
        return self

    def wait(self, seconds: int) -> Run:
        """Advance the clock."""
        self.now += seconds
        return self

    def tick(self) -> Run:
        """Tick now."""
        return self.do(Tick())

    def join(self, *numbers: int) -> Run:
        """Clients join."""
        for number in numbers:
            self.do(JoinRun(client(number)), client(number).signer)
        return self

    def witness(self, number: int, seen: str = "0,1,2,3") -> Run:
        """Submit a valid witness record of a client of the epoch."""
        return self.do(Witness(self.proof(number, seen)), client(number).signer)

    def warmup_witness(self, number: int) -> Run:
        """Submit a warmup witness record of a client of the epoch, as the published client does."""
        index = self.index(number)
        return self.do(WarmupWitness(WitnessRecord(index, index, 0)), client(number).signer)

    def checkpoint(self, number: int, text: str) -> Run:
        """Submit a checkpoint of a client."""
        return self.do(Checkpoint(checkpoint_of(text)), client(number).signer)

    def proof(self, number: int, seen: str = "0,1,2,3", **changes: Any) -> WitnessRecord:
        """A valid witness proof for the current round, with optional changes."""
        index = self.index(number)
        selection = CommitteeSelection.of(self.state.current_round, self.state.config)
        values = {"position": selection.witness_position(index), "index": index, "witness": 1, **changes}
        return WitnessRecord(**values, participant_bloom=participants(seen))

    def accusation(self, number: int, **changes: Any) -> HealthCheck:
        """A valid health check of a client of the previous round, with optional changes."""
        previous = self.state.previous_round
        assert previous is not None
        index = changes["index"] if "index" in changes else self.index(number)
        selection = CommitteeSelection.of(previous, self.state.config)
        position = selection.committee_position(index) if index < previous.clients_len else 0
        values = {
            "accused": client(number),
            "committee": selection.committee(position),
            "position": position,
            "index": index,
            **changes,
        }
        return HealthCheck(**values)

    def index(self, number: int) -> int:
        """The index of a client in the epoch."""
        wallets = [member.id.signer for member in self.state.epoch.clients]
        return wallets.index(client(number).signer)

    def members(self) -> dict[str, str]:
        """The states of the epoch's clients, by the number of the client."""
        numbers = {client(number).signer: str(number) for number in range(64)}
        return {numbers[member.id.signer]: member.state.text for member in self.state.epoch.clients}

    def earned(self) -> list[int]:
        """The points of all clients."""
        return [pending.earned for pending in self.state.clients]

    @property
    def stage(self) -> RunState:
        """The state of the run."""
        return self.state.run_state

    def is_at(self, stage: RunState) -> Run:
        """Assert the state of the run."""
        assert self.stage == stage, self.last
        return self

    def play_round(self, seen: str = "0,1,2,3") -> Run:
        """Complete a round from RoundTrain: all clients witness, and the witness time elapses."""
        for member in list(self.members()):
            self.witness(int(member), seen)
        return self.is_at(RunState.ROUND_WITNESS).wait(3).tick()


def uninitialized(**config: int) -> Run:
    """A new run with a configuration."""
    run = Run(**config)
    return run.do(run.configured)


def waiting(*clients: int, **config: int) -> Run:
    """A run that has just been resumed, with all clients joined."""
    run = uninitialized(**config).wait(5).do(SetPaused(False))
    return run.join(*clients).is_at(RunState.WAITING_FOR_MEMBERS)


def warmup(*clients: int, **config: int) -> Run:
    """A run in Warmup."""
    return waiting(*(clients or (0, 1, 2)), **config).wait(5).tick().is_at(RunState.WARMUP)


def training(*clients: int, **config: int) -> Run:
    """A run in the first round."""
    return warmup(*clients, **config).wait(10).tick().is_at(RunState.ROUND_TRAIN)


def witnessing(*clients: int, **config: int) -> Run:
    """A run in RoundWitness of the first round, with no witness records."""
    return training(*clients, **config).wait(20).tick().is_at(RunState.ROUND_WITNESS)


def cooldown(*clients: int, **config: int) -> Run:
    """A run in Cooldown after one complete round, with no steps left."""
    config = {"total_steps": 2, **config}
    return training(*clients, **config).play_round().is_at(RunState.COOLDOWN)


def paused(**config: int) -> Run:
    """A run that was paused in WaitingForMembers."""
    return waiting(0, 1, **config).do(SetPaused(True)).is_at(RunState.PAUSED)


def finished(**config: int) -> Run:
    """A finished run."""
    return cooldown(**config).wait(7).tick().is_at(RunState.FINISHED)


STAGES = {
    RunState.UNINITIALIZED: uninitialized,
    RunState.WAITING_FOR_MEMBERS: lambda: waiting(0, 1),
    RunState.WARMUP: warmup,
    RunState.ROUND_TRAIN: training,
    RunState.ROUND_WITNESS: witnessing,
    RunState.COOLDOWN: cooldown,
    RunState.FINISHED: finished,
    RunState.PAUSED: paused,
}
"""A run in each state."""
