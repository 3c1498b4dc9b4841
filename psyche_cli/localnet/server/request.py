"""A request of an HTTP client."""

from __future__ import annotations


class Request:
    """A request; ``headers`` have names in lower case, and the last value of each name."""

    __slots__ = ("body", "headers", "keep_alive", "method", "target", "version")

    def __init__(self) -> None:
        self.method = b""
        self.target = b""
        self.version = "1.1"
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.keep_alive = False

    @property
    def path(self) -> bytes:
        """The target without its query."""
        return self.target.partition(b"?")[0]

    def head_without_upgrade(self) -> bytes:
        """The head of the same request without the headers that ask for another protocol."""
        kept = [b"%b: %b" % pair for pair in self.headers.items() if pair[0] not in (b"connection", b"upgrade")]
        line = b"%b %b HTTP/%b" % (self.method, self.target, self.version.encode())
        return b"\r\n".join([line, *kept, b"", b""])

    @property
    def connection(self) -> bytes:
        """The value of the response's header ``Connection``; empty where it is not needed."""
        if not self.keep_alive:
            return b"close"
        return b"keep-alive" if self.version == "1.0" else b""
