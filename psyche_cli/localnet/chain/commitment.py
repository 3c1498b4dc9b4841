"""The commitments of Solana, from the least to the most certain."""

from __future__ import annotations

from enum import IntEnum

from psyche_cli.json_values import Json


class Commitment(IntEnum):
    """How certain a cluster must be of what it reports."""

    PROCESSED = 0
    CONFIRMED = 1
    FINALIZED = 2


def commitment_of(params: list[Json]) -> Commitment:
    """The commitment in the options of a request; without one, or with an unknown one, it is ``finalized``."""
    for options in params:
        name = options.get("commitment") if isinstance(options, dict) else None
        if isinstance(name, str) and name.upper() in Commitment.__members__:
            return Commitment[name.upper()]
    return Commitment.FINALIZED
