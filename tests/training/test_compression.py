"""Compressed updates: nothing is lost, one encoding, and hostile bytes are refused."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psyche_cli.training.compression import DENSE, SIGNS, VALUES, Compressor, Layout, decode_dense, encode_dense
from psyche_cli.training.exact import Floats
from psyche_cli.training.optimizers import DistroOptimizer, clipped
from psyche_cli.training.options import Distro
from psyche_cli.training.trainer import BadUpdate

LAYOUTS = st.builds(Layout, st.integers(1, 300), st.integers(1, 70), st.integers(1, 70))
KINDS = st.sampled_from([SIGNS, VALUES])


def gradient_of(layout: Layout, seed: int) -> Floats:
    generator = np.random.default_rng(seed)
    # Some zeros, and values of very different size.
    values = generator.normal(size=layout.parameters) * 10.0 ** generator.integers(-6, 3, layout.parameters)
    return np.where(generator.random(layout.parameters) < 0.3, 0.0, values)


@given(LAYOUTS, KINDS, st.integers(0, 1000))
@settings(deadline=None)
def test_what_is_decoded_is_encoded_to_the_same_bytes(layout: Layout, kind: int, seed: int) -> None:
    compressor = Compressor(layout, kind)
    update = compressor.encode(gradient_of(layout, seed))
    assert len(update) == layout.update_bytes(kind)
    decoded = compressor.decode(update)
    assert compressor.encode(decoded) == update
    assert np.count_nonzero(decoded) <= layout.slots


@given(LAYOUTS, st.integers(0, 1000))
@settings(deadline=None)
def test_the_values_sent_are_the_largest_of_each_chunk(layout: Layout, seed: int) -> None:
    gradient = gradient_of(layout, seed)
    decoded = Compressor(layout, VALUES).decode(Compressor(layout, VALUES).encode(gradient))
    sent = decoded != 0
    assert np.array_equal(decoded[sent], gradient[sent].astype(np.float32).astype(np.float64))
    # With a single chunk, no value that is left out is larger than one that is sent.
    if layout.chunks == 1 and sent.any() and (~sent).any():
        assert np.abs(gradient[~sent]).max() <= np.abs(gradient[sent]).min()
    assert int(np.count_nonzero(sent)) >= min(int(np.count_nonzero(gradient)), layout.kept, layout.chunk)


@given(LAYOUTS, KINDS, st.integers(0, 1000))
@settings(deadline=None)
def test_every_change_of_an_update_is_refused_or_another_valid_update(layout: Layout, kind: int, seed: int) -> None:
    compressor, generator = Compressor(layout, kind), random.Random(seed)
    update = bytearray(compressor.encode(gradient_of(layout, seed)))
    for _ in range(10):
        changed = bytearray(update)
        changed[generator.randrange(len(changed))] ^= 1 << generator.randrange(8)
        try:
            decoded = compressor.decode(bytes(changed))
        except BadUpdate:
            continue
        assert np.all(np.isfinite(decoded))
        if kind == VALUES:
            assert compressor.encode(decoded) == bytes(changed)


@pytest.mark.parametrize("kind", [SIGNS, VALUES])
def test_random_bytes_are_refused(kind: int) -> None:
    layout = Layout(5000, 64, 4)
    compressor, generator = Compressor(layout, kind), random.Random(1)
    for _ in range(200):
        with pytest.raises(BadUpdate):
            compressor.decode(generator.randbytes(layout.update_bytes(kind)))
        with pytest.raises(BadUpdate):
            compressor.decode(bytes([kind]) + generator.randbytes(layout.update_bytes(kind) - 1))


def signs(scale: float, *fields: int) -> bytes:
    """An update of the layout (5, 3, 2): two chunks with two slots of two index bits and a sign each."""
    bits = "".join(f"{field:03b}" for field in fields).ljust(16, "0")
    return bytes([SIGNS]) + struct.pack("<f", scale) + int(bits, 2).to_bytes(2, "big")


EMPTY = 0b110
HOSTILE = {
    "it has 6 bytes": signs(1.0, 0, EMPTY, EMPTY, EMPTY)[:-1],
    "it has 0 bytes": b"",
    "it is of kind 2": bytes([VALUES]) + signs(1.0, 0, EMPTY, EMPTY, EMPTY)[1:],
    "its scale": signs(float("nan"), 0, EMPTY, EMPTY, EMPTY),
    "its scale is not": signs(-1.0, 0, EMPTY, EMPTY, EMPTY),
    "its scale is not a": signs(-0.0, EMPTY, EMPTY, EMPTY, EMPTY),
    "an empty slot has a sign": signs(1.0, 0, EMPTY | 1, EMPTY, EMPTY),
    "a scale and no values": signs(1.0, EMPTY, EMPTY, EMPTY, EMPTY),
    "not in ascending order": signs(1.0, 0b010, 0b000, EMPTY, EMPTY),
    "ascending order": signs(1.0, 0b010, 0b010, EMPTY, EMPTY),
    "in ascending": signs(1.0, EMPTY, 0b010, EMPTY, EMPTY),
    "a slot is empty and has a value, or has an index and no value": signs(0.0, 0, EMPTY, EMPTY, EMPTY),
    "outside of the model": signs(1.0, 0, EMPTY, 0b100, EMPTY),
    "padding": signs(1.0, 0, EMPTY, EMPTY, EMPTY)[:-1] + bytes([signs(1.0, 0, EMPTY, EMPTY, EMPTY)[-1] | 1]),
}


@pytest.mark.parametrize("reason", HOSTILE)
def test_hostile_bytes_are_refused_with_the_reason(reason: str) -> None:
    compressor = Compressor(Layout(5, 3, 2), SIGNS)
    assert np.count_nonzero(compressor.decode(signs(1.0, 0, EMPTY, EMPTY, EMPTY))) == 1
    with pytest.raises(BadUpdate, match=reason):
        compressor.decode(HOSTILE[reason])


def test_an_index_outside_of_its_chunk_is_refused() -> None:
    compressor = Compressor(Layout(8, 4, 1), VALUES)
    fields = int("101" + "100" + "00", 2).to_bytes(1, "big")
    with pytest.raises(BadUpdate, match="outside of its chunk"):
        compressor.decode(bytes([VALUES]) + fields + struct.pack("<2f", 1.0, 0.0))


def test_dense_updates_are_finite_and_complete() -> None:
    gradient = np.array([1.5, -2.0, 0.0])
    assert np.array_equal(decode_dense(encode_dense(gradient), 3), gradient)
    for bad in (encode_dense(gradient)[:-1], bytes([DENSE]) + struct.pack("<3f", 1, float("inf"), 0), b""):
        with pytest.raises(BadUpdate):
            decode_dense(bad, 3)


@given(st.booleans(), st.integers(0, 1000), st.sampled_from([0.0, 0.5, 0.999, 1.0]))
@settings(deadline=None)
def test_what_is_sent_and_what_is_kept_add_up_to_what_there_was(one_bit: bool, seed: int, decay: float) -> None:
    optimizer = DistroOptimizer(Distro(decay, 3, 16, one_bit, 0.0, None), 200)
    generator = np.random.default_rng(seed)
    for checked, own in ((False, True), (True, True), (False, True), (True, False)):
        gradient, before = generator.normal(size=200), optimizer.residual.copy()
        update = optimizer.send_checked(gradient, own=own) if checked else optimizer.send(gradient)
        expected = decay * before + gradient if own else before + optimizer.decoded(update)
        assert np.allclose(optimizer.decoded(update) + optimizer.residual, expected, rtol=0, atol=1e-12)


def test_with_error_feedback_every_value_is_sent_sooner_or_later() -> None:
    gradient = np.linspace(0.01, 1, 64)
    optimizer = DistroOptimizer(Distro(1.0, 1, 64, False, 0.0, None), 64)
    total = np.zeros(64)
    for _ in range(2000):
        total += optimizer.decoded(optimizer.send(gradient))
    assert np.allclose(total / 2000, gradient, rtol=0.1, atol=0.02)
    plain = DistroOptimizer(Distro(0.0, 1, 64, False, 0.0, None), 64)
    assert sum(np.count_nonzero(plain.decoded(plain.send(gradient))[:-1]) for _ in range(100)) == 0


def test_a_gradient_is_clipped_to_the_norm() -> None:
    gradient = np.array([3.0, 4.0])
    assert np.allclose(clipped(gradient, 1.0), [0.6, 0.8])
    assert clipped(gradient, 6.0) is gradient
    assert clipped(gradient, None) is gradient
