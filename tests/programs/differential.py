"""Random instruction sequences, executed by the C program and by the Python model and compared after every step.

The sequences are guided: most steps are almost valid, so that runs progress, and many are wrong in one respect.
Occasionally, bytes of the account are changed directly, to reach states that would take a million steps or that no
instruction currently causes. Every step has a unique number, from which it is chosen according to the state: so a
sequence that shows a difference can be reduced by omitting steps, and the remaining ones are still guided.
"""

from __future__ import annotations

import random
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from psyche_cli.model import instructions as steps
from psyche_cli.model.committee import CommitteeSelection
from psyche_cli.model.coordinator_model import apply
from psyche_cli.model.execution import Clock
from psyche_cli.model.outcomes import Refusal
from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.accounts.coordinator_parts import Identity
from psyche_cli.protocol.accounts.coordinator_rounds import Round, WitnessRecord
from psyche_cli.protocol.run_states import RunState
from tests.support.config_keys import CONFIG_KEYS

from .chain import ABORT, COORDINATOR, Chain, Code
from .coordinator_bytes import Table, decode, u64
from .run import Run
from .traces import ADAMW, DISTRO, checkpoint_value, client, model_value, seen

U64_MAX = 2**64 - 1
WALLETS = 14
STARTING_TIME, STARTING_SLOT = 1_000, 5
NO_STEP = 0
_STEPS_AFTER_THE_END = 8

_TIMES = (0, 1, 2, 3, 5, 9)
_DATA_LOCATIONS: tuple[str | Table, ...] = (
    "Dummy",
    {"Server": "host:1"},
    {"Server": ""},
    {"Local": ""},
    {"WeightedHttp": ""},
    {"WeightedHttp": "https://weights.example"},
    {"Preprocessed": "set"},
    {
        "Http": {
            "location": {"SingleUrl": "https://data.example"},
            "token_size_in_bytes": "FourBytes",
            "shuffle": "DontShuffle",
        }
    },
    {
        "Http": {
            "location": {
                "NumberedFiles": {"url_template": "t-{}", "start_index": 3, "n_left_pad_zeros": 4, "num_files": 0}
            },
            "token_size_in_bytes": "TwoBytes",
            "shuffle": {"Seeded": list(range(32))},
        }
    },
    {
        "Http": {
            "location": {"Gcp": {"bucket_name": "b", "filter_directory": ""}},
            "token_size_in_bytes": "TwoBytes",
            "shuffle": "DontShuffle",
        }
    },
)
_CHECKPOINTS = ("eph", "dummy:", "dummy:x", "hub:", "hub:a/b", "hub:\0a", "p2p:q", "gcs:buck", "gcs:", "p2pgcs:z")
_STORED_ROUNDS_OFFSET, _ROUND_SIZE = 1048, 14112


@dataclass
class Tally:
    """The coverage of a comparison, which tests assert."""

    instructions: int = 0
    results: Counter[str] = field(default_factory=Counter)
    states: Counter[RunState] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)


class Comparison:
    """A chain on which many sequences are played, each on a new run."""

    def __init__(self) -> None:
        self.chain = Chain()
        self.run = Run(self.chain)
        self._fresh = self.run.raw
        self.tally = Tally()

    def play(self, numbers: Sequence[int]) -> None:
        """Play the sequence whose steps have these numbers. Raises AssertionError at the first difference.

        The number 0 means no step. A finished run is replaced by a new one after a few more steps.
        """
        aim = Aim()
        state = self._start_afresh()
        finished = 0
        for number in numbers:
            if number == NO_STEP:
                continue
            aim.take(number)
            finished += state.run_state == RunState.FINISHED
            if finished == _STEPS_AFTER_THE_END:
                state, finished = self._start_afresh(), 0
            if aim.rng.random() < 0.008:
                state = self._meddle(aim)
            step, signer = aim.step(state)
            clock = aim.clock()
            state = self._compare(state, step, signer, clock, f"step {number}")
        assert_unused_slots_are_zero(self.run.raw)

    def _start_afresh(self) -> CoordinatorState:
        self.chain.put(self.run.accounts.account, self._fresh, COORDINATOR)
        return decode(self._fresh)

    def _compare(
        self, state: CoordinatorState, step: steps.Instruction, signer: bytes, clock: Clock, where: str
    ) -> CoordinatorState:
        self.chain.set_clock(clock.unix_timestamp, clock.slot)
        outcome = self.run.send(step, signer)
        predicted = apply(state, step, signer, clock)
        code: Code = ABORT if predicted.abort is not None else predicted.error
        found = self.run.state
        assert outcome.code == code, f"{where}: {step} gave {outcome.code}, not {code}: {outcome.logs}"
        assert found == predicted.state, f"{where}: {step}: {differences(found, predicted.state)}"
        assert program_lines(outcome.logs) == predicted.log, f"{where}: {step}"
        self.tally.instructions += 1
        self.tally.results["ok" if code is None else str(code)] += 1
        self.tally.states[found.run_state] += 1
        self.tally.kinds[type(step).__name__] += code is None
        return found

    def _meddle(self, aim: Aim) -> CoordinatorState:
        """Set values in the account that only years of operation, or other programs, would cause."""
        before, rng = self.run.raw, aim.rng
        offset, form, values = rng.choice(_MEDDLING)
        count = {"epoch": u64(before, 75928), "member": u64(before, 119000), "": 1}[_list_of(offset)]
        data = bytearray(before)
        if count:
            stride = {"epoch": 72, "member": 96, "": 0}[_list_of(offset)]
            struct.pack_into(form, data, offset + stride * rng.randrange(count), rng.choice(values))
        self.chain.put(self.run.accounts.account, bytes(data), COORDINATOR)
        return decode(bytes(data))


