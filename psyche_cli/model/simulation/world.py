"""A run, its members and the clock, second by second.

Each second begins with a tick, which anyone may send. Then the members react to the state of the run, in the order in
which they came, until it no longer changes. They send nothing twice, so that a second in which only the nonce changed
is followed by equal seconds until a time limit passes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from psyche_cli.limits import MAX_WITNESSES, U64_MAX
from psyche_cli.model.bloom import bloom_of, contains, wallet_item
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
    WarmupWitness,
    Witness,
)
from psyche_cli.model.outcomes import Outcome, Refusal
from psyche_cli.model.simulation.behavior import Behavior, Change, Start
from psyche_cli.model.states import CoordinatorState, OlderState
from psyche_cli.protocol.accounts.coordinator_parts import Identity
from psyche_cli.protocol.accounts.coordinator_rounds import BloomFilter, Round, WitnessRecord
from psyche_cli.protocol.run_states import ClientState, RunState

OWNER: Final = hashlib.sha256(b"owner").digest()
BLOOM_KEYS: Final = tuple(range(1, 9))
_NOTHING: Final = bloom_of(BLOOM_KEYS, ())
_HEALTH_CHECK_FROM_HEIGHT: Final = 2


def new_member(number: int) -> Identity:
    """A new member, whose wallet depends only on its number."""
    return Identity(hashlib.sha256(b"member" + number.to_bytes(8, "little")).digest())


class World:
    """A run at a time. ``members`` are the present ones by wallet, in the order in which they came.

    ``observe`` is called after every instruction with the state before it, the instruction, its signer and the outcome.
    """

    def __init__(
        self,
        state: CoordinatorState,
        start: Start,
        members: Iterable[Identity],
        *,
        behavior: Behavior,
        changes: Sequence[Change] = (),
        newcomer: Callable[[int], Identity] = new_member,
    ) -> None:
        self.state = state
        self.start = start
        self.now = start.unix_timestamp
        self.members = {identity.signer: identity for identity in members}
        self.behavior = behavior
        self.plan = sorted(changes, key=lambda change: change.step)
        self.refused_joins: set[bytes] = set()
        self.drawn = False
        """Whether the random choice of witnesses and committees has mattered, because clients were absent."""
        self.observe: Callable[[CoordinatorState, Instruction, bytes, Outcome], None] = lambda *_: None
        self._newcomer = newcomer
        self._came = 0
        self._round_began: int | None = None
        self._seen: tuple[tuple[bytes, ...], BloomFilter] = ((), _NOTHING)

    def do(self, instruction: Instruction, signer: bytes = OWNER) -> Outcome:
        """Execute an instruction now. If it fails, nothing changes."""
        before, outcome = self.state, self.attempt(instruction, signer)
        self.state = outcome.state
        self.observe(before, instruction, signer, outcome)
        return outcome

    def attempt(self, instruction: Instruction, signer: bytes = OWNER) -> Outcome:
        """The outcome that an instruction would have now."""
        return apply(self.state, instruction, signer, Clock(self.now, self.start.slot_at(self.now)))

    def skip(self, following: int, ticks: int) -> None:
        """Advance the clock to ``following``. Each skipped second increments the nonce by ``ticks``."""
        skipped = following - self.now - 1
        if skipped > 0 and ticks > 0:
            self.state = replace(self.state, nonce=self.state.nonce + skipped * ticks)
        self.now = following

    def play(self) -> bool:
        """Execute the current second. Returns whether anything but the nonce changed."""
        before = self.state
        if not before.run_state.is_halted:
            self.do(Tick())
        self.apply_changes()
        self.react()
        return self.state != replace(before, nonce=self.state.nonce)

    def apply_changes(self) -> None:
        """The changes that are planned for the steps reached so far."""
        while self.plan and self.plan[0].step <= self.state.step:
            change = self.plan.pop(0)
            self.come(change.joining)
            for wallet in list(self.members)[max(len(self.members) - change.dropping, 0) :]:
                del self.members[wallet]
            if change.pausing:
                self.do(SetPaused(paused=True))

    def come(self, count: int) -> None:
        """New members come."""
        for _ in range(count):
            identity = self._newcomer(self._came)
            self._came += 1
            self.members[identity.signer] = identity

    def react(self) -> None:
        """The members react to the state until it no longer changes."""
        before = None
        while before != self.state.run_state:
            before = self.state.run_state
            match before:
                case RunState.WAITING_FOR_MEMBERS:
                    self._join()
                case RunState.WARMUP:
                    self._report_warmup()
                case RunState.ROUND_TRAIN:
                    self._round_began = self.state.run_state_start_timestamp
                    self._report_absent_clients()
                    if self.now >= self.state.run_state_start_timestamp + self.train_seconds:
                        self._witness()
                case RunState.ROUND_WITNESS:
                    if self.now >= self._trained_at:
                        self._witness()
                case RunState.COOLDOWN:
                    self._record_checkpoint()

    @property
    def train_seconds(self) -> int:
        """The time after which the members report a round: in RoundWitness if RoundTrain is over, or never."""
        seconds, longest = self.behavior.train_seconds, self.state.config["max_round_train_time"]
        return longest if seconds is None else seconds

    @property
    def _trained_at(self) -> int:
        """The time at which the members report the round, which is over if its beginning is not known."""
        return self.now if self._round_began is None else self._round_began + self.train_seconds

    def due_times(self) -> list[int]:
        """The times, after the last change of state, at which a tick or a member may change something."""
        state, config, start = self.state, self.state.config, self.state.run_state_start_timestamp
        match state.run_state:
            case RunState.WAITING_FOR_MEMBERS:
                joined = sum(client.active == state.next_active for client in state.clients)
                enough = joined >= config["init_min_clients"]
                times: list[int | None] = [config["waiting_for_members_extra_time"] if enough else None]
            case RunState.WARMUP:
                times = [config["warmup_time"], self.behavior.warmup_seconds]
            case RunState.ROUND_TRAIN:
                times = [config["max_round_train_time"], self.train_seconds]
            case RunState.ROUND_WITNESS:
                late = self._trained_at - start
                times = [config["round_witness_time"], late if late > 0 else None]
            case RunState.COOLDOWN:
                is_older = isinstance(state, OlderState)
                time = config["cooldown_time"]
                times = [
                    None if is_older and time == 0 else time,
                    self.behavior.checkpoint_seconds if is_older else None,
                ]
            case _:
                times = []
        return [start + max(seconds, 1) for seconds in times if seconds is not None and start + seconds <= U64_MAX]

    def is_present(self, wallet: bytes) -> bool:
        """Whether a member still responds."""
        return wallet in self.members

    def witness_limit(self) -> int:
        """The number of positions of the witness shuffle that are witnesses, at most 32."""
        return self.state.config["witness_nodes"] or MAX_WITNESSES

    def _join(self) -> None:
        known = {client.id.signer: client.active for client in self.state.clients}
        for wallet, identity in self.members.items():
            if known.get(wallet) != self.state.next_active:
                outcome = self.do(JoinRun(identity), wallet)
                if not outcome.succeeded:
                    self.refused_joins.add(wallet)
                if self.state.run_state != RunState.WAITING_FOR_MEMBERS:
                    return

    def _report_warmup(self) -> None:
        state, seconds = self.state, self.behavior.warmup_seconds
        if seconds is None or self.now < state.run_state_start_timestamp + seconds:
            return
        reported = {record.index for record in state.current_round.witnesses}
        for index, client in enumerate(state.epoch.clients):
            if index not in reported and self.is_present(client.id.signer):
                self.do(WarmupWitness(WitnessRecord(index, index, 0, _NOTHING, _NOTHING)), client.id.signer)
                if self.state.run_state != RunState.WARMUP:
                    return

    def _witness(self) -> None:
        """The clients that are witnesses of the round, and have not reported it, do so."""
        state, current = self.state, self.state.current_round
        selection = self._selection(current)
        if selection is None:
            return
        clients = state.epoch.clients
        present = tuple(client.id.signer for client in clients if self.is_present(client.id.signer))
        self.drawn = self.drawn or (len(present) < len(clients) and current.clients_len > self.witness_limit())
        if self._seen[0] != present:
            self._seen = (present, self._filter(present))
        reported = {record.index for record in current.witnesses}
        for index, client in enumerate(clients[: current.clients_len]):
            if index in reported or not self.is_present(client.id.signer):
                continue
            position = selection.witness_position(index)
            if selection.is_witness(position):
                self.do(Witness(WitnessRecord(position, index, 1, self._seen[1], _NOTHING)), client.id.signer)

    def _filter(self, present: Sequence[bytes]) -> BloomFilter:
        """A filter that contains the present clients, and no absent one.

        Real members choose the keys of each filter at random, so that an absent client is by chance in some filters,
        but not in most. With the same keys it would be in all of them, and never dropped. The filter is empty in that
        case, which is enough because only absent clients are looked for.
        """
        found = bloom_of(BLOOM_KEYS, map(wallet_item, present))
        absent = (one.id.signer for one in self.state.epoch.clients if not self.is_present(one.id.signer))
        return _NOTHING if any(contains(found, wallet_item(wallet)) for wallet in absent) else found

    def _selection(self, of_round: Round) -> CommitteeSelection | None:
        """The roles in a round; None if the program refuses all witnesses because there can be none."""
        try:
            return CommitteeSelection.of(of_round, self.state.config)
        except Refusal:
            return None

    def _report_absent_clients(self) -> None:
        """The first member reports the clients that were absent from the previous round."""
        state, previous = self.state, self.state.previous_round
        absent = [
            (index, client.id)
            for index, client in enumerate(state.epoch.clients)
            if client.state == ClientState.HEALTHY and not self.is_present(client.id.signer)
        ]
        if not absent or previous is None or state.current_round.height < _HEALTH_CHECK_FROM_HEIGHT:
            return
        reporter = next((client.id.signer for client in state.clients if self.is_present(client.id.signer)), None)
        selection = self._selection(previous)
        if reporter is None or selection is None:
            return
        self.drawn = True
        for index, identity in absent:
            if index < previous.clients_len:
                position = selection.committee_position(index)
                self.do(HealthCheck(identity, selection.committee(position), position, index), reporter)

    def _record_checkpoint(self) -> None:
        """A client records the checkpoint under its present address, which under the older rules ends Cooldown."""
        state, seconds = self.state, self.behavior.checkpoint_seconds
        if not isinstance(state, OlderState) or state.checkpointed or seconds is None:
            return
        if self.now < state.run_state_start_timestamp + seconds:
            return
        uploader = next((one.id.signer for one in state.epoch.clients if self.is_present(one.id.signer)), None)
        if uploader is not None:
            self.do(Checkpoint(state.model["LLM"]["checkpoint"]), uploader)
