"""Complete epochs of a run, driven by real instructions of its clients."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from solders.pubkey import Pubkey

from psyche_cli.members.records import warmup_record, witness_record
from psyche_cli.model import instructions as steps
from psyche_cli.model.committee import CommitteeSelection
from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.accounts.coordinator_parts import Identity
from psyche_cli.protocol.run_states import RunState

from .chain import Chain, Outcome
from .coordinator_bytes import RunAccounts, decode
from .traces import BLOOM_KEYS


class Training:
    """A run, its clients' wallets, and the clock. Every step must succeed; maximum compute units are recorded."""

    def __init__(self, chain: Chain, accounts: RunAccounts, wallets: Sequence[bytes], *, now: int = 10_000) -> None:
        self.chain, self.accounts, self.wallets = chain, accounts, list(wallets)
        self.now, self.slot = now, 1
        self.compute_units: dict[str, int] = defaultdict(int)
        self.pass_time(0)

    @property
    def state(self) -> CoordinatorState:
        return decode(self.chain.data(self.accounts.account))

    @property
    def earned(self) -> dict[bytes, int]:
        return {member.id.signer: member.earned for member in self.state.clients}

    def pass_time(self, seconds: int) -> None:
        self.now += seconds
        self.slot += seconds * 2
        self.chain.set_clock(self.now, self.slot)

    def send(self, step: steps.Instruction, signer: bytes | None = None) -> Outcome:
        key = self.accounts.authority if signer is None else Pubkey(signer)
        outcome = self.chain.send(self.accounts.encode(step, key))
        name = type(step).__name__
        self.compute_units[name] = max(self.compute_units[name], outcome.compute_units)
        return outcome

    def must(self, step: steps.Instruction, signer: bytes | None = None) -> None:
        outcome = self.send(step, signer)
        assert outcome.code is None, (step, outcome.code, outcome.logs)

    def tick(self, seconds: int) -> RunState:
        """Advance the clock, and tick."""
        self.pass_time(seconds)
        self.must(steps.Tick(), self.wallets[0])
        return self.state.run_state

    def join(self, wallets: Sequence[bytes] | None = None) -> None:
        for wallet in self.wallets if wallets is None else wallets:
            self.must(steps.JoinRun(Identity(wallet)), wallet)

    def warm_up(self) -> None:
        """From WaitingForMembers into the first round: enough clients report that they are ready."""
        assert self.tick(self.state.config["waiting_for_members_extra_time"]) == RunState.WARMUP
        clients = self.state.epoch.clients
        self.pass_time(1)
        for index, client in enumerate(clients[:32]):
            self.must(steps.WarmupWitness(warmup_record(index)), client.id.signer)
        assert self.state.run_state == RunState.ROUND_TRAIN

    def witness_round(self, seen: Callable[[bytes], bool] = lambda _: True) -> None:
        """All witnesses of the current round submit records with the clients for which ``seen`` is true."""
        state = self.state
        selection = CommitteeSelection.of(state.current_round, state.config)
        clients = state.epoch.clients
        participants = [client.id.wallet for client in clients if seen(client.id.signer)]
        self.pass_time(1)
        for index, client in enumerate(clients):
            position = selection.witness_position(index)
            if selection.is_witness(position):
                record = witness_record(position, index, participants, (), BLOOM_KEYS)
                self.must(steps.Witness(record), client.id.signer)
        assert self.state.run_state == RunState.ROUND_WITNESS

    def end_round(self) -> RunState:
        return self.tick(self.state.config["round_witness_time"])

    def train(self, rounds: int) -> None:
        """Complete rounds, after which the run is in the next one or in Cooldown."""
        for _ in range(rounds):
            assert self.state.run_state == RunState.ROUND_TRAIN
            self.witness_round()
            self.end_round()

    def train_until_cooldown(self) -> None:
        """Let the epoch time out, and complete the two rounds that follow."""
        self.pass_time(self.state.config["epoch_time"])
        while self.state.run_state != RunState.COOLDOWN:
            self.train(1)

    def cool_down(self) -> RunState:
        return self.tick(self.state.config["cooldown_time"])

    def report(self, accused: bytes, reporter: bytes) -> Outcome:
        """A health check of a client, by its position in the previous round."""
        state = self.state
        previous = state.previous_round
        assert previous is not None
        index = next(i for i, client in enumerate(state.epoch.clients) if client.id.signer == accused)
        selection = CommitteeSelection.of(previous, state.config)
        position = selection.committee_position(index)
        check = steps.HealthCheck(Identity(accused), selection.committee(position), position, index)
        return self.send(check, reporter)
