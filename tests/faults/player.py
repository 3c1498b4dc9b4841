"""The owner and the members of a run, who act at random."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.in_process import InProcessTransport
from psyche_cli.localnet.rpc.context import RpcContext
from psyche_cli.localnet.rpc.dispatcher import Dispatcher
from psyche_cli.protocol.run_states import RunState
from psyche_cli.solana.wallet import Wallet
from tests.support.treasury_driver import TreasuryDriver


class Player(TreasuryDriver):
    """Drives a run at random, also with actions that the program refuses."""

    def __init__(
        self, bank: Bank, run_id: str, owner: Wallet, members: Sequence[Wallet], chance: random.Random
    ) -> None:
        super().__init__(InProcessTransport(Dispatcher(RpcContext(bank))), owner, run_id)
        self.chance = chance
        self.members = list(members)

    def begin(self) -> None:
        """Create the run; sometimes with a treasurer and an epoch in which the members have earned points."""
        if self.chance.random() < 0.5:
            self.create()
            return
        self.create_with_treasurer()
        self.set_rates(earning=900)
        self.top_up(self.chance.choice((100, 10_000)))
        self.resume()
        self.start_training(0, 1, 2)
        self.play_to_cooldown()
        if self.chance.random() < 0.5:
            self.end_cooldown()

    def act(self) -> None:
        """One action of the owner or of a member."""
        with suppress(AssertionError, ValueError, IndexError):  # what the program refuses, or who is not in the epoch
            self._choose()()

    def _choose(self) -> Callable[[], object]:
        chance, stage = self.chance, self.stage
        member = chance.randrange(4)
        by_stage: dict[RunState, list[Callable[[], object]]] = {
            RunState.WAITING_FOR_MEMBERS: [lambda: self.join(member)] * 3 + [lambda: self.tick(5)],
            RunState.WARMUP: [lambda: self.report_warmup(member)] * 3 + [lambda: self.tick(10), lambda: self.wait(1)],
            RunState.ROUND_TRAIN: [lambda: self.witness(member)] * 4
            + [lambda: self.tick(20), lambda: self.join(member), lambda: self.wait(1)],
            RunState.ROUND_WITNESS: [lambda: self.tick(3)] * 3 + [lambda: self.witness(member)],
            RunState.COOLDOWN: [
                lambda: self.tick(7),
                lambda: self.checkpoint(member, {"Hub": {"repo_id": "a/b", "revision": None}}),
            ],
        }
        if stage.is_halted:
            usual: list[Callable[[], object]] = [self.resume, self.resume, self._set_version, self._update_and_resume]
        else:
            usual = by_stage[stage] * 2
        rare: list[Callable[[], object]] = [
            self.tick,
            self.pause if chance.random() < 0.3 else self.tick,
            lambda: self.set_rates(earning=chance.randrange(1000)),
            lambda: self.report_absent(member, chance.randrange(4)),
            lambda: self.wait(chance.randrange(1, 30)),
            lambda: self.update(metadata=_metadata(chance)),
        ]
        if self.mint is not None:
            rare += [
                lambda: self.claim(member, chance.choice((1, 100, 300))),
                lambda: self.claim(member, chance.choice((0, 1, 100))),
                lambda: self.claim(member, 1),
                lambda: self.top_up(chance.randrange(1, 500)),
                lambda: self.top_up(1, 2),
                lambda: self.mint_into_vault(5),
                self._resume_with_rates,
            ] * 2
        return chance.choice(usual * 3 + rare)

    def _set_version(self) -> None:
        version = self.chance.choice(("a", "b"))
        self.send(self.owner, self.change("update_client_version", new_version=version))

    def _update_and_resume(self) -> None:
        """Two instructions in one transaction, of which nobody sees the state between them."""
        update = self.change("update", metadata=_metadata(self.chance))
        self.send(self.owner, update, self.change("set_paused", paused=False))

    def _resume_with_rates(self) -> None:
        """One instruction of the treasurer, which calls two of the coordinator."""
        self.send(self.owner, self.change("run_update", earning_rate=self.chance.randrange(1000), paused=False))

    def end(self, again: bool) -> None:
        """Close the run if that is possible, and create another one with the same id."""
        with suppress(AssertionError):
            if not self.stage.is_halted:
                self.pause()
            self.close()
            if again:
                self.create()


def _metadata(chance: random.Random) -> dict[str, Any]:
    return {"name": f"name {chance.randrange(99)}", "description": "", "num_parameters": 1, "vocab_size": 1}
