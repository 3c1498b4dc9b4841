"""Amounts of SOL and of tokens: exact decimal text in, integers inside, exact decimal text out. Never a float."""

from __future__ import annotations

import re
from decimal import Decimal

from psyche_cli.errors import InvalidAmount
from psyche_cli.limits import U64_MAX

SOL_DECIMALS = 9
LAMPORTS_PER_SOL = 10**SOL_DECIMALS

_LONGEST_TEXT = 128
_NUMBER = re.compile(r"([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
_NEGATIVE = re.compile(r"-([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
_HINT = "Use an exact decimal number such as 10, 0.25 or 1.5e6."


def parse_amount(text: str, decimals: int, what: str, *, allow_zero: bool = False) -> int:
    """Turn a user's ``text`` into base units of a mint with ``decimals`` (0 to 255) decimal places.

    Accepted are ASCII digits, one point with digits on both sides, and an exponent: ``10``, ``0.25``, ``1.5e6``.
    Signs in front, blanks, underscores, thousands separators and digits of other scripts are not. Zeros at the end of
    the fraction do not count as decimals. ``what`` names the amount in messages, such as ``collateral amount``.

    Raises InvalidAmount when the text is no such number, is negative, is zero (unless ``allow_zero``), is finer than
    the mint's smallest unit, or is above 2^64 - 1 base units.
    """
    if len(text) > _LONGEST_TEXT:
        raise InvalidAmount(f"The {what} is {len(text)} characters long; the maximum is {_LONGEST_TEXT}.", hint=_HINT)
    if _NEGATIVE.fullmatch(text):
        raise InvalidAmount(f"The {what} {text} is negative.", hint=_HINT, text=text)
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise InvalidAmount(f"The {what} {text!r} is not a decimal number.", hint=_HINT, text=text)
    whole, fraction, exponent = match[1], match[2] or "", int(match[3] or "0")

    digits = (whole + fraction).strip("0")
    if not digits:
        if not allow_zero:
            raise InvalidAmount(f"The {what} is zero.", hint="Use an amount greater than zero.", text=text)
        return 0
    # The amount is int(digits) * 10^power base units. Powers are compared before anything is raised to them: an
    # exponent of a hundred digits is an error to report, not a number to compute.
    trailing_zeros = len(whole + fraction) - len((whole + fraction).rstrip("0"))
    power = exponent - len(fraction) + trailing_zeros + decimals
    if power < 0:
        unit = format_amount(1, decimals)
        raise InvalidAmount(
            f"The {what} {text} has more than {decimals} decimals; the smallest unit is {unit}.",
            hint=f"Use at most {decimals} decimals." if decimals else "Use a whole number.",
            text=text,
            decimals=decimals,
        )
    largest_power = len(str(U64_MAX))
    base_units: int = int(digits) * 10 ** min(power, largest_power)
    if base_units > U64_MAX:
        raise InvalidAmount(
            f"The {what} {text} is too large; the maximum is {format_amount(U64_MAX, decimals)}.",
            text=text,
            decimals=decimals,
        )
    return base_units


def ui_decimal(base_units: int, decimals: int) -> Decimal:
    """The amount in whole tokens (or SOL), exact whatever its size: no context precision is applied."""
    sign = 1 if base_units < 0 else 0
    return Decimal((sign, tuple(int(digit) for digit in str(abs(base_units))), -decimals))


def format_amount(base_units: int, decimals: int) -> str:
    """The amount in whole tokens as plain text without an exponent or trailing zeros, such as ``1.5``.

    For 0 to 2^64 - 1 base units, ``parse_amount`` reads it back to the same number.
    """
    text = format(ui_decimal(base_units, decimals), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_sol(lamports: int) -> str:
    """Lamports as SOL without the unit, such as ``0.83024448``."""
    return format_amount(lamports, SOL_DECIMALS)
