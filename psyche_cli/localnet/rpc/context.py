"""What every RPC method gets: the bank, and how to wrap an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.genesis import faucet_keypair
from psyche_cli.localnet.chain.journal import BankState
from psyche_cli.localnet.rpc.params import Params

API_VERSION: Final = "2.2.0"
FEATURE_SET: Final = 0


def no_log(line: str) -> None:
    """Drop a line of log."""


@dataclass
class RpcContext:
    """The bank, the faucet's key, the node's name, and where lines for the operator go.

    ``log`` gets a line per transaction, and with ``log_requests`` also per request and per line of program log.
    ``notice`` gets what must not be missed: mistakes of the validator itself.
    """

    bank: Bank
    log: Callable[[str], None] = no_log
    notice: Callable[[str], None] = no_log
    log_requests: bool = False
    faucet: Keypair = field(default_factory=faucet_keypair)
    identity: Pubkey = field(default_factory=lambda: faucet_keypair().pubkey())
    airdrops: int = 0
    snapshots: dict[int, BankState] = field(default_factory=dict)
    snapshots_taken: int = 0

    @property
    def is_logging(self) -> bool:
        """Whether anybody reads the log, so that a line is worth composing."""
        return self.log is not no_log

    def with_context(self, value: Json) -> Json:
        """A value with the slot it belongs to."""
        return {"context": {"apiVersion": API_VERSION, "slot": self.bank.slot}, "value": value}


Method: TypeAlias = Callable[[RpcContext, Params], Json]
MethodTable: TypeAlias = Mapping[str, Method]
