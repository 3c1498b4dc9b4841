"""JSON payload of ``localnet play``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from psyche_cli.operations.runs.payloads import StateText
from psyche_cli.payload_types import Address, Unsigned


@dataclass(frozen=True)
class PlayedTransactions:
    """The number of transactions of one kind."""

    kind: Annotated[str, "What they do, such as join or witness."]
    sent: Annotated[Unsigned, "Transactions that landed without an error."]
    refused: Annotated[Unsigned, "Transactions that the program refused."]


@dataclass(frozen=True)
class PlayedMember:
    """A simulated member. Points are base units of the collateral."""

    wallet: Address
    earned: Annotated[Unsigned, "Points that it has earned in this run so far."]
    claimed: Annotated[Unsigned, "Points that it has claimed now; 0 for a run without a treasurer."]


@dataclass(frozen=True)
class PlayedData:
    """A run after its simulated members have played it."""

    run_id: str
    already_so: Annotated[bool, "Whether the goal was reached from the beginning, so that nothing was sent."]
    seed: int
    state: StateText
    epoch: Annotated[Unsigned, "The number of the epoch in progress or, between epochs, of the next one."]
    step: Unsigned
    rounds: Annotated[Unsigned, "Rounds that ended while it was played."]
    seconds: Annotated[Unsigned, "The cluster's time that it took."]
    transactions: tuple[PlayedTransactions, ...]
    members: tuple[PlayedMember, ...]
