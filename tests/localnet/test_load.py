"""Parallel load and mutated requests: small ones whose failure is easy to read, then the full ones in a process."""

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
        record.signature for wallet in load.wallets for record in load.bank.history.of_address(wallet.pubkey())
    }
    assert of_wallets == {record.signature for record in records}
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


def test_the_full_load() -> None:
    """16 connections x 2,000 transactions and 100,000 mutated requests, with bounded memory; about 20 seconds."""
    command = [sys.executable, "-m", "tests.localnet.load"]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "16 connections x 2,000 transactions" in done.stdout
    assert "100,000 mutated requests" in done.stdout
