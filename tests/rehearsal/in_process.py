"""A rehearsal in one process: the runners of the members, on a validator in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from psyche_cli.environment import SystemClock
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.timekeeping import ClockMode, Timekeeper
from psyche_cli.localnet.in_process import InProcessTransport
from psyche_cli.localnet.rpc.context import RpcContext
from psyche_cli.localnet.rpc.dispatcher import Dispatcher
from psyche_cli.members.looking import find_run
from psyche_cli.members.member import Member
from psyche_cli.operations.rehearsal.setup import STARTED_AT, Owner, drawn_wallet
from psyche_cli.rehearsal.cluster import Cluster
from psyche_cli.rehearsal.fake_trainer import FakeTrainer
from psyche_cli.rehearsal.faults import Fault, FaultsSeen
from psyche_cli.rehearsal.member_runner import MemberRunner, drawn_keys
from psyche_cli.rehearsal.scheduler import End, Scheduler, TurnReport
from psyche_cli.rehearsal.settings import Settings
from psyche_cli.run_config.load import RunConfig, load_run_config
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.workers.service.contract import TurnKind

MINIMAL = load_run_config(Path("configs/minimal.toml"))
RUN_ID = "rehearsal"


class Killed(Exception):
    """In place of SIGKILL."""


class InProcessRehearsal:
    """A run with its members. A backend for the scheduler."""

    def __init__(
        self,
        folder: Path,
        *,
        members: int = 4,
        epochs: int = 2,
        faults: Sequence[Fault] = (),
        config: RunConfig = MINIMAL,
        seed: int = 1,
        check_percent: float = 0.0,
        train_seconds: int = 2,
        trainer: str = "fake",
    ) -> None:
        owner = drawn_wallet(seed, "owner")
        wallets = [drawn_wallet(seed, f"member-{number}") for number in range(1, members + 1)]
        self.wallets = [str(wallet.address) for wallet in wallets]
        self.keys = [bytes(wallet.address) for wallet in wallets]
        funds = {owner.address: 10**11, **{wallet.address: 10**10 for wallet in wallets}}
        timekeeper = Timekeeper(SystemClock(), slot_seconds=0, mode=ClockMode("fixed", STARTED_AT))
        transport = InProcessTransport(Dispatcher(RpcContext(Bank(Genesis(balances=funds), timekeeper))))
        self.rpc = RpcClient(transport, SystemClock())
        self.owner = Owner(self.rpc, SystemClock(), owner, RUN_ID)
        self.owner.prepare(config, earning_rate="100", funding=1000 * 10**6)
        self.cluster = Cluster(self.rpc, find_run(self.rpc, RUN_ID).coordinator_account)
        self.epochs = epochs
        self.faults = FaultsSeen(faults, self.cluster.now)
        self.lines: dict[int, list[Mapping[str, Any]]] = {number: [] for number in range(1, members + 1)}
        self.turns: list[tuple[int, int, str]] = []
        self.dead: set[int] = set()
        self.exchange_version = 0
        self.runners = {}
        for number, wallet in enumerate(wallets, 1):
            settings = Settings(
                endpoint=folder / "none",
                run_id=RUN_ID,
                member=number,
                wallets=tuple(str(one.address) for one in wallets),
                keypair=folder / "none",
                folder=folder,
                text=None,
                trainer=trainer,
                seed=seed,
                train_seconds=train_seconds,
                warmup_seconds=2,
                check_percent=check_percent,
                started_at=self.cluster.now,
                until_epoch=epochs,
                faults=tuple(faults),
            )
            member = Member(self.rpc, wallet, RUN_ID, bloom_keys=drawn_keys(f"{seed} {number}"))
            self.runners[number] = MemberRunner(
                settings, member, FakeTrainer(seed), emit=self.lines[number].append, kill=self._kill
            )

    def run(self, *, finishes: bool = True) -> End:
        """Run to the end, and give every member a last turn."""
        self.scheduler = Scheduler(self, self.runners, hangs_until=self._hangs_until, until=STARTED_AT + 10_000)
        end = self.scheduler.run()
        if finishes:
            self.scheduler.finish()
        return end

    def hashes(self) -> dict[int, set[str]]:
        """The hashes of the weights after each step, over all members."""
        found: dict[int, set[str]] = {}
        for lines in self.lines.values():
            for line in lines:
                if line["type"] == "step":
                    found.setdefault(line["step"], set()).add(line["weights"])
        return found

    # --- the backend ---------------------------------------------------------------------------------------------

    def now(self) -> int:
        return self.cluster.now

    def warp_to(self, time: int) -> None:
        self.cluster.warp_to(time)

    def version(self) -> object:
        self.cluster.read()
        return self.cluster.version, self.exchange_version

    def is_over(self) -> bool:
        return self.cluster.has_ended or self.cluster.record.state.progress["epoch"] >= self.epochs

    def gone(self) -> Collection[int]:
        return self.dead | {number for number, runner in self.runners.items() if runner.is_done}

    def turn(self, members: Sequence[int], kind: TurnKind, patience: Mapping[int, float]) -> Mapping[int, TurnReport]:
        found = {}
        for number in members:
            try:
                report = self.runners[number].work() if kind == "work" else self.runners[number].act()
            except Killed:
                self.dead.add(number)
                continue
            if report is not None:
                found[number] = report
                self.exchange_version += report.published
                self.turns.append((self.cluster.now - STARTED_AT, number, report.doing))
        self.faults.look(self.cluster.record.state.step, self.cluster.now)
        return found

    def late_reports(self) -> Mapping[int, TurnReport]:
        return {}

    def _hangs_until(self, number: int, now: int) -> int | None:
        self.faults.look(self.cluster.record.state.step, now)
        fault = self.faults.active("hang", now, number)
        if fault is None:
            raise LookupError
        return self.faults.until(fault)

    def _kill(self) -> None:
        raise Killed
