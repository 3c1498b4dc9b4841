"""The trainer of a member, for any model: batches, updates, shared state and evaluation."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

import numpy as np

from psyche_cli.training.exact import Bytes, Floats
from psyche_cli.training.optimizers import decoded_all, optimizer_for
from psyche_cli.training.options import options_of
from psyche_cli.training.text import CONTEXT, checked, sections, window
from psyche_cli.training.trainer import BadState, BadUpdate, Evaluation, Result

FORMAT: Final = "psyche-rehearsal-state-1"
_FLOAT64: Final = np.dtype("<f8")


class Model(Protocol):
    """What the trainer needs from a model. Weights and gradients are flat arrays of doubles."""

    parameters: int
    limits: Floats
    """The largest magnitude of each weight."""

    def initial(self, seed: int) -> Floats:
        """The initial weights."""

    def gradient(self, weights: Floats, context: Bytes, target: Bytes) -> tuple[Floats, float]:
        """The gradient of the sum of the losses in nats, and that sum."""

    def loss(self, weights: Floats, context: Bytes, target: Bytes) -> tuple[float, int]:
        """The sum of the losses in nats, and the number of targets that are predicted best."""


class MemberTrainer:
    """Implements ``trainer.Trainer``."""

    def __init__(self, kind: str, parts: Model, model: Mapping[str, Any], text: bytes, seed: int) -> None:
        self.kind = kind
        self._model = parts
        self._trained, self._held_out = sections(checked(text))
        self.options = options_of(model, len(self._trained), CONTEXT)
        self._weights = parts.initial(seed)
        self._optimizer = optimizer_for(self.options.optimizer, parts.parameters)
        self._nothing = self._optimizer.encoded(np.zeros(parts.parameters))

    @property
    def parameters(self) -> int:
        """See Trainer."""
        return self._model.parameters

    @property
    def update_bytes(self) -> int:
        """See Trainer."""
        return len(self._nothing)

    def train(self, sequences: range, *, checked: bool = False) -> Result:
        """See Trainer."""
        send = self._optimizer
        return self._result(sequences, partial(send.send_checked, own=True) if checked else send.send)

    def check(self, sequences: range) -> Result:
        """See Trainer."""
        return self._result(sequences, partial(self._optimizer.send_checked, own=False))

    def altered(self, update: bytes, factor: float) -> bytes:
        """See Trainer."""
        return self._optimizer.encoded(self._optimizer.decoded(update) * factor)

    def flaw(self, update: bytes) -> str | None:
        """See Trainer."""
        try:
            self._optimizer.decoded(update)
        except BadUpdate as error:
            return str(error)
        return None

    def learning_rate(self, step: int, *, cold_start: int | None = None) -> float:
        """See Trainer."""
        return self.options.rate(step, cold_start)

    def apply(self, step: int, updates: Sequence[bytes], *, cold_start: int | None = None) -> None:
        """See Trainer."""
        gradients = decoded_all(self._optimizer, updates)
        if not gradients:
            return
        changed = self._optimizer.change(self._weights, gradients, self.options.rate(step, cold_start))
        self._weights = np.clip(changed, -self._model.limits, self._model.limits)

    def weights_hash(self) -> str:
        """See Trainer."""
        return hashlib.sha256(self.state()).hexdigest()

    def state(self) -> bytes:
        """See Trainer."""
        arrays = np.concatenate([self._weights[None], self._optimizer.moments]).astype(_FLOAT64)
        return self._header(self._optimizer.count) + arrays.tobytes()

    def load(self, state: bytes) -> None:
        """See Trainer."""
        weights, moments, count = self._parsed(state)
        self._weights, self._optimizer.moments, self._optimizer.count = weights, moments, count
        self._optimizer.residual = np.zeros_like(weights)

    def evaluate(self) -> Evaluation:
        """See Trainer."""
        context, target = _examples([self._held_out])
        total, correct = self._model.loss(self._weights, context, target)
        loss = total / len(target)
        return Evaluation(loss, loss / math.log(2), correct / len(target), len(target))

    def _result(self, sequences: range, sent: Callable[[Floats], bytes]) -> Result:
        if not sequences:
            return Result(self._nothing, 0.0, 0)
        gradient, loss, tokens = self._gradient(sequences)
        return Result(sent(gradient), loss / tokens, tokens, len(sequences) * self.options.max_seq_len - tokens)

    def _gradient(self, sequences: range) -> tuple[Floats, float, int]:
        """The mean gradient of a sequence times the number of sequences, the sum of the losses, and the tokens."""
        length = self.options.sequence_bytes
        trained = self.options.trained(sequences)
        context, target = _examples([window(self._trained, sequence, length) for sequence in trained])
        gradient, loss = self._model.gradient(self._weights, context, target)
        return gradient * (len(sequences) / len(target)), loss, len(target)

    def _header(self, count: int) -> bytes:
        shown = {
            "format": FORMAT,
            "trainer": self.kind,
            "optimizer": self._optimizer.name,
            "parameters": self.parameters,
            "changes": count,
        }
        return json.dumps(shown, sort_keys=True).encode() + b"\n"

    def _parsed(self, state: bytes) -> tuple[Floats, Floats, int]:
        rows = 1 + len(self._optimizer.moments)
        header, newline, content = state[:1024].partition(b"\n")
        content = state[len(header) + len(newline) :]
        try:
            count = json.loads(header)["changes"]
        except (ValueError, KeyError, TypeError) as error:
            raise BadState("it does not start with a header") from error
        if type(count) is not int or count < 0 or header + newline != self._header(count):
            raise BadState("it belongs to another model, optimizer or trainer")
        if len(content) != rows * self.parameters * _FLOAT64.itemsize:
            raise BadState("its size does not match the model")
        arrays = np.frombuffer(content, dtype=_FLOAT64).astype(np.float64).reshape(rows, -1)
        if not np.all(np.isfinite(arrays)) or np.any(np.abs(arrays[0]) > self._model.limits):
            raise BadState("it has a weight outside of the range of the model")
        return arrays[0].copy(), arrays[1:].copy(), count


def _examples(windows: Sequence[bytes]) -> tuple[Bytes, Bytes]:
    """The targets of all windows, and the CONTEXT bytes before each, the last one first."""
    contexts, targets = [], []
    for content in windows:
        values = np.frombuffer(content, dtype=np.uint8)
        targets.append(values[CONTEXT:])
        contexts.append(
            np.stack([values[CONTEXT - 1 - back : len(values) - 1 - back] for back in range(CONTEXT)], axis=1)
        )
    return np.concatenate(contexts), np.concatenate(targets)
