"""Validators of the tests of members, whose clock and slots only move by warps."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from psyche_cli.environment import SystemClock
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.timekeeping import ClockMode, Timekeeper
from psyche_cli.localnet.in_process import InProcessTransport
from psyche_cli.localnet.rpc.context import RpcContext
from psyche_cli.localnet.rpc.dispatcher import Dispatcher
from psyche_cli.solana.wallet import Wallet
from tests.support.run_driver import RunDriver

START = 1_800_000_000
"""The time of a new validator."""


class StillRun(RunDriver):
    """A driver of a run on a validator of its own, whose owner has 100 SOL."""

    def __init__(self, *, in_step: bool = False) -> None:
        owner = Wallet.generate()
        clock = Timekeeper(SystemClock(), slot_seconds=0, mode=ClockMode("fixed", START))
        self.bank = Bank(Genesis(balances={owner.address: 10**11}), clock)
        super().__init__(InProcessTransport(Dispatcher(RpcContext(self.bank))), owner, in_step=in_step)


@pytest.fixture
def new_run() -> Callable[[], StillRun]:
    """Makes runs, each on a validator of its own, which its owner has yet to create."""
    return StillRun


@pytest.fixture
def run() -> StillRun:
    """A run that waits for members."""
    made = StillRun()
    made.create()
    made.resume()
    return made
