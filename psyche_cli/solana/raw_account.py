"""An account as returned by the cluster, not yet decoded."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from solders.pubkey import Pubkey


class AccountContent(Protocol):
    """The owner and the data of any account."""

    @property
    def owner(self) -> Pubkey:
        """The program that owns the account."""

    @property
    def data(self) -> bytes:
        """The content."""


class RawAccount(NamedTuple):
    """One account: address, owner, balance in ``lamports``, and ``data`` (bytes).

    If ``data`` is only the beginning, ``space`` is the size of all of it, as far as the node states it.
    """

    address: Pubkey
    owner: Pubkey
    lamports: int
    data: bytes
    executable: bool = False
    space: int | None = None

    @property
    def size(self) -> int:
        """The size of the account's data in bytes."""
        return len(self.data) if self.space is None else self.space

    @property
    def is_taken(self) -> bool:
        """Whether the account was created. Lamports alone do not count, since they can be sent to any address."""
        return len(self.data) > 0


def taken(raw: RawAccount | None) -> RawAccount | None:
    """The account if it was created (see ``is_taken``), else None."""
    return raw if raw is not None and raw.is_taken else None
