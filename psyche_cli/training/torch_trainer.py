"""The trainer that computes with PyTorch: the same model, with automatic differentiation, on a GPU if there is one.

The gradients of both trainers agree to about six digits, but not bit by bit. Its own are reproducible on machines with
the same processor (or GPU) and the same version of PyTorch; on others, sums can be added in another order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from psyche_cli.training.byte_model import IN_SCALE, OUT_SCALE, SHAPES, ByteModel
from psyche_cli.training.exact import Bytes, Floats, rounded
from psyche_cli.training.member_trainer import MemberTrainer

_GRADIENT_BITS = 24
"""Gradients are rounded to multiples of 2^-24, so that most differences in the order of sums have no effect."""


class TorchModel:
    """Implements ``member_trainer.Model``."""

    def __init__(self) -> None:
        self._layout = ByteModel()
        self.parameters, self.limits = self._layout.parameters, self._layout.limits
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def initial(self, seed: int) -> Floats:
        """The initial weights, which are those of the numpy trainer."""
        return self._layout.initial(seed)

    def gradient(self, weights: Floats, context: Bytes, target: Bytes) -> tuple[Floats, float]:
        """See Model."""
        flat = self._tensor(weights).requires_grad_()
        scores, wanted = self._scores(flat, context, target)
        losses = torch.nn.functional.cross_entropy(scores, wanted, reduction="none")
        losses.sum().backward()
        return rounded(flat.grad.cpu().numpy(), _GRADIENT_BITS), math.fsum(losses.tolist())

    def loss(self, weights: Floats, context: Bytes, target: Bytes) -> tuple[float, int]:
        """See Model."""
        with torch.no_grad():
            scores, wanted = self._scores(self._tensor(weights), context, target)
            losses = torch.nn.functional.cross_entropy(scores, wanted, reduction="none")
            correct = (scores.argmax(dim=1) == wanted).sum()
        return math.fsum(losses.tolist()), int(correct)

    def _scores(self, flat: Any, context: Bytes, target: Bytes) -> tuple[Any, Any]:
        """The scores of all next bytes at each place, and the targets."""
        parts = torch.split(flat, list(self._layout.sizes.values()))
        named = {name: part.reshape(shape) for part, (name, shape) in zip(parts, SHAPES.items(), strict=True)}
        before = self._tensor(context.astype(np.int64))
        embedded = named["embedding"][before].reshape(len(target), -1)
        hidden = torch.tanh(IN_SCALE * (embedded @ named["inner"]) + named["shift"])
        scores = named["bias"] + named["table"][before[:, 0]] + OUT_SCALE * (hidden @ named["outer"])
        return scores, self._tensor(target.astype(np.int64))

    def _tensor(self, values: Any) -> Any:
        return torch.tensor(values, device=self._device)


def open_trainer(model: Mapping[str, Any], text: bytes, seed: int) -> MemberTrainer:
    """See ``trainer.open_trainer``. Makes PyTorch use deterministic algorithms and one thread in the whole process."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    return MemberTrainer("torch", TorchModel(), model, text, seed)
