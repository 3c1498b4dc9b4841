"""Batch size, data index, shuffles, quorum and seeds of the program, against doubles, known answers and the model."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche_cli.model import instructions as steps
from psyche_cli.model.committee import CommitteeSelection
from psyche_cli.protocol.accounts.coordinator_parts import Identity
from psyche_cli.protocol.accounts.coordinator_rounds import BloomFilter, WitnessRecord
from psyche_cli.protocol.run_states import RunState

from .chain import ABORT, COORDINATOR, Chain, Code
from .coordinator_bytes import config_bytes, u64, witness_bytes
from .run import Run
from .traces import client, seen
from .world import GOOD_CONFIG

NOW = 50_000
ROUND = 1048


class Bench:
    """A run whose account is written byte by byte before each instruction."""

    def __init__(self) -> None:
        self.chain = Chain()
        self.run = Run(self.chain)
        self.fresh = self.run.raw
        self.data = bytearray()
        self.chain.set_clock(NOW, 1)

    def craft(self, state: RunState, *, max_seq_len: int = 1, **config: int) -> None:
        """A run that entered ``state`` long ago, with one member and client 0."""
        self.data = bytearray(self.fresh)
        self.data[408] = state
        self.pack("<I", 424, max_seq_len)
        self.data[968:1032] = config_bytes({**GOOD_CONFIG, **config})
        self.pack("<I", 1036, 1)
        self.pack("<Q", 94408, NOW - 10_000)
        self.add_clients(1)

    def pack(self, form: str, offset: int, *values: int) -> None:
        struct.pack_into(form, self.data, offset, *values)

    def add_clients(self, count: int) -> None:
        for index in range(count):
            self.data[94424 + 96 * index : 94424 + 96 * index + 32] = client(index)
            self.data[57496 + 72 * index : 57496 + 72 * index + 32] = client(index)
        self.pack("<Q", 119000, count)
        self.pack("<Q", 75928, count)

    def round(
        self, slot: int, data_index: int = 0, seed: int = 0, height: int = 0, clients: int = 1, tie: int = 0
    ) -> None:
        self.pack("<QQIHH", ROUND + 14112 * slot + 14088, data_index, seed, height, clients, tie)

    def send(self, step: steps.Instruction, signer: bytes) -> Code:
        self.chain.put(self.run.accounts.account, bytes(self.data), COORDINATOR)
        return self.run.send(step, signer).code


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


# --- batch size ------------------------------------------------------------------------------------------------------


def batch_size(bench: Bench, start: int, end: int, warmup_tokens: int, tokens: int) -> int:
    """Measured by the increase of the data index at the end of a cooldown."""
    sizes = {"global_batch_size_start": start, "global_batch_size_end": end}
    bench.craft(RunState.COOLDOWN, global_batch_size_warmup_tokens=warmup_tokens, **sizes)
    bench.round(0, data_index=tokens)
    assert bench.send(steps.Tick(), client(0)) is None
    return u64(bench.run.raw, 1040) - tokens


def in_doubles(start: int, end: int, warmup_tokens: int, tokens: int) -> int:
    if tokens >= warmup_tokens:
        return end
    size = float(start) + float(end - start) * (float(tokens) / float(warmup_tokens))
    return min(int(Fraction(size) + Fraction(1, 2)), 65535)  # exact, halves up


def test_known_ramp_from_3_to_14(bench: Bench) -> None:
    sizes = [batch_size(bench, 3, 14, 1000, tokens) for tokens in range(0, 1015, 5)]
    runs = [10, 18, 18, 18, 18, 18, 19, 18, 18, 18, 18, 12]
    assert sizes == [size for size, length in zip(range(3, 15), runs, strict=True) for _ in range(length)]


def test_halves_round_up(bench: Bench) -> None:
    assert batch_size(bench, 1, 2, 2, 1) == 2
    assert batch_size(bench, 0, 1, 2, 1) == 1
    assert batch_size(bench, 65534, 65535, 4, 3) == 65535


def test_every_rounding_is_a_doubles(bench: Bench) -> None:
    """Values at or near exact halves, where the last bit of a quotient or a product is decisive."""
    assert batch_size(bench, 1, 226, 3690, 2009) == 123  # 123.5, but the quotient is rounded down
    assert batch_size(bench, 485, 56576, 6, 5) == 47228
    assert batch_size(bench, 2327, 60874, 477699287991683, 288531283782361) == 37690
    assert batch_size(bench, 28246, 53991, 543917110617340, 356952866282201) == 45142
    assert batch_size(bench, 36001, 57636, 51233216265675, 49965114240703) == 57101


@given(data=st.data())
def test_ramp_equals_double_arithmetic(bench: Bench, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, 65535), label="end")
    start = data.draw(st.integers(0, end), label="start")
    bits = data.draw(st.integers(1, 63), label="bits")
    warmup = data.draw(st.integers(1, 2**bits), label="warmup tokens")
    tokens = data.draw(st.integers(0, warmup + 1) | st.integers(warmup - 1, warmup), label="tokens")
    assert batch_size(bench, start, end, warmup, tokens) == in_doubles(start, end, warmup, tokens)


DATA_INDICES = [
    *(4, 8, 13, 18, 23, 29, 35, 42, 49, 57, 65, 74, 84, 94, 105, 117, 130, 144, 159, 175, 192, 211, 231, 253, 276),
    *(301, 328, 357, 388, 422, 458, 497, 539, 584, 633, 686, 743, 804, 868, 932, 996),
]


def test_data_index_table(bench: Bench) -> None:
    """The start of each round, in sequences of 128 tokens, while batches grow from 4 to 64 over 100,000 tokens."""
    index, indices = 0, []
    for _ in DATA_INDICES:
        bench.craft(
            RunState.COOLDOWN,
            max_seq_len=128,
            global_batch_size_start=4,
            global_batch_size_end=64,
            global_batch_size_warmup_tokens=100_000,
        )
        bench.round(0, data_index=index)
        assert bench.send(steps.Tick(), client(0)) is None
        index = u64(bench.run.raw, 1040)
        indices.append(index)
    assert indices == DATA_INDICES


@pytest.mark.parametrize(("data_index", "max_seq_len"), [(2**63, 2), (2**64 - 1, 1), (2**40, 2**32 - 1)])
def test_data_index_that_overflows_aborts(bench: Bench, data_index: int, max_seq_len: int) -> None:
    bench.craft(RunState.COOLDOWN, max_seq_len=max_seq_len)
    bench.round(0, data_index=data_index)
    assert bench.send(steps.Tick(), client(0)) == ABORT


# --- seeds and committees --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timestamp", "slot", "seed"),
    [(1700000000, 250000000, 12327558011139139227), (1750470207, 1, 14212457436426518784)],
)
def test_random_seed_of_a_round(timestamp: int, slot: int, seed: int) -> None:
    bench = Bench()
    bench.craft(RunState.WARMUP)
    bench.data[94400] = 1
    bench.chain.set_clock(timestamp, slot)
    assert bench.send(steps.Tick(), client(0)) is None
    assert u64(bench.run.raw, ROUND + 14096) == seed


# (tie breakers, witness nodes, verification percent, clients, seed): digests of witness positions, witness flags,
# committee positions and committees, one byte a client.
SELECTIONS = {
    (10, 20, 30, 100, 12345): ("8551a86af08eb549", "9bc3dc580760fd03", "b47cb4ffdf02d701", "afbd90a6504af4fe"),
    (0, 0, 0, 5, 0): ("8fa9372c1533aba7", "377a23f52c6b3576", "90d7206941454e85", "7dfd2b6c5b422920"),
    (0, 1, 0, 1, 7): ("6e340b9cffb37a98", "4bf5122f344554c5", "6e340b9cffb37a98", "dbc1b4c900ffe48d"),
    (0, 0, 0, 240, 16045690984503098046): (
        *("03d27a34a1914fa5", "5d31f4c8dbda652a", "009c5c4a85bbbbb5", "abb77c5ecf734520"),
    ),
    (0, 3, 0, 256, 42): ("4cdbaf791298b1e6", "42ad85aa30a15656", "62202a0e10ef27d3", "f5c22e35d04167e3"),
    (2, 4, 50, 17, 2**64 - 1): ("35870e49d75baa71", "7e70da62a464ef1f", "bdabd45fb330e639", "9398cd850ce4da2e"),
}


def short_digest(values: list[int]) -> str:
    return hashlib.sha256(bytes(values)).hexdigest()[:16]


def select(parameters: tuple[int, ...]) -> CommitteeSelection:
    tie, nodes, percent, total, seed = parameters
    return CommitteeSelection.select(
        tie_breakers=tie, witness_nodes=nodes, verification_percent=percent, total=total, random_seed=seed
    )


@pytest.mark.parametrize(("parameters", "digests"), SELECTIONS.items(), ids=str)
def test_known_committee_selections(parameters: tuple[int, ...], digests: tuple[str, ...]) -> None:
    selection = select(parameters)
    clients = range(selection.total)
    witnesses = [selection.witness_position(index) for index in clients]
    committees = [selection.committee_position(index) for index in clients]
    flags = [int(selection.is_witness(position)) for position in witnesses]
    kinds = [int(selection.committee(position)) for position in committees]
    assert tuple(map(short_digest, (witnesses, flags, committees, kinds))) == digests


def craft_rounds(bench: Bench, parameters: tuple[int, ...], state: RunState = RunState.ROUND_TRAIN) -> None:
    """Current and previous round with the same seed; nothing times out."""
    tie, nodes, percent, total, seed = parameters
    bench.craft(state, witness_nodes=nodes, verification_percent=percent, max_round_train_time=90_000)
    bench.add_clients(total)
    bench.round(1, seed=seed, height=1, clients=total, tie=tie)
    bench.round(2, seed=seed, height=2, clients=total, tie=tie)
    bench.pack("<I", 94376, 2)


def every_client(parameters: tuple[int, ...]) -> Iterator[tuple[int, int, int, steps.Committee, bool]]:
    selection = select(parameters)
    for index in range(selection.total):
        witness, committee = selection.witness_position(index), selection.committee_position(index)
        yield index, witness, committee, selection.committee(committee), selection.is_witness(witness)


@pytest.mark.parametrize("parameters", SELECTIONS, ids=str)
def test_exactly_the_selected_witnesses_are_accepted(bench: Bench, parameters: tuple[int, ...]) -> None:
    craft_rounds(bench, parameters)
    for index, position, _, _, is_witness in every_client(parameters):
        code = bench.send(steps.Witness(WitnessRecord(position, index)), client(index))
        assert code == (None if is_witness else 6011)
        wrong = WitnessRecord((position + 1) % parameters[3] if parameters[3] > 1 else 1, index)
        assert bench.send(steps.Witness(wrong), client(index)) == 6011


@pytest.mark.parametrize("parameters", SELECTIONS, ids=str)
def test_exactly_the_right_committee_proofs_are_accepted(bench: Bench, parameters: tuple[int, ...]) -> None:
    craft_rounds(bench, parameters)
    bench.pack("<Q", ROUND + 14112 + 14080, 1)  # the previous round has one witness, which has seen nobody
    for index, _, position, committee, _ in every_client(parameters):
        accused = Identity(client(index))
        code = bench.send(steps.HealthCheck(accused, committee, position, index), client(0))
        assert code == (None if committee == steps.Committee.TRAINER else ABORT)
        other = steps.Committee((committee + 1) % 3)
        assert bench.send(steps.HealthCheck(accused, other, position, index), client(0)) == 6021
        assert bench.send(steps.HealthCheck(accused, committee, position + 1, index), client(0)) == 6021


def test_impossible_selections_are_refused(bench: Bench) -> None:
    record = WitnessRecord(0, 0)
    for parameters in ((3, 0, 0, 2, 1), (0, 3, 0, 2, 1), (0, 0, 101, 2, 1)):
        craft_rounds(bench, parameters)
        assert bench.send(steps.Witness(record), client(0)) == 6020
        bench.pack("<Q", ROUND + 14112 + 14080, 1)
        check = steps.HealthCheck(Identity(client(0)), steps.Committee.TRAINER, 0, 0)
        assert bench.send(check, client(0)) == 6020


# --- quorum ----------------------------------------------------------------------------------------------------------

QUORUM = [
    1,
    2,
    2,
    2,
    3,
    4,
    4,
    5,
    6,
    6,
    7,
    8,
    8,
    9,
    10,
    10,
    11,
    12,
    12,
    13,
    14,
    14,
    15,
    16,
    16,
    17,
    18,
    18,
    19,
    20,
    20,
    21,
]


def put_witnesses(bench: Bench, blooms: list[BloomFilter]) -> None:
    """Witnesses of the previous round."""
    for number, bloom in enumerate(blooms):
        stored = witness_bytes(WitnessRecord(0, 0, 1, bloom))
        at = ROUND + 14112 + 440 * number
        bench.data[at : at + 17] = stored[:17]
        bench.data[at + 24 : at + 24 + 192] = stored[17 : 17 + 192]
    bench.pack("<Q", ROUND + 14112 + 14080, len(blooms))


@pytest.mark.parametrize("configured", [False, True])
def test_a_client_is_healthy_when_a_quorum_has_seen_it(bench: Bench, *, configured: bool) -> None:
    """The quorum refers to the configured number of witnesses or, if that is 0, to those received."""
    yes, no = seen("3"), seen("1,2,4")
    for received, quorum in enumerate(QUORUM, start=1):
        parameters = (0, received if configured else 0, 0, 33, 5)
        index, position = next((i, place) for i, _, place, _, _ in every_client(parameters) if i == 3)
        check = steps.HealthCheck(Identity(client(index)), steps.Committee.TRAINER, position, index)
        for votes, code in ((quorum, 6014), (quorum - 1, None)):
            craft_rounds(bench, parameters)
            stored = [yes] * votes + [no] * (received - votes)
            put_witnesses(bench, stored if not configured else stored[: max(votes, 1)])
            assert bench.send(check, client(0)) == code, (received, votes)


def test_no_quorum_of_nobody(bench: Bench) -> None:
    parameters = (0, 0, 0, 33, 5)
    craft_rounds(bench, parameters)
    index, position = next((i, place) for i, _, place, _, _ in every_client(parameters) if i == 3)
    check = steps.HealthCheck(Identity(client(index)), steps.Committee.TRAINER, position, index)
    assert bench.send(check, client(0)) == ABORT


def test_an_empty_bloom_filter_contains_nothing(bench: Bench) -> None:
    parameters = (0, 0, 0, 33, 5)
    craft_rounds(bench, parameters)
    put_witnesses(bench, [BloomFilter()] * 3)
    for index, _, position, committee, _ in every_client(parameters):
        assert bench.send(steps.HealthCheck(Identity(client(index)), committee, position, index), client(0)) is None
