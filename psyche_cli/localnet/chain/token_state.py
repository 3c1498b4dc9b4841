"""Amounts of SPL tokens in the RPC interface."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.json_values import Json

DecimalsOf = Callable[[Pubkey], "int | None"]
"""The decimals of a mint, or None if it does not exist."""

_MOST_DECIMALS: Final = 19
"""With more, a node does not compute the number, since a power of ten must fit into 64 bits."""


def token_amount(amount: int, decimals: int) -> Json:
    """An amount of base units in the four forms of the RPC interface."""
    digits = str(amount).rjust(decimals + 1, "0")
    text = f"{digits[:-decimals]}.{digits[-decimals:]}".rstrip("0").rstrip(".") if decimals else digits
    number = float(amount) / float(10**decimals) if decimals <= _MOST_DECIMALS else None
    return amount_in_forms(amount, decimals, number, text)


def amount_in_forms(amount: int, decimals: int, number: float | None, text: str) -> Json:
    """An amount of base units, its value as a number and as text. A number that JSON cannot express becomes null."""
    shown = number if number is not None and math.isfinite(number) else None
    return {"amount": str(amount), "decimals": decimals, "uiAmount": shown, "uiAmountString": text}
