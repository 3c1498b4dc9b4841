"""The story of a run id on a local validator: several incarnations, members that train, claims, and failures."""

from __future__ import annotations

from contextlib import suppress

from solders.pubkey import Pubkey

from psyche_cli.environment import SystemClock
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.timekeeping import ClockMode, Timekeeper
from psyche_cli.localnet.in_process import InProcessTransport
from psyche_cli.localnet.rpc.context import RpcContext
from psyche_cli.localnet.rpc.dispatcher import Dispatcher
from psyche_cli.protocol.addresses import ANYONE, authorization_address
from psyche_cli.solana.wallet import Wallet
from psyche_cli.transport import Transport
from tests.support.run_driver import Failed
from tests.support.treasury_driver import TreasuryDriver

START = 1_800_000_000
"""The time of a new validator."""
_LAMPORTS = 10**11


class Story(TreasuryDriver):
    """The story of a run id, told by its owner at the validator behind ``transport``.

    ``addresses`` are those of the run so far: all that a history must contain.
    """

    def __init__(self, transport: Transport, owner: Wallet, run_id: str = "story", *, in_step: bool = False) -> None:
        super().__init__(transport, owner, run_id, in_step=in_step)
        self.addresses: set[Pubkey] = set()

    def tell(self, epochs: int = 1) -> None:
        """Two incarnations without a treasurer, each closed after some members have trained, then one with a treasurer.

        Each has ``epochs`` epochs, and some transactions that fail.
        """
        for _ in range(2):
            self.create()
            self._remember()
            self.live(epochs)
            self.pause_for_good()
            self.close()
        self.create_with_treasurer()
        self._remember()
        self.top_up(10**6)
        self.set_rates(earning=100)
        self.live(epochs)
        with suppress(Failed):  # whoever has earned nothing
            self.claim(0, 1)

    def begin(self) -> None:
        """Create a run, and let three members join it."""
        self.create()
        self._remember()
        self.resume()
        self.join(0, 1, 2)

    def live(self, epochs: int = 1) -> None:
        """Let members join and train, and others try what they may not."""
        first = len(self.members)
        newcomers = range(first, first + 3)
        self.resume()
        self.join(*newcomers)
        self.fail_to_tick()
        goal = self.look().account.epoch + epochs
        self.play(lambda run: run.account.epoch >= goal, clients=4)
        self.fail_to_tick()

    def pause_for_good(self) -> None:
        """Pause the run, and play until it is paused."""
        self.pause()
        self.play(lambda run: run.state.is_halted, clients=4)

    def fail_to_tick(self) -> None:
        """Send a transaction that fails: a stranger changes the run."""
        stranger = Wallet.generate()
        self.rpc.request_airdrop(stranger.address, 10**8)
        change = self.build.set_paused(
            authority=stranger.address,
            instance=self.instance.address,
            account=self.instance.coordinator_account,
            paused=True,
        )
        with suppress(Failed):
            self.send(stranger, change)

    def _remember(self) -> None:
        permit = authorization_address(self.owner.address, ANYONE)
        self.addresses |= {self.instance.address, self.instance.coordinator_account, permit}
        if self.treasury is not None:
            self.addresses |= {self.treasury.run, self.treasury.vault}


class StillStory(Story):
    """A story at a validator of its own in this process, whose clock and slots only move by warps."""

    def __init__(self, *, slot_seconds: float = 0, run_id: str = "story", in_step: bool = False) -> None:
        owner = Wallet.generate()
        clock = Timekeeper(SystemClock(), slot_seconds=slot_seconds, mode=ClockMode("fixed", START))
        self.bank = Bank(Genesis(balances={owner.address: _LAMPORTS}), clock)
        self.dispatcher = Dispatcher(RpcContext(self.bank))
        super().__init__(InProcessTransport(self.dispatcher), owner, run_id, in_step=in_step)

    @property
    def recorded(self) -> list[str]:
        """The signatures of the run's transactions in the validator's own record, in the order of execution."""
        return [str(one.signature) for one in self.bank.history.records() if self.addresses.intersection(one.keys)]

    def transport(self) -> InProcessTransport:
        """A new transport to the validator."""
        return InProcessTransport(self.dispatcher)
