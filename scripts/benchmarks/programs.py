"""The on-chain stand-ins: their sizes, and the compute units of every instruction."""

from __future__ import annotations

from psyche_cli.lifecycle import instructions as steps
from psyche_cli.resources import program_path
from scripts.benchmarks.table import Table
from tests.programs.chain import COORDINATOR, COORDINATOR_ACCOUNT_SIZE, SYSTEM
from tests.programs.test_whole_runs import start
from tests.programs.training import Training
from tests.programs.world import World

LIMIT = 200_000
CLIENTS = 256


def measure(table: Table) -> None:
    """Print bytes and compute units."""
    table.section("on-chain stand-ins")
    for program in ("coordinator", "authorizer", "treasurer"):
        table.figure(f"{program}.so", program_path(program).stat().st_size, "bytes")
    units = _first_calls()
    for name, used in _crowd().compute_units.items():
        units[f"{name}, {CLIENTS} clients"] = used
    for name, used in sorted(units.items(), key=lambda item: item[0].lower()):
        table.figure(name, used, "compute units", f"{used / LIMIT:6.1%} of the default limit")


def _first_calls() -> dict[str, int]:
    """Each instruction that needs no client, on a fresh run; what it creates is taken away beforehand."""
    units = {}
    for number in range(len(World().every_call())):
        world = World()
        call = world.every_call()[number]
        for slot in call.slots:
            if slot.kind == "new":
                world.chain.put(slot.address, b"", SYSTEM, 0)
        for account in (world.plain_account, world.account) if call.name in ("init_coordinator", "run_create") else ():
            world.chain.put(account, bytes(COORDINATOR_ACCOUNT_SIZE), COORDINATOR)
            world.chain.put(world.instance, b"", SYSTEM, 0)
        if call.name == "authorization_close":
            world.chain.must(world.authorization_grantor_update(active=False).instruction())
        outcome = world.chain.send(call.instruction())
        if outcome.code is None:
            units[call.name] = outcome.compute_units
    return units


def _crowd() -> Training:
    """A run with as many clients as fit, taken through an epoch and everything in it."""
    training = start(CLIENTS)
    training.warm_up()
    training.train(2)
    training.witness_round(seen=lambda wallet: wallet != training.wallets[200])
    training.end_round()
    training.report(training.wallets[200], training.wallets[255])
    training.train_until_cooldown()
    training.must(steps.Checkpoint({"Hub": {"repo_id": "a/b", "revision": None}}), training.wallets[255])
    training.cool_down()
    training.join()
    training.must(steps.SetFutureEpochRates(1, 1))
    training.tick(3)
    training.must(steps.SetPaused(True))
    return training
