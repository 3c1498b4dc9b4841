"""Instruction arguments: every kind of model and configuration is stored in the account as it was sent."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.instruction import Instruction

from psyche_cli.model import instructions as steps
from tests.support.config_keys import CONFIG_KEYS
from tests.support.counts import repetitions

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
)
from .run import Run
from .traces import DISTRO, model_value
from .world import GOOD_MODEL, World


@pytest.fixture(scope="module")
def run() -> Run:
    return Run(Chain())


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def short_text(size: int) -> st.SearchStrategy[str]:
    characters = st.characters(min_codepoint=33, max_codepoint=0x24F)
    return st.text(characters, min_size=1).filter(lambda text: len(text.encode()) <= size)


u32 = st.integers(0, 2**32 - 1)


def tagged(name: str, value: st.SearchStrategy[Any]) -> st.SearchStrategy[Table]:
    return value.map(lambda content: {name: content})


def record(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(fields)


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


f32 = st.floats(width=32, allow_nan=False)
f64 = st.floats(allow_nan=False)
u16 = st.integers(0, 2**16 - 1)
hub = record(repo_id=short_text(64), revision=st.none() | short_text(64))
gcs = record(bucket=short_text(64), prefix=st.none() | short_text(64))


checkpoints = st.one_of(
    *(tagged(name, hub) for name in ("Dummy", "Hub", "P2P")), *(tagged(name, gcs) for name in ("Gcs", "P2PGcs"))
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


@settings(max_examples=repetitions(80))
@given(model=models, texts=metadata)
def test_models_and_metadata_arrive_as_they_were_sent(run: Run, model: Table, texts: Table) -> None:
    run.must(steps.Update(metadata=texts, model=model))
    state = run.state
    assert state.model == model
    assert state.metadata == texts


def test_leftovers_of_an_earlier_model_are_cleared(run: Run) -> None:
    """Not required, but it makes the bytes of equal models equal."""
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
    """As encoded by the published client: the program accepts the instruction with its arguments."""
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
