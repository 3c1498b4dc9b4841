"""The model's gradient is that of its loss, and its sums are exact."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys

import numpy as np
import pytest

from psyche_cli.training import byte_model, exact
from psyche_cli.training.byte_model import SHAPES, ByteModel
from psyche_cli.training.options import LONGEST_SEQUENCE, MOST_BYTES
from psyche_cli.training.text import CONTEXT, load_text

MODEL = ByteModel()


def batch(count: int, seed: int = 0) -> tuple[exact.Bytes, exact.Bytes]:
    text = np.frombuffer(load_text(), dtype=np.uint8)
    starts = np.random.default_rng(seed).integers(CONTEXT, len(text), count)
    return np.stack([text[starts - 1 - back] for back in range(CONTEXT)], axis=1), text[starts]


def trained_weights(seed: int = 0) -> exact.Floats:
    """Weights in a general position: none is 0."""
    noise = np.random.default_rng(seed).normal(0, 0.3, MODEL.parameters)
    return np.clip(MODEL.initial(seed) + noise, -MODEL.limits, MODEL.limits)


def plain_loss(weights: exact.Floats, context: exact.Bytes, target: exact.Bytes) -> float:
    """The sum of the losses by the formula, in ordinary floating-point arithmetic."""
    part = MODEL.named(weights)
    embedded = part["embedding"][context].reshape(len(target), -1)
    hidden = np.tanh(byte_model.IN_SCALE * embedded @ part["inner"] + part["shift"])
    scores = part["bias"] + part["table"][context[:, 0]] + byte_model.OUT_SCALE * hidden @ part["outer"]
    largest = scores.max(axis=1)
    totals = np.exp(scores - largest[:, None]).sum(axis=1)
    return float((np.log(totals) + largest - scores[np.arange(len(target)), target]).sum())


def test_the_loss_is_that_of_the_formula() -> None:
    weights, (context, target) = trained_weights(), batch(3000)
    loss, correct = MODEL.loss(weights, context, target)
    assert loss == pytest.approx(plain_loss(weights, context, target), rel=1e-5)
    assert MODEL.gradient(weights, context, target)[1] == loss
    assert 0 <= correct <= len(target)


def test_initially_all_bytes_are_equally_likely() -> None:
    loss, _ = MODEL.loss(MODEL.initial(5), *batch(100))
    assert loss / 100 == pytest.approx(math.log(256), abs=1e-12)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("seed", range(4))
def test_the_gradient_matches_finite_differences(name: str, seed: int) -> None:
    weights, (context, target) = trained_weights(seed), batch(1500, seed)
    gradient, _ = MODEL.gradient(weights, context, target)
    direction = np.zeros(MODEL.parameters)
    view = MODEL.named(direction)[name]
    view[:] = np.random.default_rng(seed + 10).normal(0, 1, view.shape)
    # A random direction plus the gradient's own, along which the derivative is not near 0.
    view += MODEL.named(gradient)[name] / np.abs(MODEL.named(gradient)[name]).max()
    step = 1e-4
    difference = plain_loss(weights + step * direction, context, target)
    difference -= plain_loss(weights - step * direction, context, target)
    assert float(gradient @ direction) == pytest.approx(difference / (2 * step), rel=2e-3)


def test_the_gradient_does_not_depend_on_the_order_of_the_examples() -> None:
    weights, (context, target) = trained_weights(), batch(MOST_BYTES)
    order = np.random.default_rng(1).permutation(len(target))
    one, _ = MODEL.gradient(weights, context, target)
    other, _ = MODEL.gradient(weights, context[order], target[order])
    assert np.array_equal(one, other)


def test_no_sum_of_products_needs_more_bits_than_a_double_has() -> None:
    most = (MOST_BYTES + LONGEST_SEQUENCE).bit_length()
    scores, weight, embedding = 8, byte_model.WEIGHT_BITS + 5, byte_model.WEIGHT_BITS + 2
    hidden, error = byte_model.ACTIVATION_BITS, byte_model.ERROR_BITS
    # An error of the scores is at most 1, and those of a row add up to at most 2; outer is at most 32.
    back = byte_model.BACK_BITS + int(math.log2(2 * 32 * byte_model.OUT_SCALE))
    through = byte_model.BACK_BITS + int(math.log2(64 * 8 * 4 * byte_model.IN_SCALE)) + 1
    budgets = {
        "inside": embedding + embedding + 6,
        "scores": hidden + weight + 6,
        "odds": byte_model.SOFTMAX_BITS + scores,
        "outer": hidden + error + most,
        "back": error + weight + scores,
        "inner": embedding + back + most,
        "inputs": back + embedding + 6,
        "embedding": through + most + 2,
    }
    assert {name: bits for name, bits in budgets.items() if bits > exact.DOUBLE_BITS} == {}


def test_weights_that_are_as_large_as_possible_do_not_overflow() -> None:
    signs = np.sign(trained_weights(3))
    gradient, loss = MODEL.gradient(signs * MODEL.limits, *batch(500))
    assert np.all(np.isfinite(gradient))
    assert math.isfinite(loss)


def test_the_exponential_and_the_hyperbolic_tangent_are_accurate() -> None:
    values = np.concatenate([np.linspace(-40, 5, 4001), [0.0, -700.0, 20.0]])
    assert np.allclose(exact.exponential(values), np.exp(values), rtol=1e-14, atol=0)
    assert np.allclose(exact.hyperbolic_tangent(values), np.tanh(values), rtol=0, atol=1e-14)
    assert exact.exponential(np.array([-1e9]))[0] == pytest.approx(math.exp(-700))


def test_sums_by_key_are_those_of_a_loop() -> None:
    generator = np.random.default_rng(2)
    keys = generator.integers(0, 20, 300).astype(np.uint8)
    rows = exact.rounded(generator.normal(size=(300, 3)), 20)
    expected = np.zeros((256, 3))
    for key, row in zip(keys, rows, strict=True):
        expected[key] += row
    assert np.array_equal(exact.sums_by_key(keys, rows, 256), expected)


def test_the_number_of_threads_and_the_processor_features_do_not_matter() -> None:
    program = (
        "import hashlib\n"
        "from tests.training.test_byte_model import MODEL, batch, trained_weights\n"
        "gradient, _ = MODEL.gradient(trained_weights(), *batch(2500))\n"
        "print(hashlib.sha256(gradient.tobytes()).hexdigest())"
    )
    found = set()
    for threads, core in (("1", "Haswell"), ("2", "Haswell"), ("1", "Nehalem"), ("2", "Sandybridge")):
        settings = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OPENBLAS_CORETYPE": core}
        done = subprocess.run([sys.executable, "-c", program], env=settings, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    assert len(found) == 1


def test_the_initial_weights_depend_on_the_seed_only() -> None:
    random.seed(4)
    assert np.array_equal(MODEL.initial(1), MODEL.initial(1))
    assert not np.array_equal(MODEL.initial(1), MODEL.initial(2))
