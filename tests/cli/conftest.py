from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.harness import Chain, CommandLine, address_of

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
MINIMAL = CONFIGS / "minimal.toml"


@dataclass(frozen=True)
class House:
    """A chain, a command line on it, and the keypair files of an owner and of a stranger, 100 SOL each."""

    chain: Chain
    cli: CommandLine
    owner: Path
    stranger: Path

    def new_mint(self, decimals: int = 6, amount: str = "1000000") -> str:
        """A collateral mint of which the owner holds ``amount`` whole tokens."""
        made = self.cli.json("localnet", "new-mint", "--decimals", decimals, "--amount", amount)
        mint: str = made["mint"]
        return mint

    def run(self, run_id: str = "test", *, treasurer: bool = False, configured: bool = True) -> str:
        """A run of the owner's; its id."""
        mint = ("--treasurer-collateral-mint", self.new_mint()) if treasurer else ()
        self.cli.json("create-run", "--run-id", run_id, *mint)
        if configured:
            self.cli.json("update-config", "--run-id", run_id, "--config-path", MINIMAL)
        return run_id

    def dump(self, run_id: str = "test") -> Any:
        """The JSON dump of a run."""
        return self.cli("json-dump-run", "--run-id", run_id).json


@pytest.fixture
def house(tmp_path: Path) -> House:
    chain, files = Chain.start(tmp_path, owner=100, stranger=100)
    cli = CommandLine(tmp_path, chain.transport, {"WALLET_PRIVATE_KEY_PATH": str(files["owner"])})
    return House(chain, cli, files["owner"], files["stranger"])


@pytest.fixture
def owner_address(house: House) -> str:
    return str(address_of(house.owner))