_MEDDLING: tuple[tuple[int, str, tuple[int, ...]], ...] = (
    *[(57496 + 64, "<B", (0, 1, 2, 3))] * 6,  # an epoch client's state, Ejected included
    (94424 + 72, "<Q", (U64_MAX, U64_MAX - 2)),  # a member's points
    (94424 + 80, "<Q", (U64_MAX,)),
    (119152, "<Q", (U64_MAX - 1, 77)),  # nonce
    (119008, "<Q", (U64_MAX,)),  # next_active
    (1032, "<H", (65535, 65534)),  # epoch
    (1036, "<I", (2**32 - 1, 2**32 - 2, 2)),  # step
    (1040, "<Q", (2**57, 2**63, 1)),  # epoch_start_data_index
    (_STORED_ROUNDS_OFFSET + 14110, "<H", (1, 200)),  # tie breaker tasks of round 0
    (_STORED_ROUNDS_OFFSET + _ROUND_SIZE + 14110, "<H", (1, 2)),
    (_STORED_ROUNDS_OFFSET + 14104, "<I", (2**32 - 1, 2, 5)),  # height of round 0
    (_STORED_ROUNDS_OFFSET + 14088, "<Q", (2**60, 12345)),  # data index of round 0
    (94416, "<B", (0, 1, 7)),  # pending pause: any byte but 0 is true
)


def _list_of(offset: int) -> str:
    if 57496 <= offset < 57496 + 72:
        return "epoch"
    return "member" if 94424 <= offset < 94424 + 96 else ""


