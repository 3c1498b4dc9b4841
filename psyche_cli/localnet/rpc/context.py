"""The context that every RPC method receives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.cluster_identity import IDENTITY
from psyche_cli.localnet.chain.genesis import faucet_keypair
from psyche_cli.localnet.chain.snapshots import Snapshot
from psyche_cli.localnet.rpc.params import Params
from psyche_cli.localnet.rpc.recent_slots import RecentSlots

API_VERSION: Final = "2.2.0"
"""The version of Agave whose runtime executes the transactions: that of solders 0.26."""


def no_log(line: str) -> None:
    """Discard a log line."""


@dataclass
class RpcContext:
    """The bank, the faucet's key, the node's identity, the hosts and ports of its servers, and callbacks for log lines.

    ``log`` receives a line per transaction, and with ``log_requests`` also one per request and per program log line.
    ``notice`` receives important lines: internal errors of the validator.
    ``ledger`` is the folder in which the chain is stored. ``stop`` ends the server after the current request; None if
    there is no server.
    """

    bank: Bank
    log: Callable[[str], None] = no_log
    notice: Callable[[str], None] = no_log
    log_requests: bool = False
    faucet: Keypair = field(default_factory=faucet_keypair)
    identity: Pubkey = IDENTITY
    rpc_address: str | None = None
    pubsub_address: str | None = None
    snapshots: dict[int, Snapshot] = field(default_factory=dict)
    snapshots_taken: int = 0
    ledger: Path | None = None
    stop: Callable[[], None] | None = None
    recent: RecentSlots = field(init=False)

    def __post_init__(self) -> None:
        self.recent = RecentSlots(self.bank)

    @property
    def is_logging(self) -> bool:
        """Whether log lines are used; if not, callers need not compose any."""
        return self.log is not no_log

    def with_context(self, value: Json) -> Json:
        """A value with the current slot as its context."""
        return {"context": {"apiVersion": API_VERSION, "slot": self.bank.slot}, "value": value}


Method: TypeAlias = Callable[[RpcContext, Params], Json]
MethodTable: TypeAlias = Mapping[str, Method]
