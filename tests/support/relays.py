"""A transport in front of another one, for tests that watch or change what passes."""

from __future__ import annotations

from psyche_cli.transport import Transport


class Relay:
    """A transport that passes everything on to ``inner``."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner

    @property
    def label(self) -> str:
        return self.inner.label

    def send(self, body: bytes, *, timeout: float) -> bytes:
        return self.inner.send(body, timeout=timeout)

    def close(self) -> None:
        self.inner.close()
