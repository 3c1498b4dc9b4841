"""A TLS socket that one thread reads while another one writes.

OpenSSL does not allow that: a thread that writes while another one reads what ends the handshake, such as session
tickets, waits for bytes that never arrive.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from typing import Any, Final

_LOOK_AGAIN_SECONDS: Final = 0.1
"""The other thread may have taken the bytes for which a thread waits."""


class SharedTlsSocket:
    """The methods of a socket that a WebSocket needs. One thread at a time uses the TLS session, and never waits."""

    def __init__(self, tls: ssl.SSLSocket) -> None:
        tls.setblocking(False)
        self._tls = tls
        self._lock = threading.Lock()
        self._timeout: float | None = None

    def settimeout(self, seconds: float | None) -> None:
        """Limit each later operation; by default, none is limited."""
        self._timeout = seconds

    def recv(self, size: int) -> bytes:
        """Up to ``size`` bytes as soon as there are any; none at the end."""
        end = self._end()
        while True:
            with self._lock:
                try:
                    return self._tls.recv(size)
                except ssl.SSLWantReadError:
                    event = select.POLLIN
                except ssl.SSLWantWriteError:
                    event = select.POLLOUT
            self._wait(event, end)

    def sendall(self, data: bytes) -> None:
        """Send all bytes."""
        end, left = self._end(), memoryview(data)
        while left:
            event = 0
            with self._lock:
                try:
                    left = left[self._tls.send(left) :]
                except ssl.SSLWantReadError:
                    event = select.POLLIN
                except ssl.SSLWantWriteError:
                    event = select.POLLOUT
            if event:
                self._wait(event, end)

    def shutdown(self, how: int) -> None:
        """End the TCP connection, in one direction or both; a thread that waits for bytes then gets none."""
        # SSLSocket.shutdown would end the TLS session, and later bytes would not be decrypted.
        socket.socket.shutdown(self._tls, how)

    def close(self) -> None:
        """Close the socket."""
        self._tls.close()

    def setsockopt(self, *option: Any) -> None:
        """Set an option of the TCP socket."""
        self._tls.setsockopt(*option)

    def getsockname(self) -> Any:
        """The own address."""
        return self._tls.getsockname()

    def getpeername(self) -> Any:
        """The address of the server."""
        return self._tls.getpeername()

    def _end(self) -> float | None:
        return None if self._timeout is None else time.monotonic() + self._timeout

    def _wait(self, event: int, end: float | None) -> None:
        poll = select.poll()
        poll.register(self._tls, event)
        left = _LOOK_AGAIN_SECONDS if end is None else min(end - time.monotonic(), _LOOK_AGAIN_SECONDS)
        if left < 0:
            raise TimeoutError
        poll.poll(left * 1000)
