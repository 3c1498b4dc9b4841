"""A request of an HTTP client."""

from __future__ import annotations


class Request:
    """A request; ``headers`` have names in lower case, and several values of one are separated by commas."""

    __slots__ = ("body", "headers", "keep_alive", "method", "target", "version")

    def __init__(self) -> None:
        self.method = b""
        self.target = b""
        self.version = "1.1"
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.keep_alive = False

    def add(self, name: bytes, value: bytes) -> None:
        """Add a header."""
        name = name.lower()
        before = self.headers.get(name)
        self.headers[name] = value if before is None else b"%b, %b" % (before, value)

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for permission to send the body."""
        return self.headers.get(b"expect", b"").lower() == b"100-continue"

    @property
    def path(self) -> bytes:
        """The target without its query."""
        return self.target.partition(b"?")[0]

    def head_without_upgrade(self) -> bytes:
        """The head of the same request without what asks for another protocol."""
        options = self.headers.get(b"connection", b"").split(b",")
        kept_options = b",".join(option for option in options if option.strip().lower() != b"upgrade")
        headers = {**self.headers, b"connection": kept_options}
        kept = [b"%b: %b" % pair for pair in headers.items() if pair[0] != b"upgrade"]
        line = b"%b %b HTTP/%b" % (self.method, self.target, self.version.encode())
        return b"\r\n".join([line, *kept, b"", b""])

    @property
    def connection(self) -> bytes:
        """The value of the response's header ``Connection``; empty where it is not needed."""
        if not self.keep_alive:
            return b"close"
        return b"keep-alive" if self.version == "1.0" else b""
