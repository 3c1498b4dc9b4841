"""The two consecutive ports on 127.0.0.1: JSON-RPC, and PubSub on the next one."""

from __future__ import annotations

import errno
import socket
from typing import Final

from psyche_cli.errors import LocalnetError, PortInUse, UsageError

HOST: Final = "127.0.0.1"
BACKLOG: Final = 1024
"""The maximum number of connections waiting to be accepted."""

_ATTEMPTS: Final = 100


def bind_pair(rpc_port: int) -> tuple[socket.socket, socket.socket]:
    """Two bound sockets, the second on the port after the first; ``rpc_port`` 0 selects any free pair.

    Raises PortInUse, UsageError (invalid port) or LocalnetError (permission denied, for example).
    """
    if not 0 <= rpc_port <= 65534:
        raise UsageError(f"Invalid RPC port {rpc_port}.", hint="Use a port from 1 to 65534, or 0 for any free pair.")
    if rpc_port:
        first = _bind(rpc_port)
        try:
            return first, _bind(rpc_port + 1)
        except LocalnetError:
            first.close()
            raise
    for _ in range(_ATTEMPTS):
        first = _bind(0)
        port = first.getsockname()[1]
        try:
            if port < 65535:
                return first, _bind(port + 1)
        except PortInUse:
            pass
        first.close()
    raise PortInUse(f"Could not find two consecutive free ports on {HOST}.", hint="Choose one with --rpc-port.", port=0)


def _bind(port: int) -> socket.socket:
    # With the protocol, asyncio sets TCP_NODELAY for connections. Otherwise a message that follows another one may wait
    # for the client's acknowledgement, which takes 40 ms.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # Allows an immediate restart of the validator; a port with a listener is still rejected.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"Port {port} on {HOST} is already in use.",
                hint="Stop the process that uses it, or choose another port with --rpc-port (PubSub uses the next "
                "one). --rpc-port 0 picks a free pair.",
                port=port,
            ) from error
        raise LocalnetError(
            f"Cannot open port {port} on {HOST}: {error.strerror}.",
            hint="Choose another port with --rpc-port.",
            port=port,
        ) from error
    bound.setblocking(False)
    return bound
