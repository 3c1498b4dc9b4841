"""Instructions for funding a wallet, with a command to copy."""

from __future__ import annotations

from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.amounts import LAMPORTS_PER_SOL
from psyche_cli.limits import LOCAL_RPC_URL
from psyche_cli.solana.endpoints import is_loopback, moniker_of

_ENOUGH_SOL: Final = 10
"""The suggested amount if the missing amount is unknown: enough for several runs with treasurers."""

_PUBLIC_FAUCET_SOL: Final = 2
"""An amount that the faucets of devnet and testnet give at once, and enough for a run."""


def how_to_fund(address: Pubkey | str, endpoint: str, missing_lamports: int | None = None) -> str:
    """A hint on how to fund ``address`` on the cluster at ``endpoint`` (a URL without path and query, safe to display).

    For an endpoint on this machine, it suggests an airdrop from the local validator's faucet, with the missing lamports
    rounded up to whole SOL; on devnet and testnet, one from the public faucet; otherwise, a transfer of SOL.
    """
    if not is_loopback(endpoint):
        cluster = moniker_of(endpoint)
        if cluster in ("devnet", "testnet"):
            return f"Fund it first: psyche-cli airdrop {_PUBLIC_FAUCET_SOL} {address} --rpc {cluster}"
        return f"Send SOL to {address} on this cluster first."
    sol = _ENOUGH_SOL if missing_lamports is None else -(-missing_lamports // LAMPORTS_PER_SOL)
    where = "" if endpoint == LOCAL_RPC_URL else f" --rpc {endpoint}"
    return f"Fund it first: psyche-cli localnet airdrop {address} {sol}{where}"
