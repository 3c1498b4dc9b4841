"""The dashboard of a run with 10,000 and 100,000 transactions: its first reading, updates, documents, and memory.

``python -m scripts.benchmarks.dashboard FOLDER COUNT`` measures one in a process of its own, and prints the figures as
JSON. The transactions are those of ``scripts.benchmarks.history``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from psyche_cli.environment import SystemClock
from psyche_cli.history.decoding import decode_new
from psyche_cli.history.file import HistoryFile, history_path
from psyche_cli.history.store import History
from psyche_cli.history.sync import sync
from psyche_cli.operations.curves.data import curves_data
from psyche_cli.operations.dashboard.documents import ClusterNow
from psyche_cli.operations.dashboard.export import MOST_POINTS as MOST_EXPORTED
from psyche_cli.operations.dashboard.export import MOST_TRANSACTIONS
from psyche_cli.operations.dashboard.page import exported_page
from psyche_cli.operations.dashboard.run_feed import MOST_POINTS
from psyche_cli.operations.dashboard.story import RunStory
from psyche_cli.operations.dashboard.texts import document_text
from psyche_cli.operations.dashboard.transaction_log import RowFilter
from psyche_cli.operations.dashboard.view import run_view, told
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.rpc.client import RpcClient
from scripts.benchmarks.history import GENESIS, RUN_ID, megabytes, repeated_run
from scripts.benchmarks.table import Table

_COUNTS: Final = (10_000, 100_000)
_NEW: Final = 100
_CLUSTER: Final = ClusterNow("bench", GENESIS, 1_700_000_000, 1, 1_700_000_000.0, None)


def measure(table: Table, folder: Path) -> None:
    """Measure dashboards of histories of different sizes, each in a process of its own."""
    for count in _COUNTS:
        table.section(f"dashboard: a run with {count:,} transactions")
        words = [sys.executable, "-m", "scripts.benchmarks.dashboard", str(folder / str(count)), str(count)]
        found = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
        for label, (value, unit) in found.items():
            table.figure(label, value, unit)


def main(folder: str, count: int) -> None:
    """Measure one dashboard. The history is read in advance."""
    found: dict[str, tuple[float, str]] = {}
    endpoint = repeated_run(count)

    def timed(label: str, action: Any) -> Any:
        started = time.process_time()
        result = action()
        found[label] = ((time.process_time() - started) * 1000, "ms CPU")
        return result

    with closing(History(HistoryFile(history_path(Path(folder), GENESIS, RUN_ID)))) as history:

        def read() -> None:
            rpc = RpcClient(endpoint, SystemClock())
            sync(history.file, [rpc], RUN_ID, GENESIS, programs=PUBLISHED, clock=SystemClock())
            decode_new(history, PUBLISHED)

        read()
        before = megabytes()
        with closing(RunStory(history, PUBLISHED)) as story:
            timed("first reading from the history", lambda: story.update(lambda _: True))
            curves = timed("curves", lambda: _curves(story, MOST_POINTS))
            view = timed("the run", lambda: run_view("address", RUN_ID, _CLUSTER, None, told(story)))
            found["memory that they add"] = (megabytes() - before, "MB")
            found["document about the run"] = (len(document_text(view, str)) / 1024, "kB")
            found["document with the curves"] = (len(document_text(curves, str)) / 1024, "kB")
            last = story.log.total
            timed("the oldest page of transactions", lambda: story.log.page(50, before=51))
            timed("a page of a kind", lambda: story.log.page(50, before=last // 2, only=RowFilter(kind="witness")))
            timed("a page of failed ones", lambda: story.log.page(50, only=RowFilter(failed=True)))
            timed("update without news", lambda: story.update(lambda _: True))
            endpoint.count += _NEW
            read()
            timed(f"update with {_NEW} new transactions", lambda: story.update(lambda _: True))
            if story.log.total != count + _NEW:
                raise AssertionError(story.log.total)
            still = run_view("address", RUN_ID, _CLUSTER, None, told(story, latest=MOST_TRANSACTIONS))
            page = exported_page(document_text({"run": still, "curves": _curves(story, MOST_EXPORTED)}, str))
            found["page in a file"] = (len(page.html) / 1024, "kB")
    found["peak memory of the process"] = (megabytes(), "MB")
    print(json.dumps(found))


def _curves(story: RunStory, most: int) -> Any:
    if story.curves is None or story.incarnation is None:
        raise AssertionError("the run is not in the history")
    return curves_data(RUN_ID, story.incarnation, story.curves, story.totals, most=most)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
