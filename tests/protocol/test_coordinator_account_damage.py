"""Damaged coordinator accounts: the error locates the damage, and no other exception is raised."""

from __future__ import annotations

import contextlib
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psyche_cli.errors import (
    AccountError,
    MalformedAccount,
)
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
from tests.protocol.images import ADDRESS, decode, put, put_u64, u32, v1_image
from tests.support.counts import repetitions


@pytest.mark.parametrize(
    ("offset", "content", "field", "value"),
    [
        (408, b"\x08", "state.coordinator.run_state", 8),
        (416, u32(1), "state.coordinator.model", 1),
        (432, u32(4), "state.coordinator.model.LLM.architecture", 4),
        (436, u32(6), "state.coordinator.model.LLM.checkpoint", 6),
        (440, b"\x02", "state.coordinator.model.LLM.checkpoint.Hub.revision", 2),
        (572, u32(2), "state.coordinator.model.LLM.data_type", 2),
        (576, u32(6), "state.coordinator.model.LLM.data_location", 6),
        (580, u32(3), "state.coordinator.model.LLM.data_location.Http.location", 3),
        (840, u32(2), "state.coordinator.model.LLM.data_location.Http.token_size_in_bytes", 2),
        (844, u32(2), "state.coordinator.model.LLM.data_location.Http.shuffle", 2),
        (880, u32(4), "state.coordinator.model.LLM.lr_schedule", 4),
        (936, u32(3), "state.coordinator.model.LLM.optimizer", 3),
        (940, u32(2), "state.coordinator.model.LLM.optimizer.Distro.clip_grad_norm", 2),
        (948, u32(0xFFFFFFFF), "state.coordinator.model.LLM.optimizer.Distro.weight_decay", 0xFFFFFFFF),
        (964, b"\x02", "state.coordinator.model.LLM.optimizer.Distro.quantize_1bit", 2),
        (15_128, struct.pack("<Q", 33), "state.coordinator.epoch_state.rounds[0].witnesses.len", 33),
        (57_464, struct.pack("<Q", 2**63), "state.coordinator.epoch_state.rounds[3].witnesses.len", 2**63),
        (75_928, struct.pack("<Q", 257), "state.coordinator.epoch_state.clients.len", 257),
        (94_368, struct.pack("<Q", 257), "state.coordinator.epoch_state.exited_clients.len", 257),
        (119_000, struct.pack("<Q", 257), "state.clients_state.clients.len", 257),
    ],
)
def test_damage_is_located(offset: int, content: bytes, field: str, value: int) -> None:
    image = v1_image()
    put(image, offset, content)
    with pytest.raises(MalformedAccount) as caught:
        _ = decode(image).model, decode(image).as_dict()
    assert caught.value.context == {
        "address": str(ADDRESS),
        "field": field,
        "offset": offset,
        "value": value,
    }
    assert f"{field} at byte {offset} " in caught.value.message


def test_damage_found_only_by_properties() -> None:
    image = v1_image()
    put(image, 94_376, u32(4))
    with pytest.raises(MalformedAccount, match="rounds_head at byte 94376 is 4, but must be less than 4"):
        _ = decode(image).current_round
    image = v1_image()
    put_u64(image, 75_928, 2)
    put(image, 57_496 + 72 + 64, b"\x04")
    with pytest.raises(MalformedAccount, match=r"clients\[1\]\.state at byte 57632 is 4"):
        _ = decode(image).epoch_clients


def test_a_full_list_is_valid() -> None:
    image = v1_image()
    for offset in (75_928, 94_368, 119_000):
        put_u64(image, offset, 256)
    put_u64(image, 15_128, 32)
    account = decode(image)
    assert len(account.clients) == len(account.epoch_clients) == len(account.exited_clients) == 256
    assert len(account.rounds[0].witnesses) == 32


def read_everything(account: CoordinatorAccount) -> None:
    account.as_dict()
    for name in dir(CoordinatorAccount):
        if not name.startswith("_"):
            getattr(account, name)


@given(st.lists(st.tuples(st.integers(8, 119_159), st.binary(min_size=1, max_size=9)), max_size=12))
@settings(max_examples=repetitions(60), deadline=None)
def test_a_damaged_account_is_read_or_refused_by_name(patches: list[tuple[int, bytes]]) -> None:
    image = v1_image()
    for offset, content in patches:
        put(image, offset, content)
    # Anything else that is raised fails the test.
    with contextlib.suppress(AccountError):
        read_everything(decode(image[:119_160]))


@given(st.integers(0, 2**32), st.booleans())
@settings(max_examples=repetitions(25), deadline=None)
def test_random_bytes_are_refused_by_name(seed: int, valid_header: bool) -> None:
    noise = bytearray(random.Random(seed).randbytes(119_160))
    if valid_header:
        put(noise, 0, bytes(v1_image()[:16]))
    with pytest.raises(AccountError):
        read_everything(decode(noise))