class Aim:
    """Chooses the next step according to the state, so that it is often valid."""

    def __init__(self) -> None:
        self.rng = random.Random()
        self.now, self.slot = STARTING_TIME, STARTING_SLOT
        self._methods = (
            [self._tick] * 8
            + [self._join] * 6
            + [self._witness] * 8
            + [self._warmup_witness] * 3
            + [self._health_check] * 3
            + [self._checkpoint] * 2
            + [self._pause] * 2
            + [self._update] * 2
            + [self._rates, self._version]
        )

    def take(self, number: int) -> None:
        """Take one step, whose clock, preceding changes and instruction follow from ``number`` and the state."""
        self.rng = random.Random(number)

    def clock(self) -> Clock:
        """Advance the clock: usually a little, sometimes not at all, rarely backwards."""
        chance = self.rng.random()
        if chance < 0.02:
            self.now = max(1, self.now - self.rng.randrange(5))
        elif chance > 0.25:
            self.now += self.rng.choice((1, 1, 2, 3, 6, 12))
        self.slot += self.rng.randrange(4)
        return Clock(self.now, self.slot)

    def step(self, state: CoordinatorState) -> tuple[steps.Instruction, bytes]:
        """The next instruction and its signer."""
        if state.run_state in (RunState.UNINITIALIZED, RunState.PAUSED) and self.rng.random() < 0.6:
            return self.rng.choice((self._good_config, self._good_model, self._resume, self._resume))(state)
        if state.run_state == RunState.WAITING_FOR_MEMBERS and self.rng.random() < 0.6:
            return self._join(state)
        if state.run_state.is_active and state.current_round.height >= 2 and self.rng.random() < 0.15:
            return self._health_check(state)
        return self.rng.choice(self._methods)(state)

    def _anybody(self) -> bytes:
        return client(self.rng.randrange(WALLETS))

    def _tick(self, _: CoordinatorState) -> tuple[steps.Instruction, bytes]:
        return steps.Tick(), self._anybody()

    def _join(self, _: CoordinatorState) -> tuple[steps.Instruction, bytes]:
        signer = self._anybody()
        claimed = self._anybody() if self.rng.random() < 0.03 else signer
        return steps.JoinRun(Identity(claimed, bytes([self.rng.randrange(3)]) * 32)), signer

    def _pause(self, _: CoordinatorState) -> tuple[steps.Instruction, bytes]:
        return steps.SetPaused(self.rng.random() < 0.4), b""

    def _resume(self, _: CoordinatorState) -> tuple[steps.Instruction, bytes]:
        return steps.SetPaused(False), b""

    def _rates(self, _: CoordinatorState) -> tuple[steps.Instruction, bytes]:
        rates = [self.rng.choice((None, 0, 7, 1000, U64_MAX)) for _ in range(2)]
        return steps.SetFutureEpochRates(*rates), b""

    def _version(self, _: CoordinatorState) -> tuple[steps.Instruction, bytes]:
        return steps.UpdateClientVersion(self.rng.choice(("", "latest", "ü" * 48, "x" * 97, "a\0b", "\0a"))), b""

    def _good_config(self, _: CoordinatorState) -> tuple[steps.Instruction, bytes]:
        return steps.Update(config=self._config(sane=True)), b""

    def _good_model(self, _: CoordinatorState) -> tuple[steps.Instruction, bytes]:
        cold_start = self.rng.choice((0, 0, 0, 1, 4, 60))
        model = model_value(
            self.rng.choice(("hub:a/b", "gcs:b", "dummy:")), self.rng.choice((1, 512)), cold_start, DISTRO
        )
        return steps.Update(model=model), b""

    def _update(self, _: CoordinatorState) -> tuple[steps.Instruction, bytes]:
        rng = self.rng
        texts = {"name": rng.choice(("", "a run")), "description": "d" * rng.choice((0, 280))}
        return (
            steps.Update(
                metadata={**texts, "num_parameters": 1, "vocab_size": U64_MAX} if rng.random() < 0.5 else None,
                config=self._config(sane=rng.random() < 0.7) if rng.random() < 0.4 else None,
                model=self._model() if rng.random() < 0.4 else None,
                progress=self._progress() if rng.random() < 0.3 else None,
            ),
            b"",
        )

    def _config(self, *, sane: bool) -> dict[str, int]:
        rng = self.rng
        clients = rng.choice((1, 1, 2, 3, 5))
        values = {
            "warmup_time": rng.choice(_TIMES),
            "cooldown_time": rng.choice((*_TIMES[1:], 4)),
            "max_round_train_time": rng.choice(_TIMES[1:]),
            "round_witness_time": rng.choice((1, 2, 3)),
            "global_batch_size_warmup_tokens": rng.choice((0, 1, 1000, 100_000, 2**40)),
            "epoch_time": rng.choice((10, 40, 120)),
            "total_steps": rng.choice((4, 40, 100_000, 100_000)),
            "init_min_clients": clients + rng.choice((0, 0, 1)),
            "min_clients": clients,
            "witness_nodes": rng.choice((0, 0, 1, clients)),
            "global_batch_size_start": rng.choice((1, 4, 7)),
            "global_batch_size_end": rng.choice((7, 12, 200, 65535)),
            "verification_percent": rng.choice((0, 0, 0, 0, 50, 101)),
            "waiting_for_members_extra_time": rng.choice((1, 2, 3)),
        }
        assert tuple(values) == CONFIG_KEYS
        if not sane:
            key = rng.choice(CONFIG_KEYS)
            limit = {"waiting_for_members_extra_time": 255, "verification_percent": 255, "total_steps": 2**32 - 1}
            small = 65535 if "clients" in key or "nodes" in key or "size_" in key[:20] else U64_MAX
            values[key] = rng.choice((0, limit.get(key, small if "tokens" not in key else U64_MAX)))
        return values

    def _model(self) -> Table:
        rng = self.rng
        length, cold_start = rng.choice((0, 1, 2048, 2**32 - 1)), rng.choice((0, 0, 3, 2**32 - 1))
        model = model_value(rng.choice(_CHECKPOINTS), length, cold_start, rng.choice(("Dummy", DISTRO, ADAMW)))
        return {"LLM": {**model["LLM"], "data_location": rng.choice(_DATA_LOCATIONS)}}

    def _progress(self) -> dict[str, int]:
        rng = self.rng
        step, index = rng.choice((0, 1, 2, 30, 2**32 - 1)), rng.choice((0, 5, 2**62))
        return {"epoch": rng.choice((0, 65535)), "step": step, "epoch_start_data_index": index}

    def _checkpoint(self, state: CoordinatorState) -> tuple[steps.Instruction, bytes]:
        return steps.Checkpoint(checkpoint_value(self.rng.choice(_CHECKPOINTS))), self._client_of(state)[1]

    def _client_of(self, state: CoordinatorState) -> tuple[int, bytes]:
        """An index in the epoch and its wallet; sometimes another wallet."""
        clients = state.epoch.clients
        if not clients or self.rng.random() < 0.08:
            return self.rng.randrange(5), self._anybody()
        index = self.rng.randrange(len(clients))
        return index, clients[index].id.signer

    def _seen(self) -> str:
        if self.rng.random() < 0.1:
            return "-"
        return ",".join(str(number) for number in range(WALLETS) if self.rng.random() < 0.6)

    def _record(self, position: int, index: int) -> WitnessRecord:
        rng = self.rng
        flag = 1
        if rng.random() < 0.08:
            position, index, flag = rng.choice(
                (
                    (position + 1, index, 1),
                    (position, index + 1, 1),
                    (position, index, 0),
                    (position, index, 2),
                    (position, U64_MAX, 2),
                )
            )
        return WitnessRecord(
            position, index, flag, seen(self._seen()), broadcast_merkle=bytes([rng.randrange(256)]) * 32
        )

    def _witness(self, state: CoordinatorState) -> tuple[steps.Instruction, bytes]:
        index, signer = self._client_of(state)
        position = _places(state, state.current_round, index)[0]
        return steps.Witness(self._record(position, index)), signer

    def _warmup_witness(self, state: CoordinatorState) -> tuple[steps.Instruction, bytes]:
        index, signer = self._client_of(state)
        return steps.WarmupWitness(self._record(index, index)), signer

    def _health_check(self, state: CoordinatorState) -> tuple[steps.Instruction, bytes]:
        rng = self.rng
        _, signer = self._client_of(state)
        index, accused = self._client_of(state)
        previous = state.previous_round or state.current_round
        _, position, committee = _places(state, previous, index)
        if rng.random() < 0.1:
            position, committee = position + 1, steps.Committee(rng.randrange(3))
        if rng.random() < 0.1:
            index = rng.choice((index + 1, U64_MAX, len(state.epoch.clients)))
        return steps.HealthCheck(Identity(accused), committee, position, index), signer


