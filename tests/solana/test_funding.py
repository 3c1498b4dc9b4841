"""Hints for funding a wallet, by endpoint."""

from __future__ import annotations

import pytest
from solders.pubkey import Pubkey

from psyche_cli.limits import LOCAL_RPC_URL
from psyche_cli.solana.funding import how_to_fund

WALLET = Pubkey.new_unique()


@pytest.mark.parametrize(
    ("endpoint", "missing", "words"),
    [
        (LOCAL_RPC_URL, None, f"airdrop {WALLET} 10"),
        (LOCAL_RPC_URL, 1, f"airdrop {WALLET} 1"),
        (LOCAL_RPC_URL, 1_000_000_000, f"airdrop {WALLET} 1"),
        (LOCAL_RPC_URL, 1_000_000_001, f"airdrop {WALLET} 2"),
        ("http://127.0.0.1:5000", 7, f"airdrop {WALLET} 1 --rpc http://127.0.0.1:5000"),
        ("http://localhost:8899", 7, f"airdrop {WALLET} 1 --rpc http://localhost:8899"),
        ("http://[::1]:8899", 7, f"airdrop {WALLET} 1 --rpc http://[::1]:8899"),
    ],
)
def test_on_this_machine_the_faucet_is_suggested(endpoint: str, missing: int | None, words: str) -> None:
    assert how_to_fund(WALLET, endpoint, missing) == f"Fund it first: psyche-cli localnet {words}"


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://api.mainnet-beta.solana.com",
        "http://127.example.com",
        "http://10.0.0.7:8899",
        "in-process",
        "an invalid URL",
    ],
)
def test_elsewhere_no_local_validator_is_suggested(endpoint: str) -> None:
    assert how_to_fund(WALLET, endpoint, 5) == f"Send SOL to {WALLET} on this cluster first."


@pytest.mark.parametrize("cluster", ["devnet", "testnet"])
def test_on_public_test_clusters_their_faucet_is_suggested(cluster: str) -> None:
    hint = how_to_fund(WALLET, f"https://api.{cluster}.solana.com", 5)
    assert hint == f"Fund it first: psyche-cli airdrop 2 {WALLET} --rpc {cluster}"
