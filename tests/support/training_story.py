"""A run with a treasurer whose members report figures like those of a real training: losses, rates and evaluations."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import Final

from psyche_cli.members.records import WitnessFigures, witness_record
from psyche_cli.model.committee import CommitteeSelection
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_config.load import load_run_config
from psyche_cli.solana.wallet import Wallet
from tests.support.run_driver import BLOOM_KEYS, CONFIG, MINIMAL, Failed
from tests.support.treasury_driver import TreasuryDriver

MEMBERS: Final = 4
_SLOW, _LIAR = 1, 3
"""Members whose rate is low, and whose loss is false in each fifth step."""


class TrainingStory(TreasuryDriver):
    """A run of four members, one of which is slow and one of which sometimes reports false figures."""

    repository = "example-org/tiny"
    evaluations = ("arc_easy", "hellaswag")
    data = "/srv/tokens"

    def begin(self, *, name: str, description: str = "", total_steps: int = 400) -> None:
        """Create, configure and fund the run, and start it. A stranger fails to pause it."""
        self._random = random.Random(7)
        self.create_with_treasurer()
        self.update(metadata={"name": name, "description": description, "num_parameters": 0, "vocab_size": 0})
        model = load_run_config(MINIMAL).model
        model["LLM"]["data_location"] = {"Local": self.data}
        self.update(config={**CONFIG, "epoch_time": 240, "total_steps": total_steps}, model=model)
        self.top_up(60_000_000)
        self.set_rates(earning=12_500_000, slashing=500_000)
        self.resume()
        self.add_members(MEMBERS)
        self._fail_to_pause()

    def train(self, rounds: int) -> None:
        """Begin an epoch with all members, and play this many rounds of it, or until it ends."""
        self.wait(2)
        self.start_training(*range(MEMBERS))
        for _ in range(rounds):
            self.wait(self._random.randint(2, 9))
            if self.play_round() == RunState.COOLDOWN:
                return

    def end_epoch(self) -> None:
        """Play the rounds until the end of the epoch."""
        if self.stage != RunState.COOLDOWN:
            self.play_to_cooldown()
        self.checkpoint(0, {"Hub": {"repo_id": self.repository, "revision": f"step-{self.account.step}"}})
        self.end_cooldown()

    def rest(self, seconds: int) -> None:
        """Pause the run between epochs, change its configuration, and resume it."""
        self.pause()
        self.wait(seconds)
        self.update(config={**self.account.config, "cooldown_time": self.account.config["cooldown_time"] + 1})
        self.resume()

    def witness(self, *members: int, seen: Iterable[int] | None = None) -> None:
        """Send proofs for the current round with the figures of a training."""
        run = self.look()
        clients = [client.id.wallet for client in run.account.epoch_clients]
        selection = CommitteeSelection.of(run.round, run.account.config)
        step = run.account.step
        for member in members:
            wallet = self.members[member]
            index = clients.index(wallet.address)
            record = witness_record(selection.witness_position(index), index, clients, (), BLOOM_KEYS)
            self.send(wallet, self.actions.witness(wallet.address, record, self.figures(member, step), step))
            if self.stage != RunState.ROUND_TRAIN:
                return

    def figures(self, member: int, step: int) -> WitnessFigures:
        """What a member reports about a step."""
        noise = self._random.uniform
        loss = 2.1 + 8.2 * math.exp(-step / 18) + noise(-0.12, 0.12)
        if member == _LIAR and step % 5 == 0:
            loss = math.inf if step % 10 == 0 else 90.0
        return WitnessFigures(
            loss=loss,
            tokens_per_sec=noise(9_000, 10_500) if member == _SLOW else noise(15_200, 17_500),
            bandwidth_per_sec=noise(1.9e6, 2.6e6),
            efficiency=0.9,
            evals={
                self.evaluations[0]: 0.25 + 0.38 * (1 - math.exp(-step / 25)) + noise(-0.01, 0.01),
                self.evaluations[1]: 0.25 + 0.2 * (1 - math.exp(-step / 45)) + noise(-0.01, 0.01),
            },
        )

    def _fail_to_pause(self) -> None:
        stranger = Wallet.generate()
        self.rpc.request_airdrop(stranger.address, 10**9)
        pause = self.build.set_paused(
            authority=stranger.address,
            instance=self.instance.address,
            account=self.instance.coordinator_account,
            paused=True,
        )
        try:
            self.send(stranger, pause)
        except Failed:
            return
        raise AssertionError("a stranger paused the run")
