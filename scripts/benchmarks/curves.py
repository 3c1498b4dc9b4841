"""Curves: CPU time of reading them from a history, and the memory that those of 100,000 transactions take.

``python -m scripts.benchmarks.curves FOLDER`` prints the figures as JSON. The run is really played; for the memory, its
events are repeated with further steps, without the replay of the run, which keeps no more for a longer one.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from psyche_cli.curves.points import reduced
from psyche_cli.curves.reading import CurveReader, read
from psyche_cli.environment import SystemClock
from psyche_cli.history.decoding import decode_new
from psyche_cli.history.file import HistoryFile, history_path
from psyche_cli.history.moments import Moment
from psyche_cli.history.states import Happened, RunStates
from psyche_cli.history.store import History
from psyche_cli.history.sync import sync
from psyche_cli.localnet.in_process import InProcessValidator
from psyche_cli.members.owned_run import OwnedRun
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.run_config.examples import find_example
from psyche_cli.run_config.load import load_run_config
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.wallet import Wallet
from scripts.benchmarks.history import megabytes

_RUN_ID: Final = "bench"
_EPOCHS: Final = 5
_TRANSACTIONS: Final = 100_000
_DRAWN: Final = 2_000


def _repeated(events: Sequence[Happened], count: int) -> Iterator[Happened]:
    """The events of a run over and over, with further steps, for about ``count`` transactions."""
    transactions = len({one.transaction.signature for one in events})
    steps = max(one.after.state.step for one in events if one.after.state is not None)
    for number in range(-(-count // transactions)):
        moments: dict[int, Moment] = {}
        for one in events:
            before, after = (_later(moment, number * steps, moments) for moment in (one.before, one.after))
            yield one._replace(before=before, after=after)


def _later(moment: Moment, steps: int, moments: dict[int, Moment]) -> Moment:
    state = moment.state
    if state is None:
        return moment
    if id(moment) not in moments:
        progress = {**state.progress, "step": state.step + steps}
        moments[id(moment)] = moment._replace(state=replace(state, progress=progress))
    return moments[id(moment)]


def main(folder: str) -> None:
    """Measure the curves of a run."""
    found: dict[str, tuple[float, str]] = {}
    with InProcessValidator() as validator:
        rpc = RpcClient(validator.open_transport(), SystemClock())
        run = OwnedRun(rpc, Wallet.generate(), _RUN_ID)
        rpc.request_airdrop(run.owner.address, 10**11)
        file = load_run_config(find_example("minimal").path)
        run.create(file.config, file.model)
        run.resume()
        run.play(lambda now: now.account.epoch >= _EPOCHS or now.state.is_halted, clients=4)
        genesis = str(rpc.genesis_hash())
        with closing(History(HistoryFile(history_path(Path(folder), genesis, _RUN_ID)))) as history:
            sync(history.file, [rpc], _RUN_ID, genesis, programs=PUBLISHED, clock=SystemClock())
            decode_new(history, PUBLISHED)
            [incarnation] = history.incarnations()
            count = history.totals().transactions
            started = time.process_time()
            reader = read(history, incarnation, PUBLISHED)
            found["reading 1,000 transactions, with the replay"] = (
                (time.process_time() - started) / count * 1_000_000,
                "ms CPU",
            )
            events = [*RunStates(history, incarnation, PUBLISHED).happened()]
            before = megabytes()
            reader = CurveReader(history, incarnation, PUBLISHED)
            started = time.process_time()
            for one in _repeated(events, _TRANSACTIONS):
                reader.follow(one)
            found["collecting 100,000 transactions, without the replay"] = (
                (time.process_time() - started) * 1000,
                "ms CPU",
            )
            curves = reader.curves()
            found["points of their curves"] = (sum(len(one.points) for one in curves), "")
            found["memory that they add"] = (megabytes() - before, "MB")
            started = time.process_time()
            for curve in curves:
                reduced(curve.points, _DRAWN)
            found["reducing them for drawing"] = ((time.process_time() - started) * 1000, "ms CPU")
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
