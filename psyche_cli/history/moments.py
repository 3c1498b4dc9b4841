"""A run at one point of its history, and its accounts as they are then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from psyche_cli.model.states import CoordinatorState


class Claims(NamedTuple):
    """What was claimed, in base units of the collateral and in points."""

    collateral: int = 0
    points: int = 0

    def plus(self, points: int) -> Claims:
        """After another claim of ``points``, each of which pays one base unit."""
        return Claims(self.collateral + points, self.points + points)


class TreasuryMoment(NamedTuple):
    """The treasurer of a run: the balance of its vault in base units, and the claims.

    ``address`` is its Run account, and ``main_authority`` the wallet that administers the run. ``participants`` has the
    claims of each wallet that is registered with the treasurer. ``vault`` is None while it is unknown: if the history
    begins after the creation.
    """

    address: str
    main_authority: str
    vault_address: str
    vault: int | None
    total: Claims
    participants: Mapping[str, Claims]


class Moment(NamedTuple):
    """A run after an event. ``state`` is None before it is created and after it is closed.

    ``main_authority`` and ``join_authority`` are those of its instance, in base58; None if the history begins later.
    """

    state: CoordinatorState | None = None
    main_authority: str | None = None
    join_authority: str | None = None
    treasury: TreasuryMoment | None = None
