"""A guard of transfers to a vault: the balances must be those for which the amount was computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from solders.pubkey import Pubkey

from psyche_cli.amounts import format_amount
from psyche_cli.errors import MovedValue, ProgramRefused, StalePlan
from psyche_cli.operations.runs.find import Treasury, token_amount
from psyche_cli.operations.sending import read_if_possible
from psyche_cli.operations.signing import SigningSession


class BalanceGuard:
    """The balance of the vault for which the amount of a transfer was computed, ``holds`` base units.

    That of the wallet is guarded by the program: before the payment, the transaction transfers all that the wallet
    holds to the wallet itself, which fails if it holds less by then.
    """

    def __init__(self, session: SigningSession, treasury: Treasury, holds: int) -> None:
        self._session = session
        self._treasury = treasury
        self._holds = holds

    def check(self, held: int) -> None:
        """Raise StalePlan unless the vault still holds the amount."""
        if held != self._holds:
            raise self._stale("vault", self._holds, held)

    @contextmanager
    def explaining(self, source: Pubkey, held: int) -> Iterator[None]:
        """Raise StalePlan for a refused transaction if a balance has changed. ``source`` held ``held`` base units."""
        try:
            yield
        except ProgramRefused as refused:
            raws = read_if_possible(lambda: self._session.rpc.accounts([source, self._treasury.vault]))
            if raws is None:
                raise
            left, vault = map(token_amount, raws)
            if left >= held and vault == self._holds:
                raise
            changed = vault != self._holds
            error = self._stale("vault", self._holds, vault) if changed else self._stale("wallet", held, left)
            error.sent, error.signature, error.logs = refused.sent, refused.signature, refused.logs
            raise error from refused

    def _stale(self, whose: str, before: int, now: int) -> StalePlan:
        decimals = self._treasury.mint.decimals
        return StalePlan(
            f"The {whose} held {format_amount(before, decimals)} of the collateral token when the transfer was "
            f"planned, and now holds {format_amount(now, decimals)}.",
            hint="Nothing was paid.",
            moved=(MovedValue(key=f"funding.{whose}", planned=before, now=now),),
        )
