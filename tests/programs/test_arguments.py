"""Instruction arguments: every kind of model arrives in the account as it was sent; nothing malformed gets through."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.instruction import Instruction

from psyche_cli.model import instructions as steps
from psyche_cli.protocol.accounts.coordinator_parts import WitnessRecord
from tests.support.config_keys import CONFIG_KEYS

from .chain import COORDINATOR, Chain, instruction, meta, option
from .coordinator_bytes import (
    ARCHITECTURES,
    DATA_TYPES,
    SCHEDULES,
    TOKEN_SIZES,
    RunAccounts,
    Table,
    decode,
    model_bytes,
    update_arguments,
    witness_bytes,
)
from .run import Run
from .traces import ADAMW, DISTRO, model_value
from .world import GOOD_CONFIG, GOOD_MODEL, World

NAN32, NAN64 = b"\0\0\xc0\x7f", bytes(6) + b"\xf8\x7f"


@pytest.fixture(scope="module")
def run() -> Run:
    return Run(Chain())


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def short_text(size: int) -> st.SearchStrategy[str]:
    characters = st.characters(min_codepoint=33, max_codepoint=0x24F)
    return st.text(characters, min_size=1).filter(lambda text: len(text.encode()) <= size)


f32 = st.floats(width=32, allow_nan=False)
f64 = st.floats(allow_nan=False)
u32 = st.integers(0, 2**32 - 1)
u16 = st.integers(0, 2**16 - 1)


def tagged(name: str, value: st.SearchStrategy[Any]) -> st.SearchStrategy[Table]:
    return value.map(lambda content: {name: content})


def record(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(fields)


hub = record(repo_id=short_text(64), revision=st.none() | short_text(64))
gcs = record(bucket=short_text(64), prefix=st.none() | short_text(64))
checkpoints = st.one_of(
    *(tagged(name, hub) for name in ("Dummy", "Hub", "P2P")), *(tagged(name, gcs) for name in ("Gcs", "P2PGcs"))
)
numbered = record(
    url_template=short_text(64),
    start_index=u32,
    n_left_pad_zeros=st.integers(0, 255),
    num_files=st.integers(1, 2**32 - 1),
)
http = record(
    location=st.one_of(
        tagged("SingleUrl", short_text(192)),
        tagged("NumberedFiles", numbered),
        tagged("Gcp", record(bucket_name=short_text(64), filter_directory=st.just("") | short_text(192))),
    ),
    token_size_in_bytes=st.sampled_from(TOKEN_SIZES),
    shuffle=st.just("DontShuffle") | tagged("Seeded", st.lists(st.integers(0, 255), min_size=32, max_size=32)),
)
locations = st.one_of(
    st.just("Dummy"),
    tagged("Server", short_text(64)),
    tagged("Http", http),
    *(tagged(name, short_text(192)) for name in ("Local", "WeightedHttp", "Preprocessed")),
)
schedules: st.SearchStrategy[Table] = st.one_of(
    *(
        tagged(kind, record(**{name: f64 if name.endswith("lr") else u32 for name in names}))
        for kind, (_, _, names) in SCHEDULES.items()
    )
)
optimizers = st.one_of(
    tagged(
        "AdamW",
        record(betas=st.lists(f32, min_size=2, max_size=2), weight_decay=f32, eps=f32, clip_grad_norm=st.none() | f32),
    ),
    tagged(
        "Distro",
        record(
            clip_grad_norm=st.none() | f32,
            weight_decay=st.none() | f32,
            compression_decay=f32,
            compression_topk=u16,
            compression_chunk=u16,
            quantize_1bit=st.booleans(),
        ),
    ),
)
models = tagged(
    "LLM",
    record(
        max_seq_len=st.integers(1, 2**32 - 1),
        cold_start_warmup_steps=st.just(0),
        architecture=st.sampled_from(ARCHITECTURES),
        checkpoint=checkpoints,
        data_type=st.sampled_from(DATA_TYPES),
        data_location=locations,
        lr_schedule=schedules,
        optimizer=optimizers,
    ),
)
metadata = record(
    name=st.just("") | short_text(64),
    description=st.just("") | short_text(280),
    num_parameters=st.integers(0, 2**64 - 1),
    vocab_size=st.integers(0, 2**64 - 1),
)


@settings(max_examples=80)
@given(model=models, texts=metadata)
def test_models_and_metadata_arrive_as_they_were_sent(run: Run, model: Table, texts: Table) -> None:
    run.must(steps.Update(metadata=texts, model=model))
    state = run.state
    assert state.model == model
    assert state.metadata == texts


def test_leftovers_of_an_earlier_model_are_cleared(run: Run) -> None:
    """Not required of anybody, but it makes equal models equal bytes."""
    small = model_value("hub:a/b", 1, 0, DISTRO)
    run.must(steps.Update(model=small))
    before = run.raw[416:968]
    large = {
        "Http": {"location": {"SingleUrl": "u" * 192}, "token_size_in_bytes": "TwoBytes", "shuffle": "DontShuffle"}
    }
    run.must(steps.Update(model={"LLM": {**small["LLM"], "data_location": large}}))
    run.must(steps.Update(model=small))
    assert run.raw[416:968] == before


def test_config_lies_field_by_field_in_the_account(run: Run) -> None:
    sizes = (8, 8, 8, 8, 8, 8, 4, 2, 2, 2, 2, 2, 1, 1)
    values = dict(zip(CONFIG_KEYS, (1, 2, 3, 4, 5, 6, 7, 9, 8, 4, 11, 12, 13, 14), strict=True))
    run.must(steps.Update(config=values))
    expected = b"".join(value.to_bytes(size, "little") for value, size in zip(values.values(), sizes, strict=True))
    assert run.raw[968:1032] == expected


@pytest.mark.parametrize(
    ("sent", "offset", "stored"),
    [
        (  # a warm-up, stable, decay schedule: rates 1, 3, 6, 8 and steps 2, 4, 5, 7
            "03000000000000f03f00000000000008400000000000001840000000000000204002000000040000000500000007000000",
            880,
            "0300000000000000000000000000f03f00000000000008400000000000001840000000000000204002000000040000000500000007000000",
        ),
        (
            "02000000000000f03f000000000000084000000000000014400200000004000000",
            880,
            "0200000000000000000000000000f03f000000000000084000000000000014400200000004000000" + "00" * 16,
        ),
        (
            "00000000000000f03f000000000000084002000000",
            880,
            "0000000000000000000000000000f03f000000000000084002000000" + "00" * 28,
        ),
    ],
)
def test_known_schedule_bytes(run: Run, sent: str, offset: int, stored: str) -> None:
    constant = b"\0" + struct.pack("<ddI", 0.25, 0.0, 5)
    arguments = update_arguments(steps.Update(model=GOOD_MODEL)).replace(constant, bytes.fromhex(sent))
    run.chain.must(owner_instruction(run.accounts, "update", arguments))
    assert run.raw[offset : offset + len(stored) // 2].hex() == stored


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (
            "016666663f3333733fcdcccc3d77cc2b32010000803f",
            "010000006666663f3333733fcdcccc3d77cc2b32010000000000803f00000000",
        ),
        (
            "02010000803f0077be7f3f0200400001",
            "02000000010000000000803f000000000000000077be7f3f0200400001000000",
        ),
    ],
)
def test_known_optimizer_bytes(run: Run, sent: str, stored: str) -> None:
    model = model_bytes(model_value("hub:a/b", 1, 0, "Dummy"))[:-1] + bytes.fromhex(sent)
    run.chain.must(owner_instruction(run.accounts, "update", b"\0\0" + option(model) + b"\0"))
    assert run.raw[936:968].hex() == stored


def owner_instruction(accounts: RunAccounts, name: str, arguments: bytes) -> Instruction:
    metas = [meta(accounts.authority, "s"), meta(accounts.instance), meta(accounts.account, "w")]
    return instruction(COORDINATOR, name, metas, arguments)


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
    """It is not looked at otherwise: the call gets as far as the look-up of its signer."""
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


def test_decode_of_a_fresh_account(run: Run) -> None:
    fresh = Run(run.chain, "fresh").raw
    state = decode(fresh)
    assert (state.run_id, state.client_version, state.nonce) == ("fresh", "latest", 0)
    written = {8: 1, **dict(enumerate(fresh[:8])), **{376 + i: b for i, b in enumerate(b"fresh")}}
    written |= {119050 + i: byte for i, byte in enumerate(b"latest")}
    assert {offset: byte for offset, byte in enumerate(fresh) if byte} == written


# --- known instructions ----------------------------------------------------------------------------------------------

KNOWN_DATA = {
    "set_future_epoch_rates": "ef15a057c7c8b6810140420f000000000000",
    "set_paused": "5b3c7dc0b0e1a6da00",
    "update_client_version": "c1152e3c33020dfb020000007632",
    "init_coordinator": (
        "14399449e8857a195704de18fc6045e4d08c3a261162795689ba6a0383964109350f8fad3c4ad972"
        "66c4d728fb28e09b8972593b421181c727d921eb3162bbbfb7d6eca704911402"
        "0400000074657374060000006c6174657374"
    ),
    "witness": "d5f495198edf1527" + "00" * 16 + "01" + "00" * 805,
    "warmup_witness": "d3e87ae83f16375e" + "00" * 16 + "01" + "00" * 416,
    "free_coordinator": "59d8d7e5dff24a20",
    "checkpoint": "d5c813ccf08fb8fc026f72672f7265706f" + "00" * 57,
    "authorization_create": (
        "149dc4b3e7df6d6666c4d728fb28e09b8972593b421181c727d921eb3162bbbfb7d6eca704911402"
        "12000000436f6f7264696e61746f724a6f696e52756e"
    ),
    "authorization_grantee_update": (
        "ba6f7fc75990c14300010000005704de18fc6045e4d08c3a261162795689ba6a0383964109350f8fad3c4ad972"
    ),
    "authorization_close": "81d0f820c8855717",
    "run_update": "33562e740d42149d0000000001420000000000000000010000",
    "participant_create": "32b18e2875b046b5",
    "tick": "5c4f2c0865503f0f",
    "join_run": "48a07d666a86f64b" + "11" * 64,
    "participant_claim": "a096e8563b6bad260000000000000000",
    "authorization_grantor_update": "1d7441a161bd3af901",
}


def test_known_instruction_data_is_understood(world: World) -> None:
    """As the published client encodes it: the program takes it for the instruction that it is, arguments included."""
    calls = {call.name: call for call in world.every_call()}
    for name, data in KNOWN_DATA.items():
        built = calls[name].instruction()
        outcome = world.chain.send(type(built)(built.program_id, bytes.fromhex(data), built.accounts[:0]))
        title = "".join(word.capitalize() for word in name.split("_"))
        assert outcome.said(f"Program log: Instruction: {title}")
        assert outcome.code == 3005, name  # all arguments read, no account given


def test_known_rates_take_effect() -> None:
    world = World()
    call = world.owner_call("set_future_epoch_rates", bytes.fromhex(KNOWN_DATA["set_future_epoch_rates"])[8:])
    world.chain.must(call.instruction())
    assert decode(world.chain.data(world.plain_account)).future_epoch_rates.earning_rate_total_shared == 1_000_000
