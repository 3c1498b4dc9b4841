"""Instruction arguments that are truncated or invalid, or contain invalid text: all are rejected."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche_cli.model import instructions as steps
from psyche_cli.protocol.accounts.coordinator_rounds import WitnessRecord

from .chain import option
from .coordinator_bytes import (
    Table,
    model_bytes,
    update_arguments,
    witness_bytes,
)
from .traces import ADAMW, DISTRO
from .world import GOOD_CONFIG, GOOD_MODEL, World


@pytest.fixture(scope="module")
def world() -> World:
    return World()


NAN32, NAN64 = b"\0\0\xc0\x7f", bytes(6) + b"\xf8\x7f"


# --- malformed -------------------------------------------------------------------------------------------------------


def test_every_truncation_is_refused(world: World) -> None:
    for call in world.every_call():
        for length in range(len(call.arguments)):
            outcome = world.chain.send(call.instruction(arguments=call.arguments[:length]))
            assert outcome.code == 102, (call.name, length)


def test_trailing_bytes_are_ignored() -> None:
    world = World()
    for call in world.every_call():
        plain = world.chain.send(call.instruction())
        longer = world.chain.send(call.instruction(arguments=call.arguments + b"\xff" * 9))
        if call.name not in ("tick", "set_paused", "free_coordinator"):
            assert plain.code == longer.code, call.name
        assert longer.code != 102


def places_of_tags() -> list[tuple[int, int]]:
    """Offsets of enum and option tags and booleans in an update with everything, each with its first invalid value."""
    update = update_arguments(steps.Update(config=GOOD_CONFIG, model=GOOD_MODEL))
    model = update.index(model_bytes(GOOD_MODEL))
    schedule = len(update) - len(b"\0") - 16 - 21
    return [
        (0, 2),
        (1, 2),
        (66, 2),
        (model, 1),
        (model + 9, 4),
        (model + 10, 6),
        (model + 75, 2),
        (model + 76, 2),
        (model + 77, 6),
        (schedule, 4),
        (schedule + 21, 3),
        (schedule + 22, 2),
        (schedule + 23, 2),
        (schedule + 36, 2),
    ]


def test_invalid_tags_are_refused(world: World) -> None:
    update = update_arguments(steps.Update(config=GOOD_CONFIG, model=GOOD_MODEL))
    for offset, first_invalid in places_of_tags():
        assert update[offset] < first_invalid, offset
        for value in (first_invalid, 255):
            damaged = bytearray(update)
            damaged[offset] = value
            outcome = world.chain.send(world.owner_call("update", bytes(damaged)).instruction())
            assert outcome.code == 102, (offset, value)
            outcome = world.chain.send(world.run_update(bytes(damaged) + bytes(4)).instruction())
            assert outcome.code == 102, (offset, value)


def test_invalid_tags_of_less_frequent_variants_are_refused(world: World) -> None:
    start = model_bytes(GOOD_MODEL).index(b"\2/data")
    http = {
        "location": {"SingleUrl": "u"},
        "token_size_in_bytes": "FourBytes",
        "shuffle": {"Seeded": [7] * 32},
    }
    served = model_bytes({"LLM": {**GOOD_MODEL["LLM"], "data_location": {"Http": http}}})
    adam = model_bytes({"LLM": {**GOOD_MODEL["LLM"], "optimizer": ADAMW}})
    location, token_size, shuffle = start + 1, start + 2 + 192, start + 3 + 192
    for model, offset, value, first_invalid in (
        (served, location, 0, 3),
        (served, token_size, 1, 2),
        (served, shuffle, 1, 2),
        (adam, len(adam) - 5, 1, 2),  # whether there is a gradient norm to clip to
    ):
        assert model[offset] == value
        for tag in (first_invalid, 255):
            damaged = model[:offset] + bytes([tag]) + model[offset + 1 :]
            outcome = world.chain.send(world.owner_call("update", b"\0\0" + option(damaged) + b"\0").instruction())
            assert outcome.code == 102, (offset, tag)


@pytest.mark.parametrize("number", [2, 255])
def test_booleans_are_0_or_1(world: World, number: int) -> None:
    value = bytes([number])
    for call in (
        world.owner_call("set_paused", value),
        world.owner_call("set_future_epoch_rates", value + bytes(10)),
        world.run_update(bytes(6) + b"\1" + value + b"\0"),
    ):
        assert world.chain.send(call.instruction()).code == 102
    active, delegates = world.authorization_grantor_update(), world.authorization_grantee_update()
    assert world.chain.send(active.instruction(arguments=value)).code == 102
    assert world.chain.send(delegates.instruction(arguments=value + bytes(4))).code == 102


def test_any_byte_is_a_small_boolean(world: World) -> None:
    witness = bytearray(witness_bytes(WitnessRecord(0, 0, 1)))
    witness[16] = 77
    outcome = world.chain.send(world.member_call("warmup_witness", bytes(witness)).instruction())
    assert outcome.code == 6007


def schedule_with(rate: bytes) -> bytes:
    return model_bytes(GOOD_MODEL).replace(struct.pack("<d", 0.25), rate, 1)


@pytest.mark.parametrize("sign", [0, 0x80])
def test_not_a_number_is_refused(world: World, sign: int) -> None:
    nan64, nan32 = NAN64[:7] + bytes([0x7F | sign]), NAN32[:3] + bytes([0x7F | sign])
    model = model_bytes(GOOD_MODEL)
    decay = struct.pack("<f", 0.5)
    assert model.count(decay) == 1
    for damaged in (schedule_with(nan64), model.replace(decay, nan32), schedule_with(b"\1" + nan64[1:])):
        outcome = world.chain.send(world.owner_call("update", b"\0\0" + option(damaged) + b"\0").instruction())
        assert outcome.code == 102
    infinity = schedule_with(struct.pack("<d", float("-inf" if sign else "inf")))
    world.chain.must(world.owner_call("update", b"\0\0" + option(infinity) + b"\0").instruction())


RATES = {"base_lr": 3.5, "warmup_init_lr": 4.5, "final_lr": 5.5}
DECAY = {"base_lr": 3.5, "warmup_init_lr": 4.5, "cosine_decay_final_lr": 6.5, "linear_decay_final_lr": 7.5}
DECAY_STEPS = {"warmup_steps": 1, "stable_steps": 1, "cosine_decay_steps": 1, "linear_decay_steps": 1}
CLIPPED = {"Distro": {**DISTRO["Distro"], "clip_grad_norm": 1.0}}


@pytest.mark.parametrize(
    ("part", "value", "form", "numbers"),
    [
        ("lr_schedule", {"Linear": {**RATES, "warmup_steps": 1, "total_steps": 2}}, "<d", (3.5, 4.5, 5.5)),
        ("lr_schedule", {"Cosine": {**RATES, "warmup_steps": 1, "total_steps": 2}}, "<d", (3.5, 4.5, 5.5)),
        ("lr_schedule", {"WarmupStableDecay": {**DECAY, **DECAY_STEPS}}, "<d", (3.5, 4.5, 6.5, 7.5)),
        ("optimizer", ADAMW, "<f", (0.5, 0.75, 0.125, 0.25, 1.0)),
        ("optimizer", CLIPPED, "<f", (1.0, 0.5, 0.25)),
    ],
    ids=["linear", "cosine", "decay", "adamw", "distro"],
)
def test_not_a_number_is_refused_wherever_a_float_is(
    world: World, part: str, value: Table, form: str, numbers: tuple[float, ...]
) -> None:
    """In arrays and in options too."""
    model = model_bytes({"LLM": {**GOOD_MODEL["LLM"], part: value}})
    world.chain.must(world.owner_call("update", b"\0\0" + option(model) + b"\0").instruction())
    for number in numbers:
        packed = struct.pack(form, number)
        assert model.count(packed) == 1, number
        damaged = model.replace(packed, NAN64 if form == "<d" else NAN32)
        outcome = world.chain.send(world.owner_call("update", b"\0\0" + option(damaged) + b"\0").instruction())
        assert outcome.code == 102, number


def test_witness_metadata_is_checked_for_its_form(world: World) -> None:
    """Nothing else about it is checked: the call proceeds to the lookup of its signer."""
    record = witness_bytes(WitnessRecord(0, 0, 1))
    floats = [4, 8, 12, *(16 + 36 * index + 32 for index in range(8)), 385]
    lengths = [16 + 288, 312 + 64]
    for offset in [*floats, *lengths]:
        data = bytearray(389)
        size = 8 if offset in lengths else 4
        data[offset : offset + size] = b"\xff" * size
        code = world.chain.send(world.member_call("witness", record + bytes(data)).instruction()).code
        assert code == (6007 if offset in lengths else 102), offset


@pytest.mark.parametrize(
    ("raw", "well_formed"),
    [
        (b"plain", True),
        ("aé€𝄞".encode(), True),
        (b"\xf4\x8f\xbf\xbf", True),
        (b"\x80", False),
        (b"\xc3", False),
        (b"\xc0\x80", False),
        (b"\xe0\x80\x80", False),
        (b"\xed\xa0\x80", False),
        (b"\xf0\x80\x80\x80", False),
        (b"\xf4\x90\x80\x80", False),
        (b"\xf5\x80\x80\x80", False),
        (b"\xff", False),
        (b"a\xe2\x82", False),
    ],
)
def test_texts_are_utf8(world: World, raw: bytes, *, well_formed: bool) -> None:
    text = struct.pack("<I", len(raw)) + raw
    for call in (world.owner_call("update_client_version", text), world.run_update(bytes(7) + b"\1" + text)):
        assert world.chain.send(call.instruction()).code == (None if well_formed else 102)


@given(st.binary(max_size=80))
def test_utf8_is_what_python_says(world: World, raw: bytes) -> None:
    try:
        raw.decode()
        code = None
    except UnicodeDecodeError:
        code = 102
    call = world.owner_call("update_client_version", struct.pack("<I", len(raw)) + raw)
    assert world.chain.send(call.instruction()).code == code


def test_lengths_beyond_the_data_are_refused(world: World) -> None:
    for length in (100, 2**31, 2**32 - 1):
        prefix = struct.pack("<I", length)
        assert world.chain.send(world.owner_call("update_client_version", prefix + b"x").instruction()).code == 102
        grantee = world.authorization_grantee_update().instruction(arguments=b"\0" + prefix + bytes(64))
        assert world.chain.send(grantee).code == 102
