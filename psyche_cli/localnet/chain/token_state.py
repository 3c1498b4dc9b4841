"""Amounts of SPL tokens in the RPC interface."""

from __future__ import annotations

from collections.abc import Callable

from solders.pubkey import Pubkey

from psyche_cli.json_values import Json

DecimalsOf = Callable[[Pubkey], "int | None"]
"""The decimals of a mint, or None if it does not exist."""


def token_amount(amount: int, decimals: int) -> Json:
    """An amount of base units in the four forms of the RPC interface."""
    digits = str(amount).rjust(decimals + 1, "0")
    text = f"{digits[:-decimals]}.{digits[-decimals:]}".rstrip("0").rstrip(".") if decimals else digits
    return {"amount": str(amount), "decimals": decimals, "uiAmount": float(text), "uiAmountString": text}
