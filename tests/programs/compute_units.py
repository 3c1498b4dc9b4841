"""Compute units of each instruction with 256 clients, for ``scripts/bench programs``. The default limit is 200,000."""

from __future__ import annotations

import re

from psyche_cli.model import instructions as steps

from .chain import Chain, option
from .coordinator_bytes import update_arguments
from .run import Run
from .test_treasurer import earn, fill_vault
from .traces import client
from .training import Training
from .world import GOOD_CONFIG, GOOD_MODEL, World

CLIENTS = 256
DEFAULT_LIMIT = 200_000


def crowded_training() -> Training:
    """A run of 256 clients in its second epoch. The first had two health checks, accepted and rejected, and a
    checkpoint."""
    run = Run(Chain())
    training = Training(run.chain, run.accounts, [client(number) for number in range(CLIENTS)])
    training.must(steps.Update(config={**GOOD_CONFIG, "init_min_clients": CLIENTS}, model=GOOD_MODEL))
    training.must(steps.UpdateClientVersion("latest"))
    training.must(steps.SetFutureEpochRates(1000, 0))
    training.must(steps.SetPaused(False))
    training.join()
    training.warm_up()
    training.train(2)
    silent, last = training.wallets[200], training.wallets[-1]
    training.witness_round(seen=lambda wallet: wallet != silent)
    training.end_round()
    assert training.report(silent, last).code is None
    training.train_until_cooldown()
    assert training.report(training.wallets[100], last).code == 6014
    training.must(steps.Checkpoint({"Hub": {"repo_id": "a/b", "revision": None}}), last)
    training.cool_down()
    training.join()
    training.tick(GOOD_CONFIG["waiting_for_members_extra_time"])
    return training


def treasurer_and_authorizer() -> dict[str, int]:
    """The instructions of the other two programs, including inner calls."""
    world = World()
    earn(world, 10)
    fill_vault(world, 10)
    everything = update_arguments(steps.Update(config=GOOD_CONFIG, model=GOOD_MODEL)) + bytes(2) + b"\1\0"
    used = {name: outcome.compute_units for name, outcome in world.created.items()}
    for call in (
        world.run_update(everything + option(None)),
        world.participant_claim(10),
        world.authorization_grantor_update(active=False),
        world.authorization_grantee_update(world.user, world.payer),
        world.authorization_grantee_update(clear=True),
        world.authorization_close(),
        world.authorization_create(),
        world.free_coordinator(),
    ):
        used[call.name] = max(used.get(call.name, 0), world.chain.must(call.instruction()).compute_units)
    return used


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def most_used() -> dict[str, int]:
    """The maximum compute units of each of the 20 instructions, in descending order."""
    units = {snake(name): used for name, used in crowded_training().compute_units.items()} | treasurer_and_authorizer()
    return dict(sorted(units.items(), key=lambda entry: -entry[1]))
