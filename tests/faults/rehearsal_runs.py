"""Random rehearsals with faults, whose processes are real, but forked."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from psyche_cli.localnet.process import LocalValidatorProcess
from psyche_cli.model.states import CoordinatorState
from psyche_cli.operations.rehearsal import rehearse as operation
from psyche_cli.operations.rehearsal import setup
from psyche_cli.operations.rehearsal.evidence import Evidence
from psyche_cli.operations.rehearsal.folders import temporary_folder as made_folder
from psyche_cli.operations.rehearsal.payloads import RehearsalData
from psyche_cli.operations.rehearsal.progress import Progress
from psyche_cli.operations.rehearsal.request import Request
from psyche_cli.operations.rehearsal.result import result_of as made
from psyche_cli.protocol.run_states import RunState
from psyche_cli.rehearsal.faults import Fault, random_faults
from psyche_cli.rehearsal.run_workers import configuration
from psyche_cli.rehearsal.settings import name_of
from psyche_cli.run_config.load import RunConfig, load_run_config
from psyche_cli.workers.registry.registry import Registry
from psyche_cli.workers.registry.rows import Move, Worker
from psyche_cli.workers.storage.layout import WorkersFolder
from tests.faults.supervised import processes_of
from tests.faults.verdicts import Files
from tests.support.forking import ForkEngine, Forker
from tests.support.rehearsal_environment import rehearsal_environment

EXAMPLE: Final = Path(__file__).parents[2] / "configs" / "minimal.toml"
LAST_STEP: Final = 5
IMPORTED: Final = (
    "psyche_cli.rehearsal.worker",
    "psyche_cli.rehearsal.fake_trainer",
    "psyche_cli.cli.app",
    "psyche_cli.cli.command_line",
    "psyche_cli.cli.commands.localnet.serve",
    "psyche_cli.localnet.local_validator",
    "psyche_cli.operations.rewards.payloads",
)
"""What the forked processes need, so that each does not import it again."""


class Plan(NamedTuple):
    """A rehearsal of a seed."""

    members: int
    epoch_time: int
    epochs: int
    faults: tuple[Fault, ...]
    seed: int
    check_percent: float = 100.0
    batch: int = 4


class Sample(NamedTuple):
    """When it was what time on the cluster: Unix seconds of the machine, and of the cluster."""

    real: float
    cluster: int


class Rehearsed(NamedTuple):
    """What is known after a rehearsal: the report, and what it was made of."""

    data: RehearsalData
    evidence: Evidence
    states: Mapping[int, CoordinatorState]
    """The run when each round was first seen, by its step."""
    samples: Sequence[Sample]
    files: Files
    workers: Mapping[int, Worker]
    """The workers in the registry, by member."""
    moves: Sequence[Move]
    """Their transitions."""


def drawn_plan(seed: str) -> Plan:
    """The rehearsal of a seed."""
    chance = random.Random(seed)
    members = chance.choice((3, 3, 4, 4, 5, 6, 7, 8))
    number = chance.randrange(1 << 31)
    faults = random_faults(chance.randrange(0, 5), members=members, seed=number, last_step=LAST_STEP)
    lies = random_faults(chance.choice((0, 1, 2, 3)), members=members, seed=number + 1, last_step=3, kinds=("lie",))
    epochs, percent = chance.choice((1, 1, 1, 1, 2)), chance.choice((100.0, 100.0, 60.0))
    batch = chance.choice((members, members, members + 1, 2 * members - 1, 3))
    return Plan(members, chance.choice((12, 16)), epochs, (*faults, *lies), number, percent, batch)


def run_config(folder: Path, plan: Plan) -> RunConfig:
    """The configuration of the example with short epochs, and the batch of the plan."""
    path = folder / f"epochs-of-{plan.epoch_time}-and-{plan.batch}.toml"
    text = EXAMPLE.read_text().replace("epoch_time = 60", f"epoch_time = {plan.epoch_time}")
    path.write_text(text.replace("batch_size_start = 4", f"batch_size_start = {plan.batch}"))
    found = load_run_config(path)
    assert found.config["epoch_time"] == plan.epoch_time
    assert found.config["global_batch_size_start"] == plan.batch
    return found


def with_gpus(*given: Any) -> dict[str, Any]:
    """The configuration of the workers, of whom each wants a GPU slot, if there is one."""
    found = configuration(*given)
    for worker in found["metadata"]["workers"]:
        worker["gpus"] = {"requested": 1, "mandatory": False}
    return found


class ForkedValidator(LocalValidatorProcess):
    """A local validator that is forked."""

    def __init__(self, forker: Forker, folder: Path, options: list[str]) -> None:
        super().__init__(options)
        self._forker = forker
        self._folder = folder

    def start(self) -> None:
        stdout = self._folder / "validator.json"
        stdout.touch()
        words = ["localnet", "--rpc-port", "0", "--output", "json", *self._options]
        process: Any = self._forker.start_command(words, stdout, self._folder / "validator.log")
        self._process = process
        with stdout.open("rb") as report:
            self._urls = self._await_ready(process, report)


class Rehearsals:
    """Carries out rehearsals whose processes are all forked: the daemon, the validator and the workers."""

    def __init__(self, forker: Forker, folder: Path) -> None:
        self.folder = folder
        self._forker = forker
        self.state = folder / "state"
        self.state.mkdir()
        self.workers_folder = WorkersFolder.of_state(self.state)
        self.pid = forker.start_daemon(self.state, gpus=2)

    def rehearse(self, plan: Plan, monkeypatch_setattr: Callable[[object, str, object], None]) -> Rehearsed:
        """Rehearse a plan."""
        caught: list[Evidence] = []
        files: list[Files] = []
        states: dict[int, CoordinatorState] = {}
        samples: list[Sample] = []

        def result_of(request: Request, evidence: Evidence, outline: Any) -> Any:
            caught.append(evidence)
            return made(request, evidence, outline)

        def show(progress: Progress) -> None:
            if progress.cluster is not None:
                samples.append(Sample(time.time(), progress.cluster.now))
                state = progress.cluster.record.state
                if state.run_state in (RunState.ROUND_TRAIN, RunState.ROUND_WITNESS):
                    states.setdefault(state.step, state)

        @contextmanager
        def temporary_folder() -> Iterator[Path]:
            with made_folder() as folder:
                yield folder
                files.append(Files.of(folder / "members"))

        monkeypatch_setattr(operation, "result_of", result_of)
        monkeypatch_setattr(operation, "temporary_folder", temporary_folder)
        monkeypatch_setattr(operation, "configuration", with_gpus)
        monkeypatch_setattr(setup, "LocalValidatorProcess", self._validator)
        environment = rehearsal_environment(self.folder)
        request = Request(
            run_config(self.folder, plan),
            plan.members,
            epochs=plan.epochs,
            trainer="fake",
            faults=plan.faults,
            seed=plan.seed,
            check_percent=plan.check_percent,
            state_folder=self.state,
        )
        data = operation.rehearse(environment, request, show).data
        registry = Registry(self.workers_folder.registry)
        try:
            workers = {
                number: registry.worker(data.worker_run, name_of(number)) for number in range(1, plan.members + 1)
            }
            moves = registry.history(data.worker_run)
        finally:
            registry.close()
        return Rehearsed(data, caught[0], states, samples, files[0], workers, moves)

    def _validator(self, options: list[str], *, log: Path) -> LocalValidatorProcess:
        return ForkedValidator(self._forker, log.parent, options)

    def close(self) -> None:
        """Kill the daemon, which has no open run."""
        self._forker.kill_daemon(self.pid)


def left_over(rehearsals: Rehearsals, forker: Forker) -> Iterator[str]:
    """Processes and slots that a rehearsal has left."""
    if names := ForkEngine(forker.address).names():
        yield f"launches are left: {names}"
    registry = Registry(rehearsals.workers_folder.registry)
    try:
        if held := [slot for slot in registry.slots() if slot.run_id is not None]:
            yield f"slots are held: {held}"
        if is_open := [run.run_id for run in registry.runs() if run.finished_at is None]:
            yield f"runs are open: {is_open}"
    finally:
        registry.close()
    if left := [pid for pid in processes_of(rehearsals.folder) if pid != rehearsals.pid]:
        yield f"processes are left: {left}"
