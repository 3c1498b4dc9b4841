"""An account as the cluster hands it over, before anything is known about its content."""

from __future__ import annotations

from dataclasses import dataclass

from solders.pubkey import Pubkey


@dataclass(frozen=True)
class RawAccount:
    """One account: where it is, whose it is, what it holds (``lamports``, and ``data`` in bytes)."""

    address: Pubkey
    owner: Pubkey
    lamports: int
    data: bytes
    executable: bool = False

    @property
    def is_taken(self) -> bool:
        """Whether something was created here. Lamports alone, which anybody may send to any address, are nothing."""
        return len(self.data) > 0


def taken(raw: RawAccount | None) -> RawAccount | None:
    """The account if something was created at its address, else None."""
    return raw if raw is not None and raw.is_taken else None
