"""Interfaces of the connections to an endpoint: transports, which send JSON-RPC requests, and WebSockets."""

from __future__ import annotations

from typing import Protocol


class Endpoint(Protocol):
    """A server that transports can be opened to, such as a local validator in this process or in another."""

    def open_transport(self) -> Transport:
        """Open a transport, which the caller must close."""
        ...


class Transport(Protocol):
    """A connection to one endpoint: over HTTP, to the in-process validator, or faulty in a test."""

    @property
    def label(self) -> str:
        """The endpoint for display: scheme, host and port, without path and query, which may contain API keys."""
        ...

    def send(self, body: bytes, *, timeout: float) -> bytes:
        """Post one JSON-RPC request body and return the response body.

        ``timeout`` is the total wall-clock time in seconds.

        Raises HttpStatusError, Unreachable or TimedOut. ``request_sent`` of the last two is False only if the endpoint
        cannot have received the request.
        """
        ...

    def close(self) -> None:
        """Close the connection. No other method may be called afterward."""
        ...


class WebSocket(Protocol):
    """An open WebSocket to one endpoint. Used by one thread."""

    @property
    def label(self) -> str:
        """The endpoint for display: scheme, host and port, without path and query, which may contain API keys."""
        ...

    def send(self, text: str) -> None:
        """Send a text message. Raises Unreachable."""
        ...

    def receive(self, timeout: float) -> str | None:
        """The next text message, or None if none arrives within ``timeout`` seconds.

        Raises Unreachable once the connection is closed, BadRpcResponse for a message that is too large or not text.
        """
        ...

    def ping(self, timeout: float) -> bool:
        """Whether the server answers a ping within ``timeout`` seconds. Raises Unreachable."""
        ...

    def close(self) -> None:
        """Close the connection without waiting long for the server. No other method may be called afterward."""
        ...
