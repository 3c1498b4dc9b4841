"""The coordinator account: every part of it decoded."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from psyche_cli.protocol.accounts.coordinator_parts import (
    EpochClient,
    EpochRates,
    Identity,
    PendingClient,
)
from psyche_cli.protocol.accounts.coordinator_rounds import WitnessRecord
from psyche_cli.protocol.run_states import ClientState, RunState
from tests.protocol.images import ADDRESS, V1_VALUES, decode, put, put_u64, u32, v1_image

# What real accounts hold where nothing is stored: leftovers of the program's memory, behind the ends of texts and
# between the fields of an enum.
LEFTOVERS = {848: b"nous-p", 855: b"-", 884: b"ed-l", 965: bytes([248, 4, 63])}


def image_with_leftovers() -> bytes:
    image = v1_image()
    for offset, content in LEFTOVERS.items():
        assert image[offset : offset + len(content)] == bytes(len(content))
        put(image, offset, content)
    return bytes(image)


@pytest.mark.parametrize("image", [bytes(v1_image()), image_with_leftovers()], ids=["zeros", "leftovers"])
def test_known_values(image: bytes) -> None:
    account = decode(image)
    assert account.as_dict() == V1_VALUES
    assert account.address == ADDRESS
    assert account.lamports == 830_244_480
    state = V1_VALUES["state"]
    assert account.version == 1
    assert account.nonce == 2
    assert account.run_id == "test"
    assert account.run_state is RunState.UNINITIALIZED
    assert account.client_version == "test"
    assert account.metadata == state["metadata"]
    assert account.config == state["coordinator"]["config"]
    assert account.model == state["coordinator"]["model"]
    assert account.progress == state["coordinator"]["progress"]
    assert account.future_epoch_rates == EpochRates(1_000_000, 0)
    assert account.current_epoch_rates == EpochRates(0, 0)
    assert (account.clients, account.epoch_clients, account.exited_clients) == ((), (), ())
    assert [one.witnesses for one in account.rounds] == [(), (), (), ()]


def key(number: int) -> bytes:
    return bytes([number]) * 32


def test_all_values_of_a_run_in_training() -> None:
    image = v1_image()
    put(image, 16, b"A run")
    put(image, 80, "Größe".encode())
    put(image, 408, b"\x04")
    put(image, 1032, struct.pack("<HHIQ", 3, 0xFFFF, 12, 99))
    # Round 1 is the current one, with two witnesses.
    start = 1048 + 14_112
    for number in range(2):
        at = start + 440 * number
        put(image, at, struct.pack("<QQB", 10 + number, 20 + number, 1 - number))
        put(image, at + 24, struct.pack("<24Q", *range(24)))
        put(image, at + 216, struct.pack("<24Q", *range(100, 124)))
        put(image, at + 408, key(30 + number))
    put_u64(image, start + 14_080, 2)
    put(image, start + 14_088, struct.pack("<QQIHH", 1000, 2**64 - 1, 7, 5, 1))
    put(image, 94_376, struct.pack("<IIIIQBB", 1, 11, 15, 0xFFFFFFFF, 1_700_000_000, 1, 7))
    put(image, 94_408, struct.pack("<QB", 1_700_000_005, 1))
    for number in range(3):
        at = 57_496 + 72 * number
        put(image, at, key(40 + number) + key(50 + number) + struct.pack("<BBBBI", number, 9, 9, 9, 60 + number))
    put_u64(image, 75_928, 3)
    put(image, 75_936, key(70) + key(71) + struct.pack("<BBBBI", 3, 9, 9, 9, 6))
    put_u64(image, 94_368, 1)
    for number in range(2):
        at = 94_424 + 96 * number
        put(image, at, key(80 + number) + key(90 + number) + b"\xff" * 8 + struct.pack("<QQQ", 1 + number, 2, 3))
    put_u64(image, 119_000, 2)
    put(image, 119_008, struct.pack("<5Q", 4, 500, 6, 700, 8))
    put(image, 119_048, b"\x01\x00")
    put_u64(image, 119_152, 77)

    account = decode(image)
    assert account.metadata["name"] == "A run"
    assert account.metadata["description"] == "Größe"
    assert account.run_state is RunState.ROUND_WITNESS
    assert account.progress == {"epoch": 3, "step": 12, "epoch_start_data_index": 99}
    assert (account.epoch, account.step) == (3, 12)
    assert account.rounds_head == 1
    current = account.current_round
    assert current is account.rounds[1]
    assert (current.data_index, current.random_seed, current.height) == (1000, 2**64 - 1, 7)
    assert (current.clients_len, current.tie_breaker_tasks) == (5, 1)
    assert [(w.position, w.index, w.witness) for w in current.witnesses] == [(10, 20, True), (11, 21, False)]
    first = current.witnesses[0]
    assert isinstance(first, WitnessRecord)
    assert first.participant_bloom.keys == tuple(range(8))
    assert first.participant_bloom.bits == tuple(range(8, 24))
    assert first.broadcast_bloom.keys == tuple(range(100, 108))
    assert first.broadcast_bloom.bits == tuple(range(108, 124))
    assert first.broadcast_merkle == key(30)
    assert (account.epoch_start_step, account.epoch_last_step) == (11, 15)
    assert account.epoch_start_timestamp == 1_700_000_000
    assert account.first_round is True
    # Any number but 0 is true in the programs' own boolean.
    assert account.cold_start_epoch is True
    assert account.run_state_start_timestamp == 1_700_000_005
    assert account.pending_pause is True
    assert account.epoch_clients == tuple(
        EpochClient(Identity(key(40 + n), key(50 + n)), ClientState(n), 60 + n) for n in range(3)
    )
    assert account.epoch_clients[0].id.display_id == "28282828"
    assert account.exited_clients == (EpochClient(Identity(key(70), key(71)), ClientState.EJECTED, 6),)
    assert account.clients == tuple(PendingClient(Identity(key(80 + n), key(90 + n)), 1 + n, 2, 3) for n in range(2))
    assert account.clients[1].id.display_id == "51515151"
    assert account.next_active == 4
    assert account.current_epoch_rates == EpochRates(500, 6)
    assert account.future_epoch_rates == EpochRates(700, 8)
    assert account.is_warmup_first_tick is True
    assert account.is_training_first_tick is False
    assert account.nonce == 77
    values: Any = account.as_dict()["state"]
    assert values["coordinator"]["run_state"] == "RoundWitness"
    assert values["coordinator"]["epoch_state"]["cold_start_epoch"] == 1
    assert values["coordinator"]["epoch_state"]["clients"][1] == {
        "id": {"signer": [41] * 32, "p2p_identity": [51] * 32},
        "state": "Dropped",
        "exited_height": 61,
    }
    assert values["clients_state"]["clients"][0]["earned"] == 1


DISPLAY_ID = "abababab"


def test_display_ids_are_the_first_four_bytes_in_hex() -> None:
    assert Identity(b"\xab" * 32).display_id == DISPLAY_ID


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (b"", ""),
        (b"abc", "abc"),
        (b"\0abc\0", "\0abc"),
        (b"a\0b", "a\0b"),
        (b"x" * 32, "x" * 32),
        (b"a\xffb", "a\ufffdb"),
        (b"a\xe2\x82", "a\ufffd"),
    ],
)
def test_fixed_strings(stored: bytes, shown: str) -> None:
    image = v1_image()
    put(image, 376, stored.ljust(32, b"\0"))
    assert decode(image).run_id == shown


def text(value: str, size: int) -> bytes:
    return value.encode().ljust(size, b"\0")


@pytest.mark.parametrize(
    ("part", "patches", "expected"),
    [
        ("checkpoint", [(436, u32(0))], "Ephemeral"),
        (
            "checkpoint",
            [(436, u32(1)), (440, b"\x01" + text("rev", 64) + text("org/repo", 64))],
            {"Dummy": {"repo_id": "org/repo", "revision": "rev"}},
        ),
        (
            "checkpoint",
            [(436, u32(3)), (440, b"\x01" + text("rev", 64) + text("org/repo", 64))],
            {"P2P": {"repo_id": "org/repo", "revision": "rev"}},
        ),
        (
            "checkpoint",
            [(436, u32(4)), (440, b"\x01" + text("pre/fix", 64) + text("bucket", 64))],
            {"Gcs": {"bucket": "bucket", "prefix": "pre/fix"}},
        ),
        (
            "checkpoint",
            [(436, u32(5)), (440, b"\x00" + text("left over", 64) + text("bucket", 64))],
            {"P2PGcs": {"bucket": "bucket", "prefix": None}},
        ),
        ("architecture", [(432, u32(3))], "Torchtitan"),
        ("data_type", [(572, u32(1))], "Finetuning"),
        ("data_location", [(576, u32(0))], "Dummy"),
        ("data_location", [(576, u32(1)), (580, text("host:1", 64))], {"Server": "host:1"}),
        ("data_location", [(576, u32(2)), (580, text("/d", 192))], {"Local": "/d"}),
        ("data_location", [(576, u32(4)), (580, text("https://w", 192))], {"WeightedHttp": "https://w"}),
        ("data_location", [(576, u32(5)), (580, text("org/ds", 192))], {"Preprocessed": "org/ds"}),
        (
            "data_location",
            [
                (580, u32(1) + text("http://{}", 64) + u32(4) + b"\x05\xff\xff\xff" + u32(6)),
                (840, u32(1) + u32(1) + bytes(range(32))),
            ],
            {
                "Http": {
                    "location": {
                        "NumberedFiles": {
                            "url_template": "http://{}",
                            "start_index": 4,
                            "n_left_pad_zeros": 5,
                            "num_files": 6,
                        }
                    },
                    "token_size_in_bytes": "FourBytes",
                    "shuffle": {"Seeded": list(range(32))},
                }
            },
        ),
        (
            "data_location",
            [(580, u32(0) + text("http://one", 192))],
            {
                "Http": {
                    "location": {"SingleUrl": "http://one"},
                    "token_size_in_bytes": "TwoBytes",
                    "shuffle": "DontShuffle",
                }
            },
        ),
        (
            "lr_schedule",
            [(880, u32(0)), (888, struct.pack("<ddI", 1.5, 0.5, 7))],
            {"Constant": {"base_lr": 1.5, "warmup_init_lr": 0.5, "warmup_steps": 7}},
        ),
        (
            "lr_schedule",
            [(880, u32(1)), (888, struct.pack("<dddII", 1.5, 0.5, 0.25, 7, 8))],
            {
                "Linear": {
                    "base_lr": 1.5,
                    "warmup_init_lr": 0.5,
                    "final_lr": 0.25,
                    "warmup_steps": 7,
                    "total_steps": 8,
                }
            },
        ),
        (
            "lr_schedule",
            [(880, u32(3)), (888, struct.pack("<ddddIIII", 1.0, 2.0, 3.0, 4.0, 5, 6, 7, 8))],
            {
                "WarmupStableDecay": {
                    "base_lr": 1.0,
                    "warmup_init_lr": 2.0,
                    "cosine_decay_final_lr": 3.0,
                    "linear_decay_final_lr": 4.0,
                    "warmup_steps": 5,
                    "stable_steps": 6,
                    "cosine_decay_steps": 7,
                    "linear_decay_steps": 8,
                }
            },
        ),
        ("optimizer", [(936, u32(0))], "Dummy"),
        (
            "optimizer",
            [(936, u32(1)), (940, struct.pack("<ffffIf", 0.5, 0.25, 0.125, 1.0, 1, 2.0))],
            {"AdamW": {"betas": [0.5, 0.25], "weight_decay": 0.125, "eps": 1.0, "clip_grad_norm": 2.0}},
        ),
        (
            "optimizer",
            [(936, u32(2)), (940, struct.pack("<IfIffHHB", 0, 9.0, 1, 0.1, 0.999, 2, 64, 1))],
            {
                "Distro": {
                    "clip_grad_norm": None,
                    "weight_decay": 0.10000000149011612,
                    "compression_decay": 0.9990000128746033,
                    "compression_topk": 2,
                    "compression_chunk": 64,
                    "quantize_1bit": True,
                }
            },
        ),
    ],
)
def test_every_variant_of_the_model(part: str, patches: list[tuple[int, bytes]], expected: object) -> None:
    image = v1_image()
    for offset, content in patches:
        put(image, offset, content)
    model: Any = decode(image).model
    assert model["LLM"][part] == expected
