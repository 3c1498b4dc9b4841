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
