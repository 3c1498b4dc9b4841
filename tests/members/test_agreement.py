"""Every transaction of simulated members has the effect that the model predicts, byte for byte."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from psyche_cli.environment import SystemClock
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.members.crowd import Crowd, Habits, simulated_wallets
from psyche_cli.members.local_validator import clock_of_local_validator
from psyche_cli.members.play import play
from psyche_cli.model.coordinator_model import apply
from psyche_cli.model.execution import Clock
from psyche_cli.model.from_instruction import instruction_from_arguments
from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.instructions.idl_decoder import idl_instruction
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.protocol.run_states import RunState
from tests.members.conftest import StillRun
from tests.programs.coordinator_bytes import decode
from tests.support.counts import repetitions
from tests.support.run_driver import CONFIG

SEEDS = range(repetitions(16))


class Replay:
    """A listener of the bank that executes each transaction of the run in the model too, and compares the accounts.

    ``coordinator_bytes`` decodes the bytes, independently of the package.
    """

    def __init__(self, run: StillRun) -> None:
        self._bank, self._address = run.bank, run.instance.coordinator_account
        self.state = self._on_chain()
        self.compared = 0
        self.states: set[RunState] = set()
        run.bank.listeners.append(self)

    def on_transaction(self, record: TransactionRecord) -> None:
        if self._address not in record.keys:
            return
        for instruction in record.decoded.message.instructions:
            if record.keys[instruction.program_id_index] != PUBLISHED.coordinator:
                continue
            decoded = idl_instruction("coordinator", bytes(instruction.data))
            step = instruction_from_arguments(decoded.name, decoded.arguments)
            assert step is not None
            signer = record.keys[instruction.accounts[0]]
            outcome = apply(self.state, step, bytes(signer), Clock(record.unix_time, record.slot))
            assert outcome.succeeded == (record.error is None), (decoded, outcome, record.logs)
            self.state = outcome.state
        assert self._on_chain() == self.state, decoded.name
        self.states.add(self.state.run_state)
        self.compared += 1

    def _on_chain(self) -> CoordinatorState:
        account = self._bank.accounts.get(self._address)
        assert account is not None
        return decode(account.data)

    def on_account(self, _: object) -> None: ...
    def on_block(self, _: object) -> None: ...
    def on_restore(self) -> None: ...


@pytest.mark.parametrize("seed", SEEDS)
def test_every_transaction_of_a_played_run_does_what_the_model_predicts(
    new_run: Callable[[], StillRun], seed: int
) -> None:
    chance = random.Random(seed)
    clients = chance.choice([1, 2, 3, 5, 8, 13, 40])
    absent = chance.choice([0, 0, min(clients - 1, 1), clients // 3])
    needed = chance.randint(1, clients)
    run = new_run()
    run.create(
        {
            **CONFIG,
            "min_clients": min(2, needed),
            "init_min_clients": needed,
            "witness_nodes": chance.choice([0, 0, 1, min(2, needed)]),
            "global_batch_size_start": chance.randint(1, 60),
            "global_batch_size_end": chance.randint(60, 90),
            "global_batch_size_warmup_tokens": chance.choice([0, 100_000]),
            "total_steps": chance.randint(12, 40),
            "epoch_time": chance.randint(25, 90),
        }
    )
    run.set_rates(earning=chance.randint(0, 10**9))
    run.resume()
    replay = Replay(run)
    crowd = Crowd(
        run.rpc,
        run.run_id,
        simulated_wallets(run.run_id, seed, clients),
        seed=seed,
        habits=Habits(absent=absent),
        clock=SystemClock(),
    )
    advance = clock_of_local_validator(run.rpc, SystemClock())
    pause_at = chance.randint(2, 8)
    play(crowd, lambda now: now.account.step >= pause_at, advance)
    if not run.stage.is_halted:
        run.pause()
        play(crowd, lambda _: False, advance)
    if run.stage == RunState.PAUSED and run.state.step < run.account.config["total_steps"]:
        run.set_rates(earning=7)
        run.resume()
        play(crowd, lambda now: now.account.epoch >= 4, advance)
    assert replay.compared >= crowd.sent.total() - crowd.sent["claim"] > 10
    assert not crowd.refused
    assert replay.states >= {RunState.WARMUP, RunState.ROUND_TRAIN, RunState.ROUND_WITNESS, RunState.COOLDOWN}


def test_the_same_seed_gives_the_same_run(new_run: Callable[[], StillRun]) -> None:
    def played(seed: int) -> bytes:
        run = new_run()
        run.create()
        run.resume()
        wallets = simulated_wallets(run.run_id, seed, 6)
        crowd = Crowd(run.rpc, run.run_id, wallets, seed=seed, clock=SystemClock())
        advance = clock_of_local_validator(run.rpc, SystemClock())
        play(crowd, lambda now: now.account.step >= 9, advance)
        return bytes(run.account.image)

    assert played(7) == played(7)
    assert played(8) != played(7)
