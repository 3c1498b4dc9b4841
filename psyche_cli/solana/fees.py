"""The fee that a message pays, from its compute budget instructions."""

from __future__ import annotations

import contextlib
from typing import Final, NamedTuple

from psyche_cli.limits import MAX_COMPUTE_UNITS
from psyche_cli.solana.known_instructions import known_instruction
from psyche_cli.solana.messages import DecodedMessage
from psyche_cli.solana.programs import COMPUTE_BUDGET_PROGRAM

_MICRO_LAMPORTS: Final = 1_000_000
_DEFAULT_UNITS: Final = 200_000
"""Compute units per instruction, if a message sets no limit; builtin programs get less."""


class MessageFee(NamedTuple):
    """The fee of a message in lamports: ``base`` for its signatures, and at most ``priority`` on top.

    ``unit_limit`` is the compute unit limit, None if the message sets none; then the priority fee is the highest
    possible one. ``unit_price`` is in micro-lamports per compute unit.
    """

    base: int
    priority: int
    unit_limit: int | None
    unit_price: int


def fee_of(message: DecodedMessage) -> MessageFee:
    """The fee of a message."""
    limit, price, others = None, 0, 0
    for instruction in message.instructions:
        if instruction.program != COMPUTE_BUDGET_PROGRAM:
            others += 1
            continue
        with contextlib.suppress(ValueError):
            found = known_instruction(instruction.program, instruction.data)
            if found is not None and found.name == "setComputeUnitLimit":
                limit = int(str(found.arguments["units"]))
            elif found is not None and found.name == "setComputeUnitPrice":
                price = int(str(found.arguments["microLamports"]))
    units = min(others * _DEFAULT_UNITS if limit is None else limit, MAX_COMPUTE_UNITS)
    return MessageFee(message.base_fee, -(-units * price // _MICRO_LAMPORTS), limit, price)
