"""What a member needs from the model that it trains.

A round with the data index range ``sequences`` of a member goes as follows::

    result = trainer.train(sequences)       # the member's own sequences; result.update is for the others
    trainer.apply(step, updates)            # the same updates in the same order for all members
    trainer.weights_hash()                  # therefore equal for all members

``rounds`` does this together with the exchange of results and the checks.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from psyche_cli.errors import UsageError
from psyche_cli.extras import Extra, install_hint

KINDS: Final = ("numpy", "torch")
"""The trainers by name."""

_EXTRAS: Final[dict[str, Extra]] = {"numpy": "rehearse", "torch": "torch"}


class Result(NamedTuple):
    """The result of training a share of a round's batch.

    ``update`` are the bytes for the other members. ``loss`` is the mean cross-entropy in nats per byte, with the
    weights before the update. ``tokens`` is the number of bytes predicted, and ``bytes_left_out`` the number of those
    that the share has beyond what the small model trains in a round.
    """

    update: bytes
    loss: float
    tokens: int
    bytes_left_out: int = 0

    @property
    def score(self) -> str:
        """SHA-256 in hexadecimal, which is compared in a check.

        The loss counts to six digits, because the last one can differ between machines.
        """
        return hashlib.sha256(b"%.6g %d " % (self.loss, self.tokens) + self.update).hexdigest()


class Evaluation(NamedTuple):
    """The model on the held-out part of the text: what a witness reports as evals.

    ``loss`` is in nats per byte, ``bits_per_byte`` the same in bits, ``accuracy`` the share (0 to 1) of bytes that the
    model predicts best, and ``tokens`` the number of bytes predicted.
    """

    loss: float
    bits_per_byte: float
    accuracy: float
    tokens: int

    def named(self) -> tuple[tuple[str, float], ...]:
        """Name and value of each result, for the metadata of a witness: names of at most 32 bytes."""
        return (("loss", self.loss), ("bits_per_byte", self.bits_per_byte), ("accuracy", self.accuracy))


class Trainer(Protocol):
    """A model with its optimizer, as one member holds it.

    All of it is deterministic: the same calls give the same bytes. A member's residual, which holds the gradients that
    compression left out, is private, and neither part of the weights' hash nor of ``state``.
    """

    kind: str
    """One of KINDS."""

    @property
    def parameters(self) -> int:
        """The number of the model's parameters."""

    @property
    def update_bytes(self) -> int:
        """The size of every update in bytes, from which an exchange knows what it must read."""

    def train(self, sequences: range, *, checked: bool = False) -> Result:
        """The result of the member's own share, given as sequence numbers of the run's data.

        ``checked``: other members compute this share too. The result is then the same as that of ``check``, and what
        compression leaves out is kept for the member's next one. An empty share gives an update that changes nothing.
        """

    def check(self, sequences: range) -> Result:
        """The result of another member's checked share. Changes nothing in this trainer."""

    def altered(self, update: bytes, factor: float) -> bytes:
        """The update with all values multiplied by ``factor``: for members that are to lie. Raises BadUpdate."""

    def flaw(self, update: bytes) -> str | None:
        """Why the bytes are not an update of this model, as a clause; None if they are. Never raises."""

    def learning_rate(self, step: int, *, cold_start: int | None = None) -> float:
        """The learning rate of the run at ``step``, with the warm-up after a cold start of the epoch at that step."""

    def apply(self, step: int, updates: Sequence[bytes], *, cold_start: int | None = None) -> None:
        """Change the weights by the sum of the updates, in their order. Raises BadUpdate before anything changes.

        ``step`` is the run's step of the round, and ``cold_start`` the step at which the epoch began, if it began
        without the state of an earlier one.
        """

    def weights_hash(self) -> str:
        """SHA-256 in hexadecimal of the model's kind, weights and shared state of the optimizer."""

    def state(self) -> bytes:
        """Everything that members share, for a checkpoint."""

    def load(self, state: bytes) -> None:
        """Replace everything that members share, and forget the residual. Raises BadState before anything changes."""

    def evaluate(self) -> Evaluation:
        """Evaluate the model on the held-out part of the text."""


class BadUpdate(ValueError):
    """Bytes that are not an update of this model; the message is a clause that says why."""


class BadState(ValueError):
    """Bytes that are not the state of this model; the message is a clause that says why."""


def open_trainer(kind: str, model: Mapping[str, Any], text: bytes, seed: int) -> Trainer:
    """A trainer with the initial weights, which depend on ``kind`` and ``seed`` only.

    ``model`` is the table ``[model]`` of the run's configuration, and ``text`` what is trained, see ``text.load_text``.

    Raises UsageError for an unknown kind, a package that is not installed, or a text that is too short.
    """
    if kind not in KINDS:
        raise UsageError(f"The trainer {kind} does not exist.", hint=f"Use {' or '.join(KINDS)}.", name=kind)
    check_installed(kind)
    # The matrices are too small for several threads, which would compete with the other members of a rehearsal. Has an
    # effect only if numpy was not imported before.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if kind == "torch":
        from psyche_cli.training import torch_trainer as module
    else:
        from psyche_cli.training import numpy_trainer as module  # type: ignore[no-redef]
    return module.open_trainer(model, text, seed)


def check_installed(kind: str) -> None:
    """Raise UsageError if a package of the trainer is not installed. The packages are not imported."""
    from importlib.util import find_spec

    for package in dict.fromkeys(("numpy", kind)):
        if find_spec(package) is None:
            raise UsageError(
                f"The trainer {kind} needs the package {package}, which is not installed.",
                hint=install_hint(_EXTRAS[kind]),
                name=package,
            )
