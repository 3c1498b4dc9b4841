"""How much a vault needs, within the limits of the run file."""

from __future__ import annotations

from typing import NamedTuple

from psyche_cli.amounts import format_amount, parse_amount
from psyche_cli.operations.rewards.collateral import Obligations, obligations_of
from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.run_file.wanted import WantedFunding, WantedRun


class TopUp(NamedTuple):
    """A transfer to the vault, in base units: what is ``missing``, and the ``amount`` within the limits.

    ``limit`` is the key of the limit that applies, or empty. ``held`` is the vault's balance before it.
    """

    missing: int
    amount: int
    limit: str
    held: int

    def warning(self, paid: int, decimals: int) -> str:
        """What the vault lacks after a transfer of ``paid`` base units, at most the amount; empty if nothing."""
        lacks = format_amount(self.missing - paid, decimals)
        if paid < self.amount:
            return f"The vault lacks {lacks}, which the plan or an earlier attempt does not allow to transfer now."
        if self.missing == paid:
            return ""
        if paid == 0:
            return f"funding.{self.limit} allows no transfer: the vault lacks {lacks}."
        most = format_amount(paid, decimals)
        return f"funding.{self.limit} limits the transfer to {most}: after it, the vault lacks {lacks}."


def top_up_of(wanted: WantedRun, actual: ActualRun, earning_rate: int | None) -> TopUp | None:
    """The transfer that the funding requires if the future rate becomes ``earning_rate`` (None: stays what it is).

    None if the vault holds enough. Raises InvalidAmount.
    """
    funding, received = wanted.funding, actual.received
    if funding is None or received is None:
        return None
    obligations = _obligations(actual, earning_rate)
    missing = _missing(funding, obligations)
    limits = {"max_per_top_up": missing, "max_in_all": missing}
    if funding.max_per_top_up is not None:
        limits["max_per_top_up"] = _amount(funding.max_per_top_up, "max_per_top_up", actual.decimals)
    if funding.max_in_all is not None:
        limits["max_in_all"] = max(_amount(funding.max_in_all, "max_in_all", actual.decimals) - received, 0)
    limit = min(limits, key=lambda name: limits[name])
    amount = min(missing, limits[limit])
    return TopUp(missing, amount, limit if amount < missing else "", obligations.held) if missing > 0 else None


def _obligations(actual: ActualRun, earning_rate: int | None) -> Obligations:
    if actual.run is None:
        return Obligations(held=0, owed=0, current=0, future=earning_rate or 0, decimals=actual.decimals)
    found = obligations_of(actual.run, earning_rate=earning_rate)
    assert found is not None  # it has received something or nothing, so it has a vault
    return found


def _missing(funding: WantedFunding, obligations: Obligations) -> int:
    if funding.keep_epochs is not None:
        return obligations.missing_for(funding.keep_epochs)
    assert funding.keep_amount is not None  # the file has one of both
    kept = _amount(funding.keep_amount, "keep_amount", obligations.decimals)
    return max(obligations.owed + obligations.current + kept - obligations.held, 0)


def _amount(text: str, key: str, decimals: int) -> int:
    return parse_amount(text, decimals, f"funding.{key}", allow_zero=True)
