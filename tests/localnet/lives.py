"""Successive in-process runs of a validator with a ledger, and a simulated full disk."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from solders.keypair import Keypair

from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.timekeeping import ClockMode, Timekeeper
from psyche_cli.localnet.local_validator import LocalnetOptions, open_bank
from psyche_cli.localnet.rpc.context import RpcContext
from psyche_cli.localnet.rpc.dispatcher import Dispatcher
from psyche_cli.localnet.storage.ledger import INDEXED_AT_ONCE, Ledger
from tests.localnet.harness import SOL, Chain, HandClock


class Life:
    """One run of a validator with a ledger."""

    def __init__(
        self,
        folder: Path,
        payer: Keypair,
        clock: HandClock,
        *,
        reset: bool = False,
        mode: ClockMode | None = None,
        indexed_at_once: int = INDEXED_AT_ONCE,
        capacity: int = 20_000,
        genesis: Genesis | None = None,
    ) -> None:
        self.log: list[str] = []
        self.ledger = Ledger(folder, reset=reset, notice=self.log.append, indexed_at_once=indexed_at_once)
        genesis = genesis or Genesis(programs={}, balances={payer.pubkey(): 100 * SOL})
        options = LocalnetOptions(genesis, clock=clock, notice=self.log.append, history_capacity=capacity)
        try:
            self.bank: Bank = open_bank(self.ledger, options, Timekeeper(clock, slot_seconds=0.5, mode=mode))
        except BaseException:
            self.ledger.close()
            raise
        self.chain = Chain(
            Dispatcher(RpcContext(self.bank, log=self.log.append, notice=self.log.append)), clock, payer, self.log
        )

    def end(self) -> None:
        """Stop cleanly."""
        self.ledger.close()


def file_of(folder: Path) -> Path:
    """The ledger file of a folder."""
    return folder / "ledger.sqlite"


def log_of(folder: Path) -> Path:
    """The write-ahead log of the ledger in a folder."""
    return folder / "ledger.sqlite-wal"


@contextmanager
def full_disk(path: Path, *, spare: int = 0) -> Iterator[None]:
    """Within the block, no file of this process can exceed the size of ``path`` plus ``spare`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + spare, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def as_killed(folder: Path, copy: Path) -> Path:
    """A copy of a ledger folder that is in use, as a kill at this time would leave it."""
    shutil.copytree(folder, copy)
    return copy
