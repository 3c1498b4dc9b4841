"""An HTTP proxy in front of a validator, on a port of its own, that lags, refuses, stalls or breaks off on demand."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.support.patience import PATIENCE


class FaultyProxy:
    """A proxy of the validator at ``target``.

    ``fault`` is None, an HTTP status, "stall" or "disconnect"; ``retry_after`` goes with a status. ``lag`` is
    subtracted from the slots that it reports, and ``genesis`` replaces the genesis hash. ``methods`` are those of the
    requests.
    """

    def __init__(self, target: str) -> None:
        self.fault: int | str | None = None
        self.retry_after: int | None = None
        self.lag = 0
        self.genesis: str | None = None
        self.methods: list[str] = []
        self.stopped = threading.Event()
        self._target = urlsplit(target).netloc
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                proxy.respond(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def respond(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Handle one request."""
        request = json.loads(body)
        self.methods.append("+".join(one["method"] for one in (request if isinstance(request, list) else [request])))
        if self.fault == "stall":
            self.stopped.wait(PATIENCE)
        if self.fault in ("stall", "disconnect"):
            handler.close_connection = True
            return
        if isinstance(self.fault, int):
            self._write(handler, self.fault, b"<html>fault</html>")
            return
        connection = http.client.HTTPConnection(self._target, timeout=PATIENCE)
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        answers = {one["id"]: one for one in (answer if isinstance(answer, list) else [answer])}
        for one in request if isinstance(request, list) else [request]:
            if one["method"] == "getSlot":
                answers[one["id"]]["result"] -= self.lag
            elif one["method"] == "getGenesisHash" and self.genesis is not None:
                answers[one["id"]]["result"] = self.genesis
        self._write(handler, 200, json.dumps(answer).encode())

    def _write(self, handler: BaseHTTPRequestHandler, status: int, content: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content)))
        if self.retry_after is not None:
            handler.send_header("Retry-After", str(self.retry_after))
        handler.end_headers()
        handler.wfile.write(content)


@contextmanager
def faulty_proxy(target: str) -> Iterator[FaultyProxy]:
    """Run a proxy until the block ends."""
    proxy = FaultyProxy(target)
    thread = threading.Thread(target=proxy.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stopped.set()
        proxy.server.shutdown()
        thread.join()
        proxy.server.server_close()
