"""The language model of the numpy trainer, and its gradient.

The score of a next byte y after the bytes x1 (the last one) to x4 is::

    z = bias + table[x1] + OUT_SCALE * tanh(IN_SCALE * [e(x1) e(x2) e(x3) e(x4)] inner + shift) outer

with embeddings e of the bytes, and its probability is softmax(z). The table alone is a bigram model, which is learned
in a few rounds; the hidden layer adds what the bytes before the last one tell. Initially bias, table and outer are 0,
so that the loss is exactly ln 256 = 5.545 nats per byte.
"""

from __future__ import annotations

import math
import random
from typing import Final, NamedTuple

import numpy as np

from psyche_cli.training.exact import Bytes, Floats, exponential, hyperbolic_tangent, rounded, sums_by_key
from psyche_cli.training.text import CONTEXT

SYMBOLS: Final = 256
EMBEDDING: Final = 16
HIDDEN: Final = 64
IN_SCALE: Final = 0.25
OUT_SCALE: Final = 0.125
"""The scales keep the scores of the hidden layer small at the beginning. As powers of two, they keep sums exact."""

SHAPES: Final = {
    "bias": (SYMBOLS,),
    "table": (SYMBOLS, SYMBOLS),
    "embedding": (SYMBOLS, EMBEDDING),
    "inner": (CONTEXT * EMBEDDING, HIDDEN),
    "shift": (HIDDEN,),
    "outer": (HIDDEN, SYMBOLS),
}
"""The shapes of the weights, in the order in which they are stored."""

_RANDOM: Final = ("embedding", "inner")
"""Weights that start with uniform values from -1 to 1; the others start at 0."""
_LIMITS: Final = {"embedding": 4.0, "inner": 4.0}
_WIDEST: Final = 32.0

# Bits after the binary point of the operands of sums: see ``exact``. With the limits above, and at most 2^13 bytes per
# gradient, no sum of products exceeds 53 bits; a test adds up the bits.
WEIGHT_BITS: Final = 14
ACTIVATION_BITS: Final = 14
SOFTMAX_BITS: Final = 30
ERROR_BITS: Final = 20
BACK_BITS: Final = 18

_BLOCK: Final = 1024
"""The number of bytes that are computed at once, so that their scores fit in a processor's cache."""


class Pass(NamedTuple):
    """The activations of a block: inputs and outputs of the hidden layer, errors of the scores, and losses."""

    embedded: Floats
    hidden: Floats
    error: Floats
    losses: Floats
    correct: int


class ByteModel:
    """The model's gradient and loss as functions of its weights, which are one flat array."""

    def __init__(self) -> None:
        self.sizes = {name: math.prod(shape) for name, shape in SHAPES.items()}
        self.parameters = sum(self.sizes.values())
        limits = [np.full(size, _LIMITS.get(name, _WIDEST)) for name, size in self.sizes.items()]
        self.limits: Floats = np.concatenate(limits)

    def initial(self, seed: int) -> Floats:
        """The initial weights of a seed. They are the same for all versions of Python and numpy."""
        weights = np.zeros(self.parameters)
        generator = random.Random(seed)
        for name in _RANDOM:
            values = self.named(weights)[name]
            values[:] = np.reshape([2 * generator.random() - 1 for _ in range(values.size)], values.shape)
        return weights

    def named(self, weights: Floats) -> dict[str, Floats]:
        """Views of a flat array by the names of the weights."""
        views, start = {}, 0
        for name, shape in SHAPES.items():
            views[name] = weights[start : start + self.sizes[name]].reshape(shape)
            start += self.sizes[name]
        return views

    def gradient(self, weights: Floats, context: Bytes, target: Bytes) -> tuple[Floats, float]:
        """The gradient of the sum of the losses, and that sum. ``context`` has a row of CONTEXT bytes per target.

        The gradient has the same bits on every machine. At most 2^13 bytes can be passed.
        """
        operands = self._operands(weights)
        total, losses = np.zeros(self.parameters), []
        sums = self.named(total)
        for start in range(0, len(target), _BLOCK):
            block = context[start : start + _BLOCK]
            passed = self._forward(operands, block, target[start : start + _BLOCK])
            self._add_gradient(operands, block, passed, sums)
            losses += passed.losses.tolist()
        return total, math.fsum(losses)

    def loss(self, weights: Floats, context: Bytes, target: Bytes) -> tuple[float, int]:
        """The sum of the losses, and the number of targets that the model predicts best."""
        operands, losses, correct = self._operands(weights), [], 0
        for start in range(0, len(target), _BLOCK):
            passed = self._forward(operands, context[start : start + _BLOCK], target[start : start + _BLOCK])
            losses += passed.losses.tolist()
            correct += passed.correct
        return math.fsum(losses), correct

    def _operands(self, weights: Floats) -> dict[str, Floats]:
        views = self.named(weights)
        exact = {name: rounded(views[name], WEIGHT_BITS) for name in ("embedding", "inner", "outer")}
        return {**views, **exact}

    def _forward(self, operands: dict[str, Floats], context: Bytes, target: Bytes) -> Pass:
        rows = np.arange(len(target))
        embedded = operands["embedding"][context].reshape(len(target), -1)
        inside = IN_SCALE * (embedded @ operands["inner"]) + operands["shift"]
        hidden = rounded(hyperbolic_tangent(inside), ACTIVATION_BITS)
        scores = OUT_SCALE * (hidden @ operands["outer"])
        scores += operands["bias"]
        scores += operands["table"][context[:, 0]]
        scores -= scores.max(axis=1, keepdims=True)
        chosen = scores[rows, target]
        odds = rounded(exponential(scores), SOFTMAX_BITS)
        totals = odds.sum(axis=1, keepdims=True)
        losses = np.log(totals[:, 0]) - chosen
        # A byte counts as predicted if no other one has a higher score, and no lower one the same.
        correct = int(np.count_nonzero(scores.argmax(axis=1) == target))
        odds /= totals
        odds[rows, target] -= 1.0
        return Pass(embedded, hidden, rounded(odds, ERROR_BITS), losses, correct)

    def _add_gradient(self, operands: dict[str, Floats], context: Bytes, passed: Pass, sums: dict[str, Floats]) -> None:
        error, hidden = passed.error, passed.hidden
        sums["bias"] += error.sum(axis=0)
        sums["table"] += sums_by_key(context[:, 0], error, SYMBOLS)
        sums["outer"] += OUT_SCALE * (hidden.T @ error)
        back = OUT_SCALE * (error @ operands["outer"].T)
        back = rounded(back * (1.0 - hidden * hidden), BACK_BITS)
        sums["shift"] += back.sum(axis=0)
        sums["inner"] += IN_SCALE * (passed.embedded.T @ back)
        inputs = rounded(IN_SCALE * (back @ operands["inner"].T), BACK_BITS).reshape(-1, CONTEXT, EMBEDDING)
        for place in range(CONTEXT):
            sums["embedding"] += sums_by_key(context[:, place], inputs[:, place], SYMBOLS)
