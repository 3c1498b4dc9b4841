"""A proxy that puts a local validator far away, counts what passes, and can hold a confirmation back."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_STATUS_METHODS = ("getTransaction", "getSignatureStatuses")


class FarAway:
    """An HTTP proxy on real sockets in front of the validator at ``url``.

    ``latency`` is in seconds per round trip: half of it before the validator gets a request, half before its answer
    goes back, and once more per connection for the handshake of TCP (TLS would take one or two more). ``requests`` are
    the methods that passed, ``received`` the bytes of the answers, ``connections`` how often a client connected. With
    ``hold_back``, what is sent becomes visible so many seconds later, at ``visible_at`` of the monotonic clock.
    ``fetched_at`` is when a transaction was last asked for with its logs.
    """

    def __init__(self, url: str, latency: float = 0.0) -> None:
        self._upstream = urlsplit(url)
        self.latency = latency
        self.requests: list[str] = []
        self.received = 0
        self.connections = 0
        self.hold_back = 0.0
        self.visible_at = 0.0
        self.fetched_at = 0.0
        self._sent = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def serving(self) -> Iterator[FarAway]:
        """Serve for as long as the block lasts."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def forget(self) -> None:
        """Count anew."""
        self.requests.clear()
        self.received = 0
        self.connections = 0

    def exchange(self, upstream: http.client.HTTPConnection, body: bytes) -> bytes:
        """One round trip."""
        request = json.loads(body)
        request = request[0] if isinstance(request, list) else request  # a batch is one round trip
        method = request["method"]
        if method == "getTransaction":
            self.fetched_at = time.monotonic()
        self.requests.append(method)
        time.sleep(self.latency / 2)
        if method == "sendTransaction" and request["params"][0] != self._sent:
            self._sent = request["params"][0]
            self.visible_at = time.monotonic() + self.hold_back
        answer = self._ask(upstream, body)
        self.received += len(answer)
        if method in _STATUS_METHODS and time.monotonic() < self.visible_at:
            answer = _unknown(answer)
        time.sleep(self.latency / 2)
        return answer

    def _ask(self, upstream: http.client.HTTPConnection, body: bytes) -> bytes:
        upstream.request("POST", "/", body, {"Content-Type": "application/json"})
        return upstream.getresponse().read()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        faraway = self
        upstream = self._upstream

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1  # head and body go as one packet

            def setup(self) -> None:
                super().setup()
                faraway.connections += 1
                self.upstream = http.client.HTTPConnection(upstream.hostname or "", upstream.port)
                time.sleep(faraway.latency)

            def do_POST(self) -> None:
                answer = faraway.exchange(self.upstream, self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def finish(self) -> None:
                super().finish()
                self.upstream.close()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _unknown(answer: bytes) -> bytes:
    """The answer of a node that does not know the transaction yet."""
    document: dict[str, Any] = json.loads(answer)
    result = document["result"]
    document["result"] = None if result is None or "value" not in result else {**result, "value": [None]}
    return json.dumps(document).encode()
