"""A sync in a process that is killed: ``python -m tests.history.killed URL FOLDER RUN_ID SEED SECONDS``.

SIGALRM, for which Python has no handler, ends the process SECONDS after the beginning of the sync, as SIGKILL would.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from psyche_cli.history.decoding import decode_new
from psyche_cli.history.file import HistoryFile, history_path
from psyche_cli.history.store import History
from psyche_cli.history.sync import sync
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.http import HttpTransport
from tests.history.faulty import FaultyTransport
from tests.solana.scripted import FakeClock


def main(url: str, folder: str, run_id: str, seed: str, seconds: str) -> None:
    """Sync through a faulty endpoint, and decode."""
    clock = FakeClock()
    genesis_hash = str(RpcClient(HttpTransport(url), clock).genesis_hash())
    history = History(HistoryFile(history_path(Path(folder), genesis_hash, run_id)))
    lanes = [RpcClient(FaultyTransport(HttpTransport(url), int(seed) + lane, rate=0.1), clock) for lane in range(2)]
    signal.setitimer(signal.ITIMER_REAL, float(seconds))
    sync(history.file, lanes, run_id, genesis_hash, programs=PUBLISHED, clock=clock)
    decode_new(history, PUBLISHED)


if __name__ == "__main__":
    main(*sys.argv[1:])
