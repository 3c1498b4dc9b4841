"""Random rehearsals with faults, and what the registry, the chain and the report must agree on afterward.

``python -m tests.faults.rehearsed --count 300 --seed 7`` plays as many as are wanted, and prints what is wrong.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from psyche_cli.lifecycle.crynux_group import GROUP_SIZE
from psyche_cli.localnet.process import LocalValidatorProcess
from psyche_cli.operations.rehearsal import rehearse as operation
from psyche_cli.operations.rehearsal import setup
from psyche_cli.operations.rehearsal.evidence import Evidence
from psyche_cli.operations.rehearsal.payloads import RehearsalData, RehearsedRound
from psyche_cli.operations.rehearsal.progress import Progress
from psyche_cli.operations.rehearsal.report import Findings
from psyche_cli.operations.rehearsal.request import Request
from psyche_cli.operations.rehearsal.result import result_of as made
from psyche_cli.protocol.run_states import RunState
from psyche_cli.rehearsal.faults import Fault, random_faults
from psyche_cli.rehearsal.record import RoundRecord
from psyche_cli.rehearsal.settings import name_of
from psyche_cli.run_config.load import RunConfig, load_run_config
from psyche_cli.workers.registry.registry import Registry
from psyche_cli.workers.registry.rows import Worker
from psyche_cli.workers.storage.layout import WorkersFolder
from tests.faults.supervised import processes_of
from tests.support.forking import ForkEngine, Forker
from tests.support.rehearsal_environment import rehearsal_environment

EXAMPLE: Final = Path(__file__).parents[2] / "configs" / "minimal.toml"
CHECK_PERCENT: Final = 100.0
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


class Rehearsed(NamedTuple):
    """What is known after a rehearsal: the report, and what it was made of."""

    data: RehearsalData
    evidence: Evidence
    seeds: Mapping[tuple[int, int], int]
    """The random seed of each round, by epoch and height."""
    workers: Mapping[int, Worker]
    """The workers in the registry, by member."""


def drawn_plan(seed: str) -> Plan:
    """The rehearsal of a seed."""
    chance = random.Random(seed)
    members = chance.choice((3, 3, 3, 4))
    number = chance.randrange(1 << 31)
    faults = random_faults(chance.randrange(0, 5), members=members, seed=number, last_step=LAST_STEP)
    return Plan(members, chance.choice((12, 16)), chance.choice((1, 1, 1, 1, 2)), faults, number)


def run_config(folder: Path, epoch_time: int) -> RunConfig:
    """The configuration of the example with short epochs."""
    path = folder / f"epochs-of-{epoch_time}.toml"
    if not path.exists():
        path.write_text(EXAMPLE.read_text().replace("epoch_time = 60", f"epoch_time = {epoch_time}"))
    found = load_run_config(path)
    assert found.config["epoch_time"] == epoch_time
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
        self._urls = self._await_ready(process, stdout)


class Theater:
    """Plays rehearsals whose processes are all forked: the daemon, the validator and the workers."""

    def __init__(self, forker: Forker, folder: Path) -> None:
        self.folder = folder
        self._forker = forker
        self.state = folder / "state"
        self.state.mkdir()
        self.workers_folder = WorkersFolder.of_state(self.state)
        self.pid = forker.start_daemon(self.state, gpus=2)

    def play(self, plan: Plan, monkeypatch_setattr: Callable[[object, str, object], None]) -> Rehearsed:
        """Rehearse a plan."""
        caught: list[Evidence] = []
        seeds: dict[tuple[int, int], int] = {}

        def result_of(request: Request, evidence: Evidence, outline: Any) -> Any:
            caught.append(evidence)
            return made(request, evidence, outline)

        def show(scene: Progress) -> None:
            if scene.cluster is not None:
                state = scene.cluster.record.state
                if state.run_state in (RunState.ROUND_TRAIN, RunState.ROUND_WITNESS):
                    current = state.current_round
                    seeds[state.progress["epoch"], current.height] = current.random_seed

        monkeypatch_setattr(operation, "result_of", result_of)
        monkeypatch_setattr(setup, "LocalValidatorProcess", self._validator)
        environment = rehearsal_environment(self.folder)
        request = Request(
            run_config(self.folder, plan.epoch_time),
            plan.members,
            epochs=plan.epochs,
            trainer="fake",
            faults=plan.faults,
            seed=plan.seed,
            check_percent=CHECK_PERCENT,
            state_folder=self.state,
        )
        data = operation.rehearse(environment, request, show).data
        registry = Registry(self.workers_folder.registry)
        try:
            workers = {
                number: registry.worker(data.worker_run, name_of(number)) for number in range(1, plan.members + 1)
            }
        finally:
            registry.close()
        return Rehearsed(data, caught[0], seeds, workers)

    def _validator(self, options: list[str], *, log: Path) -> LocalValidatorProcess:
        return ForkedValidator(self._forker, log.parent, options)

    def close(self) -> None:
        """Kill the daemon, which has no open run."""
        self._forker.kill_daemon(self.pid)


# --- what must be true ------------------------------------------------------------------------------------------------


def judge(plan: Plan, found: Rehearsed) -> Iterator[str]:
    """What is wrong with a rehearsal, one sentence each."""
    yield from _wrong_ends(plan, found)
    yield from wrong_rounds(found)
    for number in range(1, plan.members + 1):
        yield from (f"member {number}: {text}" for text in _wrong_presence(plan, found, number))
    yield from _wrong_lies(plan, found)
    if not found.data.agreed:
        yield "members had different weights after a round"


def _begun(found: Rehearsed, fault: Fault) -> int | None:
    return found.evidence.seen.begun_at(fault)


def _wrong_ends(plan: Plan, found: Rehearsed) -> Iterator[str]:
    data = found.data
    if data.end not in ("finished", "epochs"):
        fate = {fault.kind for fault in plan.faults}
        if data.end in ("paused", "too-long") or not fate & {"kill", "hang", "leave", "partition", "late", "slow"}:
            yield f"it ended with {data.end}: {data.reason}"
    for number, worker in found.workers.items():
        member = data.member_list[number - 1]
        if (member.worker, member.ended) != (worker.state, worker.reason):
            yield f"member {number}: the report has {member.worker} ({member.ended}), the registry {worker.state}"
        kills = [fault for fault in plan.faults if (fault.kind, fault.member) == ("kill", number)]
        killed = any(_begun(found, fault) is not None for fault in kills)
        if worker.state == "FAULTED" and not killed:
            yield f"member {number}: its worker is FAULTED, and no fault kills it: {worker.reason}"
        if worker.state == "FAULTED" and worker.exit_signal != 9:
            yield f"member {number}: it was killed, and its worker ended with {worker.exit_code}, {worker.exit_signal}"


def wrong_rounds(found: Rehearsed) -> Iterator[str]:
    record, data = found.evidence.record, found.data
    if [(one.epoch, one.step) for one in record.all_rounds] != [(one.epoch, one.step) for one in data.round_list]:
        yield "the report has other rounds than the chain"
    steps = [one.step for one in data.round_list]
    if steps != sorted(set(steps)):
        yield f"the steps do not grow: {steps}"
    if data.steps != record.state.step - record.first.step:
        yield f"the report has {data.steps} steps"
    paid = sum(member.earned.base_units for member in data.member_list)
    if data.paid.base_units != paid:
        yield f"the report has {data.paid} paid, and {paid} earned"
    for member in data.member_list:
        if member.claimed.base_units > member.earned.base_units:
            yield f"member {member.member} has claimed more than it has earned"


def _wrong_presence(plan: Plan, found: Rehearsed, number: int) -> Iterator[str]:
    """Compare when a member was alive by its faults, by the chain, and by its telemetry."""
    own = [fault for fault in plan.faults if fault.member == number]
    rounds = list(zip(found.evidence.record.all_rounds, found.data.round_list, strict=True))
    for record, shown in rounds:
        absent = [fault for fault in own if _is_absent(found, fault, record)]
        if absent and number in shown.witnesses:
            yield f"it witnessed step {shown.step}, during which: {absent[0].text}"
        if absent and number in shown.counted:
            yield f"its result of step {shown.step} counted, during which: {absent[0].text}"
    if not own:
        yield from _wrong_attendance(plan, found, rounds, number)
        if found.workers[number].state != "TERMINATED" and found.data.end in ("finished", "epochs"):
            yield f"it has no fault, and its worker is {found.workers[number].state}: {found.workers[number].reason}"
    worker = found.workers[number]
    for fault in own:
        if fault.kind == "kill" and (began := _begun(found, fault)) is not None:
            late = [
                line.step
                for line in found.evidence.telemetry
                if line.member == number and _began(rounds, line.step) > began
            ]
            if late:
                yield f"it reported the steps {late}, which began after it was killed"
            if worker.state == "TERMINATED":
                yield "it was killed, and its worker is TERMINATED"


def _is_absent(found: Rehearsed, fault: Fault, one: RoundRecord) -> bool:
    """Whether a member can neither train nor witness during the whole round because of a fault."""
    began = _begun(found, fault)
    if fault.kind == "late":
        return began is None or (one.ended_at is not None and one.ended_at <= began)
    if fault.kind not in ("kill", "hang", "partition", "leave") or began is None or one.ended_at is None:
        return False
    until = found.evidence.seen.until(fault)
    return began < one.began_at and (until is None or one.ended_at < until)


def _began(rounds: list[tuple[RoundRecord, RehearsedRound]], step: int) -> int:
    return next((record.began_at for record, _ in rounds if record.step == step), 0)


def _wrong_attendance(
    plan: Plan, found: Rehearsed, rounds: list[tuple[RoundRecord, RehearsedRound]], number: int
) -> Iterator[str]:
    for record, shown in rounds:
        if number not in shown.clients:
            continue
        if number in shown.dropped:
            yield f"it has no fault, and was dropped after step {shown.step}"
        is_over = record.ended_at is not None and not record.is_lost
        if is_over and number not in shown.counted and not _is_undecidable(plan, found, number, record):
            yield f"it has no fault, and its result of step {shown.step} did not count: {shown.why}"


def _is_undecidable(plan: Plan, found: Rehearsed, number: int, record: RoundRecord) -> bool:
    """Whether the share of an honest member may be undecided: two possible checkers have no usable result."""
    reasons = {one.member: one.reason for one in Findings(found.evidence, 0).left_out(record.step)}
    if reasons.get(number) != "undecided":
        return False
    has_fault = {fault.member for fault in plan.faults}
    seen = _seen(found, record)
    unusable = {
        checker
        for owner, *checkers in _groups(found, record)
        if owner == number
        for checker in checkers
        if checker not in seen
        or _lies(found, plan, checker, record)
        or (checker in has_fault and reasons.get(checker) == "other-weights")
    }
    return len(unusable) >= GROUP_SIZE - 1


def _seen(found: Rehearsed, record: RoundRecord) -> set[int]:
    return {found.evidence.wallets.index(wallet) + 1 for wallet in record.seen}


def _groups(found: Rehearsed, record: RoundRecord) -> Iterator[tuple[int, ...]]:
    """The owner of each share of a round, and all who may have checked it: two of them have."""
    numbers = [found.evidence.wallets.index(wallet) + 1 for wallet in record.clients]
    working = [number for number, size in zip(numbers, record.shares, strict=True) if size]
    for owner in working if len(working) >= GROUP_SIZE else ():
        yield (owner, *(number for number in working if number != owner))


def _wrong_lies(plan: Plan, found: Rehearsed) -> Iterator[str]:
    """Every lie must be found that two honest checkers have seen, and no other member may be accused."""
    liars = {fault.member for fault in plan.faults if fault.kind == "lie"}
    lies = {lie.member: lie for lie in found.data.lies}
    for number in lies.keys() - liars:
        yield f"member {number} is accused at the steps {lies[number].steps}, and has not lied"
    for record in found.evidence.record.rounds:
        if not _is_concluded(found, record):
            continue
        seen = _seen(found, record)
        for owner, *checkers in _groups(found, record):
            honest = not any(_lies(found, plan, checker, record) for checker in checkers)
            is_lie = _lies(found, plan, owner, record)
            if is_lie and honest and {owner, *checkers} <= seen and record.step not in lies[owner].steps:
                yield f"member {owner} lied at step {record.step}, and was not found: {lies[owner]}"


def _is_concluded(found: Rehearsed, record: RoundRecord) -> bool:
    """Whether a member has reported what it concludes from a round."""
    return any(line.step == record.step for line in found.evidence.telemetry)


def _lies(found: Rehearsed, plan: Plan, number: int, record: RoundRecord) -> bool:
    for fault in plan.faults:
        if (fault.kind, fault.member) == ("lie", number) and (began := _begun(found, fault)) is not None:
            until = found.evidence.seen.until(fault)
            if began <= record.began_at and (until is None or record.began_at < until):
                return True
    return False


def left_over(theater: Theater, forker: Forker) -> Iterator[str]:
    """Processes and slots that a rehearsal has left."""
    if names := ForkEngine(forker.address).names():
        yield f"launches are left: {names}"
    registry = Registry(theater.workers_folder.registry)
    try:
        if held := [slot for slot in registry.slots() if slot.run_id is not None]:
            yield f"slots are held: {held}"
        if is_open := [run.run_id for run in registry.runs() if run.finished_at is None]:
            yield f"runs are open: {is_open}"
    finally:
        registry.close()
    if left := [pid for pid in processes_of(theater.folder) if pid != theater.pid]:
        yield f"processes are left: {left}"


def play_and_judge(
    theater: Theater, forker: Forker, plan: Plan, monkeypatch_setattr: Callable[[object, str, object], None]
) -> list[str]:
    """Rehearse a plan. Returns what is wrong."""
    try:
        faults = [*judge(plan, theater.play(plan, monkeypatch_setattr))]
    except Exception:
        faults = [traceback.format_exc()]
    return [*faults, *left_over(theater, forker)]


def play_many() -> int:
    """Play the rehearsals of a seed, and return how many of them are wrong."""
    parser = argparse.ArgumentParser(prog="tests.faults.rehearsed")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", default="1")
    given = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        forker = Forker(Path(folder), *IMPORTED)
        stage = Path(folder) / "stage"
        stage.mkdir()
        theater = Theater(forker, stage)
        for number in range(given.count):
            plan = drawn_plan(f"{given.seed}:{number}")
            faults = play_and_judge(theater, forker, plan, setattr)
            if faults:
                wrong += 1
                sys.stdout.write("\n  ".join([f"{given.seed}:{number}: {plan}", *faults]) + "\n")
            elif number % 10 == 9:
                sys.stdout.write(f"{number + 1} played, {wrong} wrong\n")
            sys.stdout.flush()
        theater.close()
        left = forker.close()
    sys.stdout.write(f"{given.count} played, {wrong} wrong, launches left: {left}\n")
    return min(wrong + len(left), 1)


if __name__ == "__main__":
    sys.exit(play_many())
