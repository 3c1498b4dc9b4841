"""The two optimizers of a run: what a member sends, and how all members change their weights by what they received."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np

from psyche_cli.training import compression
from psyche_cli.training.compression import Compressor, Layout
from psyche_cli.training.exact import Floats
from psyche_cli.training.options import AdamW, Distro
from psyche_cli.training.trainer import BadUpdate

RATE: Final = 600.0
"""The step of a weight per unit of the run's learning rate.

The learning rates of runs suit models with hundreds of millions of parameters. A small model needs larger steps: at a
learning rate of 3e-4, the step is 0.18.
"""

LIMITS: Final = (-32.0, 32.0)
"""The range of a table's weights; the model gives that of its other weights."""


class Optimizer(Protocol):
    """Turns gradients into updates, and a round's updates into a change of the weights.

    ``moments`` is the state that all members share, as rows of one value per parameter, and ``count`` the number of
    changes so far. The residual is a member's own.
    """

    name: str
    moments: Floats
    count: int
    residual: Floats

    def send(self, gradient: Floats) -> bytes:
        """The update of a gradient and the residual; what it leaves out is the new residual."""

    def send_checked(self, gradient: Floats, *, own: bool) -> bytes:
        """The update of a gradient alone. If it is the member's ``own``, what it leaves out joins the residual."""

    def encoded(self, gradient: Floats) -> bytes:
        """The update of a gradient."""

    def decoded(self, update: bytes) -> Floats:
        """The gradient in an update. Raises BadUpdate."""

    def change(self, weights: Floats, gradients: Sequence[Floats], rate: float) -> Floats:
        """The new weights after a round with these gradients at a learning rate of the run."""


class DistroOptimizer:
    """Compressed updates with error feedback; all members step by the sign of their sum."""

    name = "Distro"

    def __init__(self, options: Distro, parameters: int) -> None:
        self.options = options
        kind = compression.SIGNS if options.signs_only else compression.VALUES
        self.compressor = Compressor(Layout(parameters, options.chunk, options.kept), kind)
        self.moments, self.count = np.zeros((0, parameters)), 0
        self.residual = np.zeros(parameters)

    def send(self, gradient: Floats) -> bytes:
        """See Optimizer."""
        wanted = self.options.decay * self.residual + clipped(gradient, self.options.largest_norm)
        update = self.encoded(wanted)
        self.residual = wanted - self.decoded(update)
        return update

    def send_checked(self, gradient: Floats, *, own: bool) -> bytes:
        """See Optimizer."""
        wanted = clipped(gradient, self.options.largest_norm)
        update = self.encoded(wanted)
        if own:
            self.residual = self.options.decay * self.residual + wanted - self.decoded(update)
        return update

    def encoded(self, gradient: Floats) -> bytes:
        """See Optimizer."""
        return self.compressor.encode(gradient)

    def decoded(self, update: bytes) -> Floats:
        """See Optimizer."""
        return self.compressor.decode(update)

    def change(self, weights: Floats, gradients: Sequence[Floats], rate: float) -> Floats:
        """See Optimizer."""
        self.count += 1
        step = np.sign(_sum(gradients, weights)) + self.options.weight_decay * weights
        return weights - rate * RATE * step


class AdamWOptimizer:
    """Full gradients; all members take the same AdamW step with their mean."""

    name = "AdamW"

    def __init__(self, options: AdamW, parameters: int) -> None:
        self.options = options
        self.moments, self.count = np.zeros((2, parameters)), 0
        self.residual = np.zeros(parameters)

    def send(self, gradient: Floats) -> bytes:
        """See Optimizer. Nothing is left out."""
        return self.encoded(clipped(gradient, self.options.largest_norm))

    def send_checked(self, gradient: Floats, *, own: bool) -> bytes:
        """See Optimizer."""
        del own
        return self.send(gradient)

    def encoded(self, gradient: Floats) -> bytes:
        """See Optimizer."""
        return compression.encode_dense(gradient)

    def decoded(self, update: bytes) -> Floats:
        """See Optimizer."""
        return compression.decode_dense(update, len(self.residual))

    def change(self, weights: Floats, gradients: Sequence[Floats], rate: float) -> Floats:
        """See Optimizer."""
        self.count += 1
        first, second = self.options.betas
        mean = _sum(gradients, weights) / max(1, len(gradients))
        self.moments[0] = first * self.moments[0] + (1 - first) * mean
        self.moments[1] = second * self.moments[1] + (1 - second) * (mean * mean)
        direction = self.moments[0] / (1 - _power(first, self.count))
        size = np.sqrt(self.moments[1] / (1 - _power(second, self.count))) + self.options.eps
        changed: Floats = weights - rate * RATE * (direction / size + self.options.weight_decay * weights)
        return changed


def optimizer_for(options: Distro | AdamW, parameters: int) -> Optimizer:
    """The optimizer of these options."""
    return AdamWOptimizer(options, parameters) if isinstance(options, AdamW) else DistroOptimizer(options, parameters)


def clipped(gradient: Floats, largest_norm: float | None) -> Floats:
    """The gradient, scaled down to the norm if it is larger."""
    if largest_norm is None:
        return gradient
    norm = math.sqrt(math.fsum((gradient * gradient).tolist()))
    return gradient * (largest_norm / norm) if norm > largest_norm else gradient


def decoded_all(optimizer: Optimizer, updates: Sequence[bytes]) -> list[Floats]:
    """The gradients of all updates. Raises BadUpdate, which names the position of the update."""
    gradients = []
    for position, update in enumerate(updates):
        try:
            gradients.append(optimizer.decoded(update))
        except BadUpdate as error:
            raise BadUpdate(f"update {position} is not valid: {error}") from error
    return gradients


def _sum(gradients: Sequence[Floats], like: Floats) -> Floats:
    """The sum, added in the order of the sequence."""
    total = np.zeros_like(like)
    for gradient in gradients:
        total += gradient
    return total


def _power(base: float, exponent: int) -> float:
    """A power by multiplications only, which are the same on every machine."""
    result = 1.0
    for _ in range(min(exponent, 100_000)):
        result *= base
    return result
