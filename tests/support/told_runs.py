"""A run with everything that a dashboard shows: epochs, pauses, changes, rewards, claims and failures."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Final

from psyche_cli.members.run_now import RunNow
from psyche_cli.solana.wallet import Wallet
from tests.support.run_driver import CONFIG, Failed
from tests.support.treasury_driver import TreasuryDriver

HOSTILE: Final = "</script><script>alert(1)</script><!-- \u2028 & \"'"
"""A name that is markup, and ends a line of JavaScript."""
_AIRDROP: Final = 10**9
_EPOCH: Final = {"epoch_time": 120, "total_steps": 60}


def tell(run: TreasuryDriver, *, name: str = "Tiny Llama", epochs: int = 3) -> None:
    """Play a run with a treasurer in real transactions: some fail, and it ends in the round of an epoch.

    Each of the ``epochs`` is followed by a pause, during which the owner changes the configuration.
    """
    run.create_with_treasurer()
    description = "A small model, for tests."
    run.update(metadata={"name": name, "description": description, "num_parameters": 15_000_000, "vocab_size": 32_000})
    run.update(config={**CONFIG, **_EPOCH})
    run.top_up(10**9)
    run.set_rates(earning=1_500_000)
    for number in range(epochs):
        run.resume()
        _fail_to_pause(run)
        run.play(partial(_reached, epoch=run.look().account.epoch + 1), clients=4, seed=number)
        run.pause()
        run.wait(600)
        run.update(config={**CONFIG, **_EPOCH, "total_steps": 60 + 20 * (number + 1), "cooldown_time": 7 + number})
    run.resume()
    run.play(lambda now: now.account.run_state.text == "Training" and now.account.step % 3 == 0, clients=4)


def _reached(now: RunNow, epoch: int) -> bool:
    return now.account.epoch >= epoch


def _fail_to_pause(run: TreasuryDriver) -> None:
    """Send a transaction that fails: a stranger pauses the run."""
    stranger = Wallet.generate()
    run.rpc.request_airdrop(stranger.address, _AIRDROP)
    pause = run.build.set_paused(
        authority=stranger.address,
        instance=run.instance.address,
        account=run.instance.coordinator_account,
        paused=True,
    )
    with suppress(Failed):
        run.send(stranger, pause)
