"""What witnesses tell about the training, besides their proofs: the values of the curves of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from psyche_cli.history.records import Event

_SPECIAL: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class WitnessMetadata(NamedTuple):
    """The metadata of a witness, which no program checks: a member may tell anything.

    Floats have the exact values of 32-bit floats, NaN and infinities included. ``tokens_per_sec`` are those of the
    member, ``bandwidth_per_sec`` is in bytes. ``evals`` are values by the names of evaluations, up to 8, in order;
    ``prompt_results`` are up to 16 tokens.
    """

    step: int
    tokens_per_sec: float
    bandwidth_per_sec: float
    loss: float
    evals: tuple[tuple[str, float], ...]
    prompt_results: tuple[int, ...]
    prompt_index: int
    efficiency: float

    @property
    def not_finite(self) -> tuple[str, ...]:
        """The names of the values that are NaN or infinite, such as ``loss`` or ``evals.mmlu``."""
        named = [(name, getattr(self, name)) for name in _FLOATS]
        named += [(f"evals.{name}", value) for name, value in self.evals]
        return tuple(name for name, value in named if not math.isfinite(value))


_FLOATS: Final = ("tokens_per_sec", "bandwidth_per_sec", "loss", "efficiency")


def metadata_of(event: Event) -> WitnessMetadata | None:
    """The metadata of a witness; None for any other event, and for one that could not be decoded."""
    given: Any = event.arguments.get("metadata")
    if (event.program, event.kind) != ("coordinator", "witness") or not isinstance(given, Mapping):
        return None
    special: Any = event.effects.get("not_finite", {})

    def number(value: Any, path: str) -> float:
        return _SPECIAL[special[path]] if value is None else float(value)

    return WitnessMetadata(
        step=given["step"],
        tokens_per_sec=number(given["tokens_per_sec"], "metadata.tokens_per_sec"),
        bandwidth_per_sec=number(given["bandwidth_per_sec"], "metadata.bandwidth_per_sec"),
        loss=number(given["loss"], "metadata.loss"),
        evals=tuple(
            (one["name"], number(one["value"], f"metadata.evals[{index}].value"))
            for index, one in enumerate(given["evals"])
        ),
        prompt_results=tuple(given["prompt_results"]),
        prompt_index=given["prompt_index"],
        efficiency=number(given["efficency"], "metadata.efficency"),  # the program's spelling
    )
