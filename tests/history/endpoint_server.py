"""An HTTP endpoint over a validator in this process that fails at random, and kills its client at a chosen request."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from psyche_cli.transport import Transport
from tests.support.patience import PATIENCE


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None: ...  # of a client that was killed


class RandomEndpoint:
    """An endpoint at ``url`` that answers a request with a fault with the probability ``rate``.

    Faults are the statuses 429, with and without Retry-After, and 5xx, a response that never comes, a lost connection,
    an answer that is cut off, one that is no JSON, and parts of a batch that are refused or not found. ``faults``
    counts them by their names. ``at_request`` are called before the request with this number, from now on.
    """

    def __init__(self, inner: Transport, seed: int, rate: float) -> None:
        self.faults: Counter[str] = Counter()
        self.stopped = threading.Event()
        self._inner = inner
        self._random = random.Random(seed)
        self._rate = rate
        self._lock = threading.Lock()
        self._requests = 0
        self._calls: dict[int, Callable[[], object]] = {}
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                endpoint.respond(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = _QuietServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def at_request(self, number: int, call: Callable[[], object]) -> None:
        """Call ``call`` when the request with this number arrives, counted from now on."""
        with self._lock:
            self._calls = {self._requests + number: call}

    def respond(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Handle one request."""
        with self._lock:  # the validator is used by one thread at a time
            self._requests += 1
            call = self._calls.pop(self._requests, None)
            fault = self._random.choice(FAULTS) if self._random.random() < self._rate else ""
            self.faults[fault] += fault != ""
            content = self._inner.send(body, timeout=PATIENCE)
            if fault in ("refused", "not found"):
                content = self._changed(json.loads(body), json.loads(content), fault)
        if call is not None:
            call()
        match fault:
            case "timeout":
                self.stopped.wait(PATIENCE)
                handler.close_connection = True
            case "lost":
                handler.close_connection = True
            case "cut off":
                _write(handler, 200, content[: len(content) // 2], length=len(content))
                handler.close_connection = True
            case "half of a document":
                _write(handler, 200, content[: len(content) // 2])
            case "no JSON":
                _write(handler, 200, b"<html>Bad gateway</html>")
            case "429" | "500" | "502" | "503" | "504":
                _write(handler, int(fault), b"")
            case "429 with Retry-After":
                _write(handler, 429, b"", retry_after=self._random.randrange(4))
            case _:
                _write(handler, 200, content)

    def _changed(self, request: Any, answer: Any, fault: str) -> bytes:
        requests, answers = (one if isinstance(one, list) else [one] for one in (request, answer))
        methods = {one["id"]: one["method"] for one in requests}
        for one in answers:
            if self._random.random() < 0.5:
                continue
            if fault == "refused":
                one.pop("result", None)
                one["error"] = {"code": 429, "message": "Too many requests"}
            elif methods[one["id"]] == "getTransaction":
                one["result"] = None
        return json.dumps(answer).encode()


FAULTS = (
    *("429", "429 with Retry-After", "500", "502", "503", "504", "timeout", "lost", "cut off", "half of a document"),
    *("no JSON", "refused", "not found"),
)


def _write(
    handler: BaseHTTPRequestHandler,
    status: int,
    content: bytes,
    *,
    length: int | None = None,
    retry_after: int | None = None,
) -> None:
    try:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content) if length is None else length))
        if retry_after is not None:
            handler.send_header("Retry-After", str(retry_after))
        handler.end_headers()
        handler.wfile.write(content)
    except ConnectionError:  # the client was killed
        handler.close_connection = True


@contextmanager
def random_endpoint(inner: Transport, seed: int, rate: float) -> Iterator[RandomEndpoint]:
    """Run an endpoint until the block ends."""
    endpoint = RandomEndpoint(inner, seed, rate)
    thread = threading.Thread(target=endpoint.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.stopped.set()
        endpoint.server.shutdown()
        thread.join()
        endpoint.server.server_close()
