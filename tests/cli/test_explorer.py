"""Transactions on a public cluster are shown with a link to an explorer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from psyche_cli.transport import Transport
from tests.cli.conftest import House
from tests.cli.harness import CommandLine
from tests.solana.test_public_clusters import DEVNET

RESUME = ("set-paused", "--run-id", "test", "--resume")
RPC = ("--rpc", "https://rpc.example.com/with-a-secret-key")


class OnDevnet:
    """A transport to the chain of a house, which claims to be devnet."""

    label = "https://rpc.example.com"

    def __init__(self, inner: Transport, genesis: str) -> None:
        self._inner, self._genesis = inner, genesis

    def send(self, body: bytes, *, timeout: float) -> bytes:
        return self._inner.send(body, timeout=timeout).replace(self._genesis.encode(), DEVNET.encode())

    def close(self) -> None:
        self._inner.close()


@pytest.fixture
def devnet(house: House) -> CommandLine:
    genesis = str(house.chain.rpc.genesis_hash())
    house.run()
    return replace(house.cli, open_transport=lambda url: OnDevnet(house.chain.transport(url), genesis))


def link(signature: str) -> str:
    return f"https://explorer.solana.com/tx/{signature}?cluster=devnet"


def test_a_write_shows_the_link_once_below_its_signature(devnet: CommandLine) -> None:
    outcome = devnet(*RESUME, *RPC)
    *_, transaction, explorer = outcome.stdout.splitlines()
    signature = transaction.split()[-1]
    assert transaction.split()[0] == "transaction"
    assert explorer.split() == ["explorer", link(signature)]
    assert outcome.stdout.count("explorer.solana.com") == 1
    assert "explorer.solana.com" not in outcome.stderr


def test_the_json_of_each_transaction_has_the_link(devnet: CommandLine) -> None:
    [receipt] = devnet(*RESUME, *RPC, "--output", "json").json["transactions"]
    assert receipt["explorer"] == link(receipt["signature"])


def test_the_journal_shows_the_link(devnet: CommandLine) -> None:
    [receipt] = devnet(*RESUME, *RPC, "--output", "json").json["transactions"]
    signature = receipt["signature"]
    records = devnet.json("tx", "list", "--all")["transactions"]
    assert [one["explorer"] for one in records if one["signature"] == signature] == [link(signature)]
    listed = devnet("tx", "list", "--all").stdout
    assert listed.count(link(signature)) == 1
    status = devnet("tx", "status", signature, *RPC)
    assert f"explorer        {link(signature)}\n" in status.stdout
    assert devnet.json("tx", "status", signature, *RPC)["explorer"] == link(signature)


def test_a_transaction_without_a_record_has_a_link_if_the_endpoint_is_public(house: House) -> None:
    house.run()
    [receipt] = house.cli(*RESUME, "--output", "json").json["transactions"]
    assert receipt["explorer"] is None
    words = ("tx", "status", receipt["signature"], "--state-dir", house.chain.home / "empty")
    assert house.cli.json(*words)["explorer"] is None
    assert house.cli.json(*words, "--rpc", "devnet")["explorer"] == link(receipt["signature"])


def test_a_local_validator_has_no_links(house: House) -> None:
    house.run()
    assert "explorer" not in house.cli(*RESUME).stdout
    assert "explorer" not in house.cli("tx", "list", "--all").stdout
