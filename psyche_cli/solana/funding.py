"""What to do about a wallet without SOL, in words that can be pasted."""

from __future__ import annotations

from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.amounts import LAMPORTS_PER_SOL
from psyche_cli.solana.endpoints import LOCAL_RPC_URL, is_loopback

_ENOUGH_SOL: Final = 10
"""What is suggested where it is not known how much is missing: enough for several runs with treasurers."""


def how_to_fund(address: Pubkey | str, endpoint: str, missing_lamports: int | None = None) -> str:
    """How ``address`` gets SOL on the cluster at ``endpoint`` (a URL without path and query, as it may be shown).

    For an endpoint on this machine that is the faucet of a local validator: the missing lamports, rounded up to whole
    SOL. Anywhere else somebody has to send SOL.
    """
    if not is_loopback(endpoint):
        return f"Send SOL to {address} on this cluster first."
    sol = _ENOUGH_SOL if missing_lamports is None else -(-missing_lamports // LAMPORTS_PER_SOL)
    where = "" if endpoint == LOCAL_RPC_URL else f" --rpc {endpoint}"
    return f"Fund it first: psyche-cli localnet airdrop {address} {sol}{where}"
