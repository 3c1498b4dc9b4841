"""The comparison of replayed accounts with those that were read from the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from psyche_cli.history.authorizations import ReplayedAuthorization
from psyche_cli.history.moments import TreasuryMoment
from psyche_cli.model.from_account import state_from_account
from psyche_cli.model.leaves import Leaf, leaves, same, shown_leaf
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
from psyche_cli.protocol.accounts.small_accounts import Authorization, Participant, TreasurerRun


class Difference(NamedTuple):
    """A value that is not as replayed. None means absent."""

    path: str
    replayed: Leaf
    found: Leaf

    @property
    def sentence(self) -> str:
        """The difference in words."""
        return f"{self.path} is {shown_leaf(self.found)}, but {shown_leaf(self.replayed)} according to the history."


def account_differences(replayed: CoordinatorAccount | None, found: CoordinatorAccount | None) -> list[Difference]:
    """The values of a coordinator account that differ from the replayed one; None for one that does not exist.

    Bytes that belong to no value are not compared: the published program leaves arbitrary ones in them. Raises
    UnsupportedLayout and MalformedAccount.
    """
    old, new = (None if account is None else state_from_account(account) for account in (replayed, found))
    return _differences(old, new, "account")


def treasury_differences(
    treasury: TreasuryMoment, run: TreasurerRun, vault: int | None, participants: Mapping[str, Participant | None]
) -> list[Difference]:
    """The values of a treasurer's accounts that differ from the replayed ones.

    ``vault`` is the balance of the vault, and ``participants`` are the accounts of wallets that were read, None for one
    that does not exist.
    """
    replayed: dict[str, Any] = {
        "main_authority": treasury.main_authority,
        "total_claimed_collateral_amount": treasury.total.collateral,
        "total_claimed_earned_points": treasury.total.points,
        "participants": {
            wallet: None if (claims := treasury.participants.get(wallet)) is None else claims._asdict()
            for wallet in participants
        },
    }
    found: dict[str, Any] = {
        "main_authority": str(run.main_authority),
        "total_claimed_collateral_amount": run.total_claimed_collateral_amount,
        "total_claimed_earned_points": run.total_claimed_earned_points,
        "participants": {
            wallet: None
            if one is None
            else {"collateral": one.claimed_collateral_amount, "points": one.claimed_earned_points}
            for wallet, one in participants.items()
        },
    }
    if treasury.vault is not None:
        replayed["vault"], found["vault"] = treasury.vault, vault
    return _differences(replayed, found, "treasurer")


def authorization_differences(replayed: ReplayedAuthorization, found: Authorization | None) -> list[Difference]:
    """The values of an authorization that differ from the replayed ones; None for one that does not exist."""
    names = ("grantor", "grantee", "scope", "active", "delegates")
    old = {name: getattr(replayed, name) for name in names} if replayed.exists else None
    new = None if found is None else {name: _plain(getattr(found, name)) for name in names}
    return _differences(old, new, "authorization")


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(str, value))
    return value.hex() if isinstance(value, bytes) else value if isinstance(value, bool) else str(value)


def _differences(replayed: Any, found: Any, exists: str) -> list[Difference]:
    if replayed is None or found is None:
        if replayed is found:
            return []
        return [Difference(f"whether the {exists} exists", replayed is not None, found is not None)]
    old, new = dict(leaves(replayed)), dict(leaves(found))
    return [
        Difference(path, old.get(path), new.get(path))
        for path in dict.fromkeys((*old, *new))
        if not same(old.get(path), new.get(path))
    ]
