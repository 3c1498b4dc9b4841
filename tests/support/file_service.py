"""The service for files of runs, and its storage, as an HTTP server on this machine whose faults tests choose."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

from solders.pubkey import Pubkey
from solders.signature import Signature

MARK = "5ECRET5IGNATURE"
"""Part of the query of each presigned URL."""


class Seen(NamedTuple):
    """A request: its method, path without query, and headers with lower-case names."""

    method: str
    path: str
    headers: dict[str, str]


Fault = Callable[["_Handler"], None]
"""Answers one request in place of the server."""


class FileService:
    """Serves ``files`` to ``owner`` by presigned URLs, and accepts uploads into ``uploaded``.

    ``faults`` by method (POST, GET, PUT) are applied to the next requests, in order; None stands for a correct answer.
    ``checksums`` are the checksum headers of a file. Without ``tags`` files have no entity tag, and without ``ranges``
    the server ignores range requests. ``listed`` replaces the paths that the service announces.
    """

    def __init__(self) -> None:
        self.owner: Pubkey | None = None
        self.files: dict[str, bytes] = {}
        self.uploaded: dict[str, bytes] = {}
        self.requests: list[Seen] = []
        self.faults: dict[str, list[Fault | None]] = {"POST": [], "GET": [], "PUT": []}
        self.tags = True
        self.ranges = True
        self.checksums: Callable[[bytes], dict[str, str]] = lambda content: {}
        self.listed: list[str] | None = None
        self.answer: Callable[[dict[str, Any]], object] = lambda document: document
        self.expired: set[str] = set()
        self.stopped = threading.Event()
        self.stalled = threading.Event()
        self.port = 0
        self._nonces: set[str] = set()

    @property
    def base_url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def count(self, method: str, path: str = "") -> int:
        """The number of requests whose path contains this text."""
        return sum(seen.method == method and path in seen.path for seen in self.requests)

    def presigned(self, path: str) -> str:
        """A new presigned URL."""
        token = MARK + secrets.token_hex(24)
        query = f"X-Amz-Expires=60&X-Amz-Signature={token}"
        return f"http://127.0.0.1:{self.port}/storage/{quote(path, errors='replace')}?{query}"

    def accepts(self, run_id: str, request: dict[str, Any], signature: str) -> bool:
        """Whether a request has a new nonce and is signed by the owner."""
        nonce = request["nonce"]
        if not isinstance(nonce, str) or int(nonce) >= 2**64 or nonce in self._nonces or self.owner is None:
            return False
        self._nonces.add(nonce)
        message = f"nous-run-down-service:{run_id}:{request['expiresInSeconds']}:{nonce}".encode()
        return Signature.from_string(signature).verify(self.owner, message)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: FileService

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        self._answer(self._api)

    def do_GET(self) -> None:
        self._answer(self._download)

    def do_PUT(self) -> None:
        self._answer(self._upload)

    def reply(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Length": str(len(content)), **named}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def body(self) -> bytes:
        length = int(self.headers["Content-Length"])
        content = self.rfile.read(length)
        if len(content) < length:
            raise ConnectionResetError
        return content

    @property
    def file(self) -> str:
        """The path of the file that a presigned URL is for."""
        return unquote(urlsplit(self.path).path.removeprefix("/storage/"))

    def _answer(self, usual: Callable[[], None]) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.service.requests.append(Seen(self.command, urlsplit(self.path).path, headers))
        faults = self.service.faults[self.command]
        fault = faults.pop(0) if faults else None
        try:
            if fault is None:
                usual()
            else:
                fault(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _api(self) -> None:
        service = self.service
        request = json.loads(self.body())
        _, version, verb, run_id = urlsplit(self.path).path.split("/")
        assert version == "v1"
        if not service.accepts(unquote(run_id), request, self.headers["X-Solana-Signature"]):
            self.reply(401, f"bad signature {MARK}".encode())
            return
        if verb == "download":
            paths = list(service.files) if service.listed is None else service.listed
            urls = [{"path": path, "url": service.presigned(path)} for path in paths]
            document: dict[str, Any] = {"urls": urls, "expiresAt": "2030-01-01T00:00:00Z"}
        else:
            url = service.presigned(request["filename"])
            document = {"url": url, "expiresAt": "2030-01-01T00:00:00Z"}
        self.reply(200, json.dumps(service.answer(document)).encode(), Content_Type="application/json")

    def _is_rejected(self) -> bool:
        [token] = parse_qs(urlsplit(self.path).query)["X-Amz-Signature"]
        return not token.startswith(MARK) or token in self.service.expired

    def _download(self) -> None:
        service = self.service
        if self._is_rejected():
            self.reply(403, self.path.encode())
            return
        content = service.files[self.file]
        tag = tag_of(content)
        headers = dict(service.checksums(content))
        if service.tags:
            headers["ETag"] = tag
        if service.tags and self.headers["If-None-Match"] == tag:
            self.reply(304, ETag=tag)
            return
        wanted = self.headers["Range"]
        if wanted and service.ranges and self.headers["If-Range"] == tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.reply(416, Content_Range=f"bytes */{len(content)}")
                return
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.reply(206, content[start:], **headers)
            return
        self.reply(200, content, **headers)

    def _upload(self) -> None:
        content = self.body()
        if self._is_rejected():
            self.reply(403, self.path.encode())
            return
        self.service.uploaded[self.file] = content
        self.reply(200, ETag=tag_of(content))


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Report a failure, unless the client has closed the connection."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as it was received


def tag_of(content: bytes) -> str:
    """The entity tag of a file: its MD5, as Amazon S3 does."""
    return f'"{hashlib.md5(content).hexdigest()}"'


def checksum_text(algorithm: str, content: bytes) -> str:
    """A checksum in base64."""
    return base64.b64encode(hashlib.new(algorithm, content).digest()).decode()


def failing_with(code: int, **headers: str) -> Fault:
    """Answer with a status, and with the URL in the body, as some storage servers do."""

    def fault(handler: _Handler) -> None:
        if handler.command != "GET":
            handler.body()
        handler.reply(code, handler.path.encode(), **headers)

    return fault


def expire(handler: _Handler) -> None:
    """Answer that the presigned URL has expired, also to later requests with it."""
    if handler.command == "PUT":
        handler.body()
    [token] = parse_qs(urlsplit(handler.path).query)["X-Amz-Signature"]
    handler.service.expired.add(token)
    handler.reply(403, handler.path.encode())


def truncated(length: int) -> Fault:
    """Send only the first bytes of a file, and close the connection."""

    def fault(handler: _Handler) -> None:
        _send_beginning(handler, length)
        handler.close_connection = True

    return fault


def stalling(length: int) -> Fault:
    """Send only the first bytes of a file, and then nothing."""

    def fault(handler: _Handler) -> None:
        _send_beginning(handler, length)
        handler.wfile.flush()
        handler.service.stalled.set()
        handler.service.stopped.wait()
        handler.close_connection = True

    return fault


def _send_beginning(handler: _Handler, length: int) -> None:
    content = handler.service.files[handler.file]
    start = 0
    wanted = handler.headers["Range"]
    if wanted:
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    else:
        handler.send_response(200)
    handler.send_header("Content-Length", str(len(content) - start))
    if handler.service.tags:
        handler.send_header("ETag", tag_of(content))
    handler.end_headers()
    handler.wfile.write(content[start : start + length])


def replying(code: int, content: bytes = b"", **headers: str) -> Fault:
    """Answer with these headers and this content."""

    def fault(handler: _Handler) -> None:
        if handler.command != "GET":
            handler.body()
        handler.reply(code, content, **headers)

    return fault


def dropping(handler: _Handler) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True


def rejecting_early(handler: _Handler) -> None:
    """Reject an upload before its body has been received, and close the connection."""
    handler.send_response(403)
    handler.send_header("Content-Length", "0")
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True


@contextmanager
def file_service() -> Iterator[FileService]:
    """A running service."""
    service = FileService()
    handler = type("Handler", (_Handler,), {"service": service})
    server = _Server(("127.0.0.1", 0), handler)
    service.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield service
    finally:
        service.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()
