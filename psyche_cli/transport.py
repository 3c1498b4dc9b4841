"""What carries a JSON-RPC request to an endpoint and its answer back."""

from __future__ import annotations

from typing import Protocol


class Endpoint(Protocol):
    """What transports can be opened to: a local validator, in whatever form it runs."""

    def open_transport(self) -> Transport:
        """A new transport, to be closed by the caller."""
        ...


class Transport(Protocol):
    """One endpoint. Library code cannot tell HTTP from the in-process validator or from a faulty one in a test."""

    @property
    def label(self) -> str:
        """The endpoint as it may be shown: scheme, host and port, never path or query (keys live there)."""
        ...

    def send(self, body: bytes, *, timeout: float) -> bytes:
        """Post one JSON-RPC request body and return the body of the answer.

        ``timeout`` is in seconds of wall-clock time, for everything together.

        Raises Unreachable or TimedOut, whose ``request_sent`` is False only when the endpoint certainly never saw the
        request, or HttpStatusError.
        """
        ...

    def close(self) -> None:
        """Give the connection back. Further calls are not allowed."""
        ...
