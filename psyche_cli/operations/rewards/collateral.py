"""Whether a run's vault covers what its members have earned, and for how many epochs it covers what they will earn."""

from __future__ import annotations

from typing import Final, NamedTuple

from psyche_cli.amounts import format_amount, ui_decimal
from psyche_cli.durations import format_duration
from psyche_cli.operations.rewards.payloads import CollateralAmount, VaultCover
from psyche_cli.operations.runs.find import Run
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_config.forecast import slowest_pace
from psyche_cli.run_config.rules import is_unset
from psyche_cli.suggestions import GivenOptions

_HOUR: Final = 3600
FUNDED_EPOCHS: Final = 10
"""The number of epochs that a vault should cover. Below it, commands warn and suggest a transfer."""


class Obligations(NamedTuple):
    """The balance of a vault and what it has to pay, in base units of the collateral.

    ``owed`` has been earned but not claimed. ``current`` will be paid at the end of the current epoch and is 0 between
    epochs. ``future`` will be paid for every later epoch: the members that finish it share the earning rate, rounded
    down. ``epoch_seconds`` is the duration of an epoch in which every state takes its maximum time, None for a run
    without a configuration or with other rules than those of layout v1.
    """

    held: int
    owed: int
    current: int
    future: int
    decimals: int
    epoch_seconds: int | None = None

    @property
    def missing(self) -> int:
        """The shortfall for what is owed plus the current and one more epoch; 0 if no epoch will pay anything.

        Unclaimed earnings alone do not count as a shortfall, because members can claim them later.
        """
        return self.missing_for(1)

    def missing_for(self, epochs: int) -> int:
        """The shortfall for what is owed, the current epoch and ``epochs`` more; 0 if no epoch will pay anything."""
        if self.current == 0 and self.future == 0:
            return 0
        return max(self.owed + self.current + epochs * self.future - self.held, 0)

    @property
    def epochs(self) -> int | None:
        """Number of epochs at the future rate that the vault covers beyond its obligations; None for a rate of 0."""
        return None if self.future == 0 else max(self.held - self.owed - self.current, 0) // self.future

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence or two if the vault does not cover FUNDED_EPOCHS."""
        wanted = self.missing_for(FUNDED_EPOCHS)
        if wanted == 0:
            return ()
        top_up = f"For {FUNDED_EPOCHS} epochs, top it up with {self._text(wanted)}."
        if self.missing == 0:
            return (f"The vault only pays for {self._cover_text()}. {top_up}",)
        debts = [(self.owed, "already owed"), (self.current, "for the current epoch"), (self.future, "per epoch")]
        parts = " + ".join(f"{self._text(amount)} {what}" for amount, what in debts if amount > 0)
        warning = (
            f"The vault holds {self._text(self.held)} of the collateral token, less than needed through the next epoch "
            f"({parts}). Top it up with at least {self._text(self.missing)}."
        )
        return (warning if self.future == 0 else f"{warning} {top_up}",)

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """The number of epochs that the vault covers; empty if it covers none, which a warning reports instead."""
        if self.epochs is None or self.epochs == 0:
            return ()
        return (("vault holds enough for", self._cover_text()),)

    @property
    def cover(self) -> VaultCover:
        """The number of epochs that the vault covers, as a JSON payload."""
        return VaultCover(
            epochs=self.epochs,
            seconds=self._seconds,
            missing_for_ten_epochs=in_both_units(self.missing_for(FUNDED_EPOCHS), self.decimals),
        )

    def next_steps(self, given: GivenOptions, run_id: str) -> tuple[str, ...]:
        """The command that transfers the shortfall for FUNDED_EPOCHS; empty if there is none."""
        wanted = self.missing_for(FUNDED_EPOCHS)
        if wanted == 0:
            return ()
        return (given.command("treasurer-top-up-rewards", "--collateral-amount", self._text(wanted), run_id=run_id),)

    @property
    def _seconds(self) -> int | None:
        return None if self.epochs is None or self.epoch_seconds is None else self.epochs * self.epoch_seconds

    def _cover_text(self) -> str:
        count = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        seconds = self._seconds
        if seconds is None:
            return f"{count} at this rate"
        exact = seconds if seconds < _HOUR else seconds - seconds % 60
        return f"{count} at this rate, about {format_duration(exact)} as configured"

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
    has_pace = account.has_rules_of_v1 and not is_unset(account.config)
    in_epoch = account.run_state == RunState.WARMUP or account.run_state.is_active
    pays = in_epoch and not account.pending_pause  # an epoch that ends in a pause pays nothing
    return Obligations(
        held=run.treasury.vault_amount if held is None else held,
        owed=max(earned - run.treasury.run.total_claimed_earned_points, 0),
        current=account.current_epoch_rates.earning_rate_total_shared if pays else 0,
        future=0 if account.run_state == RunState.FINISHED else future,
        decimals=run.treasury.mint.decimals,
        epoch_seconds=slowest_pace(account.config).epoch if has_pace else None,
    )


def in_both_units(base_units: int, decimals: int) -> CollateralAmount:
    """An amount of collateral as a JSON payload, in base units and in whole tokens."""
    return CollateralAmount(base_units=base_units, amount=ui_decimal(base_units, decimals))
