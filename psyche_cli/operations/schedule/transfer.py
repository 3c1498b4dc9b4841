"""How much a scheduled top-up transfers: a pure function of the money and the limits."""

from __future__ import annotations

from typing import NamedTuple

from psyche_cli.amounts import format_amount
from psyche_cli.durations import format_duration
from psyche_cli.operations.rewards.collateral import Obligations
from psyche_cli.operations.schedule.acts import DAY


class Limits(NamedTuple):
    """``keep_epochs`` is the number of future epochs to fund; the others are in base units.

    ``most`` limits one transfer, ``per_day`` what the vault receives in 24 hours, and ``in_all`` what it ever receives,
    None without such a limit.
    """

    keep_epochs: int
    most: int
    per_day: int
    in_all: int | None = None


class Money(NamedTuple):
    """The vault and its obligations, and in base units the wallet's balance and what limits count.

    ``transferred`` counts for the last 24 hours. ``received`` is what the vault has ever received, and ``in_doubt``
    what it may receive besides.
    """

    obligations: Obligations
    wallet: int
    transferred: int
    received: int = 0
    in_doubt: int = 0

    def after(self, amount: int) -> Money:
        """The money after a transfer of ``amount``."""
        obligations = self.obligations._replace(held=self.obligations.held + amount)
        return self._replace(
            obligations=obligations,
            wallet=max(self.wallet - amount, 0),
            transferred=self.transferred + amount,
            received=self.received + amount,
        )

    def left_of_day(self, limits: Limits) -> int:
        """What may still be transferred now, in base units."""
        return max(limits.per_day - self.transferred, 0)

    def left_in_all(self, limits: Limits) -> int | None:
        """What all further transfers may sum up to, in base units; None without a limit."""
        return None if limits.in_all is None else max(limits.in_all - self.received - self.in_doubt, 0)

    def missing(self, limits: Limits) -> int:
        """What the vault lacks, in base units; unlike in warnings, also for what is owed alone."""
        return max(self.needed(limits) - self.obligations.held, 0)

    def needed(self, limits: Limits) -> int:
        """What the vault should hold, in base units."""
        owing = self.obligations
        return owing.owed + owing.current + limits.keep_epochs * owing.future

    def transfer(self, limits: Limits) -> int:
        """The base units to transfer, within the limits. More than an empty wallet holds, so that its lack shows."""
        allowed = min(self.missing(limits), limits.most, self.left_of_day(limits))
        left = self.left_in_all(limits)
        allowed = allowed if left is None else min(allowed, left)
        return min(allowed, self.wallet) if self.wallet > 0 else allowed

    def reason(self, limits: Limits) -> str:
        """Why a transfer is made, as a clause."""
        decimals = self.obligations.decimals
        missing, held = (format_amount(units, decimals) for units in (self.missing(limits), self.obligations.held))
        return f"the vault held {held}, {missing} less than needed {_through(limits.keep_epochs)}"

    def warnings(self, limits: Limits) -> tuple[str, ...]:
        """Sentences about money that does not suffice, or soon will not."""
        obligations, decimals, found = self.obligations, self.obligations.decimals, []
        missing = self.missing(limits)
        if missing > 0:
            found.append(
                f"The vault holds {format_amount(obligations.held, decimals)}, {format_amount(missing, decimals)} less "
                f"than needed {_through(limits.keep_epochs)}."
            )
        coming = max(limits.keep_epochs, 1) * obligations.future
        if self.wallet < missing + coming:
            covered = max(self.wallet - missing, 0) // obligations.future if obligations.future > 0 else 0
            found.append(
                f"The wallet holds {format_amount(self.wallet, decimals)} of the collateral token, enough for "
                f"{_more(covered)}. Send more to it."
            )
        left = self.left_in_all(limits)
        if left is not None and left < missing + coming:
            covered = max(left - missing, 0) // obligations.future if obligations.future > 0 else 0
            found.append(
                f"--max-in-all {format_amount(limits.in_all or 0, decimals)} leaves {format_amount(left, decimals)}, "
                f"enough for {_more(covered)}."
            )
        seconds = obligations.epoch_seconds
        if seconds is not None and seconds > 0:
            daily = obligations.future * (DAY // seconds)
            if daily > limits.per_day:
                found.append(
                    f"--per-day {format_amount(limits.per_day, decimals)} is less than members earn: at least "
                    f"{format_amount(daily, decimals)} per day, because an epoch takes at most "
                    f"{format_duration(seconds)}."
                )
        return tuple(found)


def _through(epochs: int) -> str:
    return f"for what is owed, the current epoch and {_more(epochs)}"


def _more(epochs: int) -> str:
    return "1 more epoch" if epochs == 1 else f"{epochs} more epochs"
