"""An index of the existing accounts by owner, since LiteSVM cannot list them."""

from __future__ import annotations

from collections.abc import Iterable

from solders.pubkey import Pubkey


class AccountIndex:
    """The owner of every existing account, and the accounts of every owner; updated after each write."""

    def __init__(self) -> None:
        self._owners: dict[Pubkey, Pubkey] = {}
        self._owned: dict[Pubkey, dict[Pubkey, None]] = {}

    def record(self, address: Pubkey, owner: Pubkey | None) -> None:
        """Record that the account is now owned by ``owner``, or no longer exists (None)."""
        former = self._owners.get(address)
        if former == owner:
            return
        if former is not None:
            owned = self._owned[former]
            del owned[address]
            if not owned:
                del self._owned[former]
        if owner is None:
            del self._owners[address]
        else:
            self._owners[address] = owner
            self._owned.setdefault(owner, {})[address] = None

    def owner_of(self, address: Pubkey) -> Pubkey | None:
        """The owner, or None if the account does not exist."""
        return self._owners.get(address)

    def owned_by(self, owner: Pubkey) -> list[Pubkey]:
        """The accounts of a program, in order of creation."""
        return list(self._owned.get(owner, ()))

    def addresses(self) -> Iterable[Pubkey]:
        """Every existing account."""
        return self._owners.keys()

    def __len__(self) -> int:
        return len(self._owners)
