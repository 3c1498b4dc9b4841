"""Links to an explorer, for public clusters only."""

from __future__ import annotations

import pytest

from psyche_cli.solana.public_clusters import explorer_link, public_cluster

MAINNET = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"
TESTNET = "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY"
DEVNET = "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"


@pytest.mark.parametrize(
    ("genesis", "endpoint", "expected"),
    [
        (MAINNET, "https://rpc.example.com", "mainnet-beta"),
        (TESTNET, "http://127.0.0.1:8899", "testnet"),
        (DEVNET, "https://api.devnet.solana.com", "devnet"),
        (None, "https://api.devnet.solana.com", "devnet"),
        (None, "https://api.testnet.solana.com", "testnet"),
        (None, "https://api.mainnet-beta.solana.com", "mainnet-beta"),
        ("1" * 44, "https://api.devnet.solana.com", None),
        (None, "http://127.0.0.1:8899", None),
        (None, "https://rpc.example.com", None),
        (None, "https://api.devnet.solana.com:8899", None),
    ],
)
def test_the_genesis_hash_decides_and_otherwise_the_public_endpoint(
    genesis: str | None, endpoint: str, expected: str | None
) -> None:
    assert public_cluster(genesis, endpoint) == expected
    link = None if expected is None else f"https://explorer.solana.com/tx/5sig?cluster={expected}"
    assert explorer_link("5sig", genesis, endpoint) == link
