"""How amounts of a mint are shown: its decimals, and the interest or multiplier of some Token-2022 mints."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple

from solders.account import Account
from solders.pubkey import Pubkey
from solders.token.state import Mint

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.token_state import amount_in_forms, token_amount
from psyche_cli.localnet.rpc.encoding.parsed.accounts import AccountOf
from psyche_cli.localnet.rpc.encoding.parsed.readers import float_number, i16, i64
from psyche_cli.localnet.rpc.encoding.parsed.token_extensions import (
    INTEREST_BEARING,
    SCALED_UI_AMOUNT,
    stored_extensions,
)
from psyche_cli.solana.byte_reader import ByteReader
from psyche_cli.solana.programs import CLOCK_SYSVAR, NATIVE_MINT, TOKEN_2022_PROGRAM
from psyche_cli.solana.token_state import mint_of

_NATIVE_DECIMALS: Final = 9
_SECONDS_PER_YEAR: Final = 60 * 60 * 24 * 365.24
_BASIS_POINTS: Final = 10_000
_KEY: Final = Pubkey.LENGTH


class TokenUnits(NamedTuple):
    """The ``decimals`` of a mint, and the text of an amount if these alone do not determine it.

    The text is empty for an amount that cannot be computed.
    """

    decimals: int
    text_of: Callable[[int], str] | None = None

    def amount(self, base_units: int) -> Json:
        """An amount of base units in the four forms of the RPC interface."""
        if self.text_of is None:
            return token_amount(base_units, self.decimals)
        text = self.text_of(base_units)
        number = float(text) if text else None
        return amount_in_forms(base_units, self.decimals, number, text)


def units_of(mint: Pubkey, account_of: AccountOf) -> TokenUnits | None:
    """The units of a mint at the current time; None if it does not exist."""
    if mint == NATIVE_MINT:
        return TokenUnits(_NATIVE_DECIMALS)
    account = account_of(mint)
    found = None if account is None else mint_of(account)
    return None if account is None or found is None else units_in(account, found, account_of)


def units_in(account: Account, mint: Mint, account_of: AccountOf) -> TokenUnits:
    """The units of a mint, given its account."""
    if account.owner != TOKEN_2022_PROGRAM:
        return TokenUnits(mint.decimals)
    try:
        contents = dict(reversed(list(stored_extensions(account.data))))
    except ValueError:
        return TokenUnits(mint.decimals)
    for number, size, text_of in ((INTEREST_BEARING, 52, _with_interest), (SCALED_UI_AMOUNT, 56, _multiplied)):
        content = contents.get(number, b"")
        if len(content) == size:
            return TokenUnits(mint.decimals, text_of(ByteReader(content), mint.decimals, _unix_time(account_of)))
    return TokenUnits(mint.decimals)


def _unix_time(account_of: AccountOf) -> int:
    """The time of the clock sysvar, its last field, in seconds."""
    clock = account_of(CLOCK_SYSVAR)
    return 0 if clock is None else int.from_bytes(clock.data[32:40], "little", signed=True)


def _with_interest(reader: ByteReader, decimals: int, now: int) -> Callable[[int], str]:
    """Continuous interest: one average rate until the last change of the rate, and the current one since."""
    reader.take(_KEY)
    start, average, changed, current = i64(reader), i16(reader), i64(reader), i16(reader)
    spans = (changed - start, now - changed)

    def text_of(amount: int) -> str:
        if any(not -(2**63) <= span < 2**63 for span in spans):
            return ""
        before, since = (_growth(rate, span) for rate, span in zip((average, current), spans, strict=True))
        return _text(amount * (before * since / 10.0**decimals), decimals)

    return text_of


def _growth(basis_points: int, seconds: int) -> float:
    """The factor of continuous interest at this yearly rate."""
    try:
        return math.exp(basis_points * seconds / _SECONDS_PER_YEAR / _BASIS_POINTS)
    except OverflowError:
        return math.inf


def _multiplied(reader: ByteReader, decimals: int, now: int) -> Callable[[int], str]:
    """A multiplier, and the one that replaces it at a point in time. Base units are multiplied and cut off."""
    reader.take(_KEY)
    multiplier, effective, following = float_number(reader), i64(reader), float_number(reader)
    factor = following if now >= effective else multiplier

    def text_of(amount: int) -> str:
        units = amount * factor
        return _text((math.trunc(units) if math.isfinite(units) else units) / 10.0**decimals, decimals)

    return text_of


def _text(amount: float, decimals: int) -> str:
    """An amount with at most ``decimals`` digits after the point, without zeros at its end."""
    if math.isnan(amount):
        return "NaN"
    text = f"{amount:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals and math.isfinite(amount) else text