def _places(state: CoordinatorState, round_: Round, index: int) -> tuple[int, int, steps.Committee]:
    """The correct witness position, committee position and committee of a client in a round, if any."""
    try:
        selection = CommitteeSelection.of(round_, state.config)
    except Refusal:
        return 0, 0, steps.Committee.TRAINER
    if index >= round_.clients_len:
        return 0, 0, steps.Committee.TRAINER
    position = selection.committee_position(index)
    return selection.witness_position(index), position, selection.committee(position)


def assert_unused_slots_are_zero(data: bytes) -> None:
    """The unused elements of each list, as left by clearing and removal in the published program."""
    lists = [(_STORED_ROUNDS_OFFSET + _ROUND_SIZE * number, 440, 32) for number in range(4)]
    for start, size, capacity in (*lists, (57496, 72, 256), (75936, 72, 256), (94424, 96, 256)):
        end = start + size * capacity
        used = size * u64(data, end)
        assert not any(data[start + used : end]), start


def program_lines(logs: tuple[str, ...]) -> tuple[str, ...]:
    """The program's log lines, without the framework's lines about an error."""
    prefix = "Program log: "
    lines = (line[len(prefix) :] for line in logs if line.startswith(prefix))
    return tuple(line for line in lines if not line.startswith(("AnchorError", "panicked at")))


def differences(found: CoordinatorState, expected: CoordinatorState) -> dict[str, tuple[object, object]]:
    """The fields in which two states differ."""
    return {
        name: (getattr(found, name), getattr(expected, name))
        for name in vars(expected)
        if getattr(found, name) != getattr(expected, name)
    }
