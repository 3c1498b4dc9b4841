"""Parallel load and mutated requests: first small tests that are easy to debug, then more of both in a process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from tests.localnet.harness import start_chain
from tests.localnet.load import Load, mutated_requests
from tests.support.patience import PATIENCE


def test_parallel_senders_leave_the_state_of_a_serial_replay_and_a_bounded_history() -> None:
    load = Load(16, 100, history=300)
    asyncio.run(load.run())
    assert len(load.executed) == 1600
    assert load.state_equals_serial_replay()
    records = load.bank.history.records()
    assert [record.raw for record in records] == load.executed[-300:]
    of_wallets = {
        found.signature
        for wallet in load.wallets
        for found in load.bank.history.of_address(wallet.pubkey(), limit=1000)
    }
    assert of_wallets == {str(record.signature) for record in records}
    assert load.bank.history.total == 1600


def test_mutated_requests_never_end_in_an_internal_error() -> None:
    chain = start_chain()
    for body in mutated_requests(7, 4000):
        answer = chain.dispatcher.handle(body)
        if answer:
            decoded = json.loads(answer)
            for item in decoded if isinstance(decoded, list) else [decoded]:
                assert item.get("error", {}).get("message") != "Internal error", (body, chain.log)
    assert chain.result("getHealth") == "ok"


def test_load_in_a_process_of_its_own(full: bool) -> None:
    """With bounded memory: a tenth of the load unless ``--full``, which takes more than a minute of CPU."""
    part, transactions, requests = (1, "2,000", "100,000") if full else (10, "200", "10,000")
    command = [sys.executable, "-m", "tests.localnet.load", str(part)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"16 connections x {transactions} transactions" in done.stdout
    assert f"{requests} mutated requests" in done.stdout
