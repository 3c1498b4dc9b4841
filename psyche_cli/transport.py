"""Interface of transports, which send JSON-RPC requests to an endpoint and return its responses."""

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
