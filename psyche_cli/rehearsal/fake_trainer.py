"""A trainer without a model, for rehearsals in which training is not the point.

Its weights are a hash, and its loss a number that falls with the steps. It satisfies ``training.trainer.Trainer``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from psyche_cli.training.trainer import BadState, BadUpdate, Evaluation, Result

_FIRST_LOSS: Final = 5.5
_BYTES: Final = 32


class FakeTrainer:
    """See ``training.trainer.Trainer``."""

    kind = "fake"
    parameters = 0
    update_bytes = _BYTES

    def __init__(self, seed: int) -> None:
        self._weights = hashlib.sha256(f"fake {seed}".encode()).digest()
        self._steps = 0

    def train(self, sequences: range, *, checked: bool = False) -> Result:  # noqa: ARG002 -- both are the same
        """A result that depends on the weights and the sequences."""
        return self.check(sequences)

    def check(self, sequences: range) -> Result:
        """The result of a share."""
        update = hashlib.sha256(self._weights + f"{sequences.start} {sequences.stop}".encode()).digest()
        return Result(update, self._loss, len(sequences))

    def altered(self, update: bytes, factor: float) -> bytes:
        """Another update."""
        return hashlib.sha256(update + repr(factor).encode()).digest()

    def flaw(self, update: bytes) -> str | None:
        """Why the bytes are not an update."""
        return None if len(update) == _BYTES else f"it has {len(update)} bytes"

    def learning_rate(self, step: int, *, cold_start: int | None = None) -> float:  # noqa: ARG002 -- constant
        """A constant."""
        return 1.0

    def apply(self, step: int, updates: Sequence[bytes], *, cold_start: int | None = None) -> None:  # noqa: ARG002
        """Change the weights."""
        flaws = [flaw for flaw in map(self.flaw, updates) if flaw]
        if flaws:
            raise BadUpdate(flaws[0])
        self._weights = hashlib.sha256(b"".join((self._weights, *updates))).digest()
        self._steps += 1

    def weights_hash(self) -> str:
        """The weights in hexadecimal."""
        return hashlib.sha256(self._weights).hexdigest()

    def state(self) -> bytes:
        """The weights and the number of steps."""
        return self._weights + self._steps.to_bytes(8, "little")

    def load(self, state: bytes) -> None:
        """Replace the state."""
        if len(state) != _BYTES + 8:
            raise BadState(f"it has {len(state)} bytes")
        self._weights, self._steps = state[:_BYTES], int.from_bytes(state[_BYTES:], "little")

    def evaluate(self) -> Evaluation:
        """The present loss."""
        return Evaluation(self._loss, self._loss, 0.0, 0)

    @property
    def _loss(self) -> float:
        return _FIRST_LOSS / (1 + self._steps / 8)
