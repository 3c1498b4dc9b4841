"""Runs of 10 epochs, played by simulated members on a local validator in a process of its own."""

from __future__ import annotations

import time

from psyche_cli.environment import SystemClock
from psyche_cli.localnet.process import LocalValidatorProcess
from psyche_cli.members.next_step import Memory, next_step
from psyche_cli.members.owned_run import OwnedRun
from psyche_cli.members.run_now import RunNow
from psyche_cli.members.view import RunView
from psyche_cli.run_config.examples import find_example
from psyche_cli.run_config.load import load_run_config
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.wallet import Wallet
from scripts.benchmarks.table import Table, milliseconds

_EPOCHS = 10


def measure(table: Table) -> None:
    """Play runs with few and many members, and decide what 64 members do next."""
    table.section(f"members: localnet play, {_EPOCHS} epochs of configs/minimal.toml")
    for clients, note in ((4, ""), (64, "target: under 60 s")):
        _play(table, clients, note)


def _play(table: Table, clients: int, note: str) -> None:
    file = load_run_config(find_example("minimal").path)
    with LocalValidatorProcess() as validator:
        transport = validator.open_transport()
        run = OwnedRun(RpcClient(transport, SystemClock()), Wallet.generate(), "bench")
        run.rpc.request_airdrop(run.owner.address, 100 * 10**9)
        run.create({**file.config, "global_batch_size_end": 256}, file.model)
        run.resume()
        started, worked = time.perf_counter(), time.process_time()
        played = run.play(lambda now: now.account.epoch == _EPOCHS, clients=clients)
        seconds = time.perf_counter() - started
        worked = time.process_time() - worked
        table.time(f"{clients} members, {played.rounds} rounds", [seconds * 1000], note)
        table.figure("CPU time of the members' process", worked * 1000, "ms")
        run.play(lambda now: now.state.text == "Training", clients=clients)
        now = run.look()
        decide = milliseconds(lambda: _decide(RunNow(now.account, now.clock)), 9)
        table.time(f"what {clients} members do next in a round", decide)
        transport.close()


def _decide(run: RunNow) -> None:
    for client in run.account.epoch_clients:
        next_step(RunView(run, client.id.wallet), Memory())
