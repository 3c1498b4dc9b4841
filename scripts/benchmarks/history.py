"""Histories of 10,000 and 100,000 transactions: CPU time of sync, decoding and queries, and the memory that they take.

``python -m scripts.benchmarks.history FOLDER COUNT`` measures one in a process of its own, and prints the figures as
JSON. The endpoint is in that process. It repeats the transactions of a short run with other signatures and slots, and
keeps none of them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import resource
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
from psyche_cli.localnet.in_process import InProcessValidator
from psyche_cli.members.owned_run import OwnedRun
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.run_config.examples import find_example
from psyche_cli.run_config.load import load_run_config
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.wallet import Wallet
from scripts.benchmarks.table import Table

_COUNTS: Final = (10_000, 100_000)
_NEW: Final = 100
RUN_ID: Final = "bench"
GENESIS: Final = "11111111111111111111111111111111"


def measure(table: Table, folder: Path) -> None:
    """Measure histories of different sizes, each in a process of its own."""
    for count in _COUNTS:
        table.section(f"history: a run with {count:,} transactions, the endpoint in the same process")
        words = [sys.executable, "-m", "scripts.benchmarks.history", str(folder / str(count)), str(count)]
        found = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
        for label, (value, unit) in found.items():
            table.figure(label, value, unit)
    table.section("history: the curves of a run")
    words = [sys.executable, "-m", "scripts.benchmarks.curves", str(folder / "curves")]
    for label, (value, unit) in json.loads(subprocess.run(words, check=True, capture_output=True).stdout).items():
        table.figure(label, value, unit)


class RepeatedRun:
    """An endpoint with ``count`` transactions of a run, 4 in each slot. ``requests`` counts those that it gets."""

    label = "bench"

    def __init__(self, run: OwnedRun, count: int) -> None:
        self.count = count
        self.requests = 0
        rpc = run.rpc
        self._instance = str(run.instance.address)
        self._account = rpc.request("getMultipleAccounts", [[self._instance], {"encoding": "base64"}])
        listed = rpc.signatures_for_address(run.instance.address)[::-1]
        options: Any = {"encoding": "base64", "maxSupportedTransactionVersion": 0, "commitment": "confirmed"}
        self._models: list[Any] = [rpc.request("getTransaction", [str(one.signature), options]) for one in listed]

    def send(self, body: bytes, *, timeout: float) -> bytes:  # noqa: ARG002 -- answers immediately
        self.requests += 1
        request = json.loads(body)
        answers = [self._answer(one) for one in (request if isinstance(request, list) else [request])]
        return json.dumps(answers if isinstance(request, list) else answers[0]).encode()

    def close(self) -> None:
        """Nothing to close."""

    def _answer(self, request: Any) -> Any:
        return {"jsonrpc": "2.0", "id": request["id"], "result": self._result(request["method"], request["params"])}

    def _result(self, method: str, params: Any) -> Any:
        if method == "getSlot":
            return self.count // 4
        if method == "getFirstAvailableBlock":
            return 0
        if method == "getMultipleAccounts":
            return self._account
        if method == "getSignatureStatuses":
            status = {"slot": 1, "err": None, "confirmations": None, "confirmationStatus": "finalized"}
            return {"context": {"slot": 1}, "value": [status for _ in params[0]]}
        if method == "getTransaction":
            number = _number(params[0])
            model = self._model(number)
            raw = bytearray(base64.b64decode(model["transaction"][0]))
            raw[1:65] = _signature(number)
            return {**model, "slot": number // 4, "transaction": [base64.b64encode(raw).decode(), "base64"]}
        if method != "getSignaturesForAddress":
            raise AssertionError(method)
        if params[0] != self._instance:
            return []
        newest = _number(params[1]["before"]) if "before" in params[1] else self.count
        oldest = _number(params[1]["until"]) + 1 if "until" in params[1] else 0
        numbers = range(newest - 1, max(oldest, newest - 1000) - 1, -1)
        return [self._listed(number) for number in numbers]

    def _model(self, number: int) -> Any:
        """A transaction of the beginning of the run, then of its first epochs over and over."""
        first = min(10, len(self._models))
        return self._models[number if number < first else first + (number - first) % (len(self._models) - first)]

    def _listed(self, number: int) -> Any:
        err = self._model(number)["meta"]["err"]
        return {
            "signature": _base58(_signature(number)),
            "slot": number // 4,
            "err": err,
            "memo": None,
            "blockTime": 1_700_000_000,
            "confirmationStatus": "finalized",
        }


def _signature(number: int) -> bytes:
    return number.to_bytes(8, "big") + hashlib.sha512(number.to_bytes(8, "big")).digest()[:56]


def _base58(signature: bytes) -> str:
    from solders.signature import Signature

    return str(Signature.from_bytes(signature))


def _number(signature: str) -> int:
    from solders.signature import Signature

    return int.from_bytes(bytes(Signature.from_string(signature))[:8], "big")


def megabytes() -> float:
    """The peak memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def repeated_run(count: int) -> RepeatedRun:
    """An endpoint with ``count`` transactions."""
    with InProcessValidator() as validator:
        run = OwnedRun(RpcClient(validator.open_transport(), SystemClock()), Wallet.generate(), RUN_ID)
        run.rpc.request_airdrop(run.owner.address, 10**11)
        file = load_run_config(find_example("minimal").path)
        run.create(file.config, file.model)
        run.resume()
        run.play(lambda now: now.account.epoch >= 2, clients=4)
        return RepeatedRun(run, count)


def main(folder: str, count: int) -> None:
    """Measure one history."""
    found: dict[str, tuple[float, str]] = {}
    endpoint = repeated_run(count)
    with closing(History(HistoryFile(history_path(Path(folder), GENESIS, RUN_ID)))) as history:
        before = megabytes()

        def timed(label: str, action: Any) -> Any:
            started = time.process_time()
            result = action()
            found[label] = ((time.process_time() - started) * 1000, "ms CPU")
            return result

        def read() -> Any:
            rpc = RpcClient(endpoint, SystemClock())
            return sync(history.file, [rpc], RUN_ID, GENESIS, programs=PUBLISHED, clock=SystemClock())

        synced = timed("sync", read)
        if synced.totals.fetched != count:
            raise AssertionError(synced)
        found["transactions per second of CPU, with the endpoint"] = (count / found["sync"][0] * 1000, "tx/s")
        found["requests"] = (endpoint.requests, "")
        found["memory that the sync adds"] = (megabytes() - before, "MB")
        timed("decoding", lambda: decode_new(history, PUBLISHED))
        endpoint.requests = 0
        timed("sync without news", read)
        found["its requests"] = (endpoint.requests, "")
        endpoint.count += _NEW
        endpoint.requests = 0
        timed(f"sync with {_NEW} new transactions", read)
        found["its requests, with batches of 20"] = (endpoint.requests, "")
        timed("decoding them", lambda: decode_new(history, PUBLISHED))
        timed("all transactions in order", lambda: sum(1 for _ in history.transactions()))
        timed("all events in order", lambda: sum(1 for _ in history.events()))
        timed("the witnesses", lambda: sum(1 for _ in history.events(kinds=["witness"])))
        timed("numbers of everything", history.totals)
        found["peak memory of the process"] = (megabytes(), "MB")
        found["size of the file"] = (history.file.path.stat().st_size / 2**20, "MB")
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
