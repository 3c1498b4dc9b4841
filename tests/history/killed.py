"""A sync in a process that is killed: ``python -m tests.history.killed URL FOLDER RUN_ID GENESIS``.

It prints a line before the sync, and another one before what it has read is decoded.
"""

from __future__ import annotations

import sys
from pathlib import Path

from psyche_cli.history.decoding import decode_new
from psyche_cli.history.file import HistoryFile, history_path
from psyche_cli.history.store import History
from psyche_cli.history.sync import sync
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.http import HttpTransport
from tests.solana.scripted import FakeClock

LANES = 3
TIMEOUT = 0.5
"""Seconds after which a request is given up. Pauses are not waited for."""


def main(url: str, folder: str, run_id: str, genesis_hash: str) -> None:
    """Sync over several connections, and decode."""
    clock = FakeClock()
    history = History(HistoryFile(history_path(Path(folder), genesis_hash, run_id)))
    lanes = [RpcClient(HttpTransport(url), clock, timeout=TIMEOUT) for _ in range(LANES)]
    _say("syncing")
    sync(history.file, lanes, run_id, genesis_hash, programs=PUBLISHED, clock=clock)
    _say("decoding")
    decode_new(history, PUBLISHED)


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
