"""The public clusters of Solana, and links to their transactions in the Solana Explorer."""

from __future__ import annotations

from typing import Final

from psyche_cli.solana.endpoints import moniker_of

MAINNET: Final = "mainnet-beta"

_GENESIS_HASHES: Final = {
    "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d": MAINNET,
    "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY": "testnet",
    "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG": "devnet",
}
_EXPLORER: Final = "https://explorer.solana.com/tx"


def public_cluster(genesis_hash: str | None, endpoint: str) -> str | None:
    """The name of a public cluster, from its genesis hash or, if that is None, from the label of its public endpoint.

    None for a local validator or an unknown cluster.
    """
    if genesis_hash is not None:
        return _GENESIS_HASHES.get(genesis_hash)
    name = moniker_of(endpoint)
    return name if name in _GENESIS_HASHES.values() else None


def explorer_link(signature: str, genesis_hash: str | None, endpoint: str) -> str | None:
    """The URL of a transaction in the Solana Explorer; None if its cluster is not known to be a public one."""
    cluster = public_cluster(genesis_hash, endpoint)
    return None if cluster is None else f"{_EXPLORER}/{signature}?cluster={cluster}"
