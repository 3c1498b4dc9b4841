"""Runs brought to any stage of their life by the instructions that lead there."""

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
from psyche_cli.protocol.accounts.coordinator_parts import WitnessRecord
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
"""A sound configuration."""

PROGRESS = {"epoch": 0, "step": 1, "epoch_start_data_index": 0}
METADATA = {"name": "n", "description": "", "num_parameters": 0, "vocab_size": 0}
ME = client(0).signer
RECORD = WitnessRecord(0, 0)


class Run:
    """A run and the time. ``do`` must succeed; ``attempt`` leaves things as they are and tells the result."""

    def __init__(self, **config: int) -> None:
        self.state: CoordinatorState = initial_state("run", "1.0")
        self.now = 1000
        self.last: Outcome = Outcome(self.state, ())
        self.configured = Update(config={**CONFIG, **config}, model=model_of())

    def attempt(self, instruction: Instruction, signer: bytes = OWNER) -> str | int:
        """What would come of an instruction now."""
        self.last = apply(self.state, instruction, signer, Clock(self.now, abs(self.now) * 2))
        return result_of(self.last)

    def do(self, instruction: Instruction, signer: bytes = OWNER) -> Run:
        """Execute an instruction now."""
        result = self.attempt(instruction, signer)
        assert result == "ok", (result, self.last)
        self.state = self.last.state
        return self

    def wait(self, seconds: int) -> Run:
        """Let time pass."""
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
        """A client of the epoch witnesses as it should."""
        return self.do(Witness(self.proof(number, seen)), client(number).signer)

    def warmup_witness(self, number: int) -> Run:
        """A client of the epoch is ready, and says so as the published client does."""
        index = self.index(number)
        return self.do(WarmupWitness(WitnessRecord(index, index, 0)), client(number).signer)

    def checkpoint(self, number: int, text: str) -> Run:
        """A client hands in a checkpoint."""
        return self.do(Checkpoint(checkpoint_of(text)), client(number).signer)

    def proof(self, number: int, seen: str = "0,1,2,3", **changes: Any) -> WitnessRecord:
        """A true witness proof for the current round, or one with other values."""
        index = self.index(number)
        selection = CommitteeSelection.of(self.state.current_round, self.state.config)
        values = {"position": selection.witness_position(index), "index": index, "witness": 1, **changes}
        return WitnessRecord(**values, participant_bloom=participants(seen))

    def accusation(self, number: int, **changes: Any) -> HealthCheck:
        """A true report of a client of the previous round, or one with other values."""
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
        """Where in the epoch's list a client is."""
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
        """Be sure of the state of the run."""
        assert self.stage == stage, self.last
        return self

    def play_round(self, seen: str = "0,1,2,3") -> Run:
        """From RoundTrain on: all witness, and the witness time passes."""
        for member in list(self.members()):
            self.witness(int(member), seen)
        return self.is_at(RunState.ROUND_WITNESS).wait(3).tick()


def uninitialized(**config: int) -> Run:
    """A new run with a configuration."""
    run = Run(**config)
    return run.do(run.configured)


def waiting(*clients: int, **config: int) -> Run:
    """A run that was just resumed; the clients have joined."""
    run = uninitialized(**config).wait(5).do(SetPaused(False))
    return run.join(*clients).is_at(RunState.WAITING_FOR_MEMBERS)


def warmup(*clients: int, **config: int) -> Run:
    """The epoch's clients are known."""
    return waiting(*(clients or (0, 1, 2)), **config).wait(5).tick().is_at(RunState.WARMUP)


def training(*clients: int, **config: int) -> Run:
    """In the first round."""
    return warmup(*clients, **config).wait(10).tick().is_at(RunState.ROUND_TRAIN)


def witnessing(*clients: int, **config: int) -> Run:
    """The training time of the first round is up, and nobody has witnessed."""
    return training(*clients, **config).wait(20).tick().is_at(RunState.ROUND_WITNESS)


def cooldown(*clients: int, **config: int) -> Run:
    """The run's steps were done in one full round."""
    config = {"total_steps": 2, **config}
    return training(*clients, **config).play_round().is_at(RunState.COOLDOWN)


def paused(**config: int) -> Run:
    """Paused while it waited for members."""
    return waiting(0, 1, **config).do(SetPaused(True)).is_at(RunState.PAUSED)


def finished(**config: int) -> Run:
    """All steps done."""
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
