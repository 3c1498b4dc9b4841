"""``keygen``, ``balance`` and ``airdrop``: what people without the Solana CLI need for a wallet."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from psyche_cli.cli.app import main
from psyche_cli.errors import ExitCode
from psyche_cli.transport import Transport
from tests.cli.conftest import House
from tests.cli.harness import CommandLine, address_of, environment_of

MAINNET_GENESIS = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"


def test_a_new_keypair_becomes_the_wallet(house: House) -> None:
    house.cli.variables.clear()
    made = house.cli("keygen", "new")
    path = house.cli.home / ".config" / "solana" / "id.json"
    assert made.code is ExitCode.OK
    assert made.stdout == f"{address_of(path)}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert house.cli("keygen", "pubkey").stdout == made.stdout
    assert house.cli.json("balance") == {"address": made.stdout.strip(), "lamports": 0, "sol": 0}
    assert house.cli("airdrop", "1.5").code is ExitCode.OK
    assert house.cli("balance").stdout == "1.5 SOL\n"
    content = path.read_bytes()
    again = house.cli("keygen", "new")
    assert again.code is ExitCode.WALLET
    assert "already exists and will not be overwritten" in again.stderr
    assert path.read_bytes() == content


def test_a_new_keypair_in_a_file(house: House, tmp_path: Path) -> None:
    file = tmp_path / "folder" / "new.json"
    data = house.cli.json("keygen", "new", "--outfile", file)
    assert data == {"address": str(address_of(file)), "path": str(file), "created": True}
    assert house.chain.requests == []


def test_a_key_as_the_name_of_a_new_file_is_refused(house: House) -> None:
    outcome = house.cli("keygen", "new", "-o", house.owner.read_text().strip())
    assert outcome.code is ExitCode.USAGE
    assert "is a key, not a path" in outcome.stderr


def test_the_public_key_of_a_keypair(house: House) -> None:
    for words in ((house.stranger,), ("-k", house.stranger), (f"file:{house.stranger}",)):
        assert house.cli.json("keygen", "pubkey", *words) == {"address": str(address_of(house.stranger))}
    assert house.cli("keygen", "pubkey").stdout == f"{address_of(house.owner)}\n"
    environment = environment_of(house.cli).replaced(stdin=io.StringIO(house.stranger.read_text()))
    assert main(["keygen", "pubkey", "stdin:"], environment) is ExitCode.OK
    assert environment.stdout.getvalue() == f"{address_of(house.stranger)}\n"  # type: ignore[attr-defined]
    missing = house.cli("keygen", "pubkey", "/nonexistent")
    assert (missing.code, missing.stdout) == (ExitCode.WALLET, "")
    assert house.chain.requests == []


def test_balances(house: House) -> None:
    assert house.cli("balance").stdout == "100 SOL\n"
    assert house.cli("balance", "-k", house.stranger).stdout == "100 SOL\n"
    assert house.cli("balance", address_of(house.stranger)).stdout == "100 SOL\n"
    house.cli.json("airdrop", "0.000000001", house.owner)
    assert house.cli.json("balance", house.owner)["lamports"] == 100_000_000_001
    assert house.cli("balance", house.owner).stdout == "100.000000001 SOL\n"
    outcome = house.cli("balance", "nobody")
    assert outcome.code is ExitCode.USAGE
    assert "The path of an existing keypair file is also accepted." in outcome.stderr


@pytest.mark.parametrize("amount", ["0", "-1", "x", "1.0000000001"])
def test_amounts_that_cannot_be_airdropped(house: House, amount: str) -> None:
    outcome = house.cli("airdrop", "--", amount)
    assert outcome.code is ExitCode.USAGE
    assert house.chain.requests == []


class Mainnet:
    """A cluster with the genesis hash of mainnet-beta."""

    label = "https://rpc.example"

    def __init__(self) -> None:
        self.methods: list[str] = []

    def send(self, body: bytes, *, timeout: float) -> bytes:
        request = json.loads(body)
        self.methods.append(request["method"])
        return json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": MAINNET_GENESIS}).encode()

    def close(self) -> None: ...


@pytest.mark.parametrize("words", [("airdrop", "1"), ("localnet", "airdrop", "OWNER", "1")])
def test_mainnet_is_refused(house: House, tmp_path: Path, words: tuple[str, ...]) -> None:
    cluster = Mainnet()

    def opened(url: str) -> Transport:
        return cluster

    cli = CommandLine(tmp_path, opened, dict(house.cli.variables))
    outcome = cli(*(house.owner if word == "OWNER" else word for word in words), "-u", "https://rpc.example")
    assert outcome.code is ExitCode.LOCALNET
    assert "https://rpc.example belongs to mainnet-beta, where SOL is money and there is no faucet." in outcome.stderr
    assert cluster.methods == ["getGenesisHash"]
