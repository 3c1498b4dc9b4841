"""Whether a run's vault covers what its members have earned and will earn in the current and the next epoch."""

from __future__ import annotations

from typing import NamedTuple

from psyche_cli.amounts import format_amount, ui_decimal
from psyche_cli.operations.rewards.payloads import CollateralAmount
from psyche_cli.operations.runs.find import Run
from psyche_cli.protocol.run_states import RunState
from psyche_cli.suggestions import GivenOptions


class Obligations(NamedTuple):
    """The balance of a vault and what it has to pay, in base units of the collateral.

    ``owed`` has been earned but not claimed. ``current`` will be paid at the end of the current epoch and is 0 between
    epochs. ``future`` will be paid for every later epoch.
    """

    held: int
    owed: int
    current: int
    future: int
    decimals: int

    @property
    def missing(self) -> int:
        """The shortfall for what is owed plus the current and one more epoch; 0 if no epoch will pay anything.

        Unclaimed earnings alone do not count as a shortfall, because members can claim them later.
        """
        if self.current == 0 and self.future == 0:
            return 0
        return max(self.owed + self.current + self.future - self.held, 0)

    @property
    def epochs(self) -> int | None:
        """Number of epochs at the future rate that the vault covers beyond its obligations; None for a rate of 0."""
        return None if self.future == 0 else max(self.held - self.owed - self.current, 0) // self.future

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence if the vault is too small."""
        if self.missing == 0:
            return ()
        debts = [(self.owed, "already owed"), (self.current, "for the current epoch"), (self.future, "per epoch")]
        parts = " + ".join(f"{self._text(amount)} {what}" for amount, what in debts if amount > 0)
        warning = (
            f"The vault holds {self._text(self.held)} of the collateral token, less than needed through the next epoch "
            f"({parts}). Top it up with at least {self._text(self.missing)}."
        )
        return (warning,)

    def next_steps(self, given: GivenOptions, run_id: str) -> tuple[str, ...]:
        """The command that transfers the shortfall; empty if there is none."""
        if self.missing == 0:
            return ()
        amount = ("--collateral-amount", self._text(self.missing))
        return (given.command("treasurer-top-up-rewards", *amount, run_id=run_id),)

    def _text(self, base_units: int) -> str:
        return format_amount(base_units, self.decimals)


def obligations_of(run: Run, *, held: int | None = None, earning_rate: int | None = None) -> Obligations | None:
    """The balance and obligations of a run's vault; None for a run without a treasurer.

    ``held`` and ``earning_rate`` (base units) override the vault's balance and the future rate in ``run`` if those have
    just changed.
    """
    if run.treasury is None:
        return None
    account = run.account
    future = account.future_epoch_rates.earning_rate_total_shared if earning_rate is None else earning_rate
    earned = sum(client.earned for client in account.clients)
    in_epoch = account.run_state == RunState.WARMUP or account.run_state.is_active
    pays = in_epoch and not account.pending_pause  # an epoch that ends in a pause pays nothing
    return Obligations(
        held=run.treasury.vault_amount if held is None else held,
        owed=max(earned - run.treasury.run.total_claimed_earned_points, 0),
        current=account.current_epoch_rates.earning_rate_total_shared if pays else 0,
        future=0 if account.run_state == RunState.FINISHED else future,
        decimals=run.treasury.mint.decimals,
    )


def in_both_units(base_units: int, decimals: int) -> CollateralAmount:
    """An amount of collateral as a JSON payload, in base units and in whole tokens."""
    return CollateralAmount(base_units=base_units, amount=ui_decimal(base_units, decimals))
