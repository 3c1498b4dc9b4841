"""Conversion of SOL and token amounts between exact decimal text and integer base units, without floats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psyche_cli.errors import InvalidAmount
from psyche_cli.lazy_pattern import LazyPattern
from psyche_cli.limits import U64_MAX

if TYPE_CHECKING:
    from decimal import Decimal

SOL_DECIMALS = 9
LAMPORTS_PER_SOL = 10**SOL_DECIMALS

_LONGEST_TEXT = 128
_NUMBER = LazyPattern(r"([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
_NEGATIVE = LazyPattern(r"-([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
_HINT = "Use an exact decimal number such as 10, 0.25 or 1.5e6."


def parse_amount(text: str, decimals: int, what: str, *, allow_zero: bool = False) -> int:
    """Parse user input into base units of a mint with ``decimals`` (0 to 255) decimal places.

    Accepts ASCII digits, one decimal point with digits on both sides, and an exponent: ``10``, ``0.25``, ``1.5e6``.
    Rejects leading signs, whitespace, underscores, thousands separators and non-ASCII digits. Trailing zeros of the
    fraction do not count as decimals. ``what`` names the amount in messages, for example ``collateral amount``.

    Raises InvalidAmount if the text is not such a number, is negative, is zero (unless ``allow_zero``), has more
    decimals than the mint, or exceeds 2^64 - 1 base units.
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
    # The amount is int(digits) * 10^power base units. The exponent may have a hundred digits, so it is checked and
    # capped before 10 is raised to it.
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
    """The amount in whole tokens (or SOL), always exact: the precision of the decimal context is not applied."""
    from decimal import Decimal

    sign = 1 if base_units < 0 else 0
    return Decimal((sign, tuple(int(digit) for digit in str(abs(base_units))), -decimals))


def format_amount(base_units: int, decimals: int) -> str:
    """The amount in whole tokens as decimal text without an exponent or trailing zeros, such as ``1.5``.

    ``parse_amount`` converts the text of 0 to 2^64 - 1 base units back to the same number.
    """
    text = format(ui_decimal(base_units, decimals), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_sol(lamports: int) -> str:
    """Lamports as SOL without the unit, such as ``0.83024448``."""
    return format_amount(lamports, SOL_DECIMALS)
