"""The sockets of local servers, and the hosts by which requests may name them."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from typing import TYPE_CHECKING

from psyche_cli.errors import MonitoringError

if TYPE_CHECKING:
    from psyche_cli.operations.listening import ListenAddress


def bind(address: ListenAddress, *, what: str, change: str) -> socket.socket:
    """A socket that listens at an address.

    ``what`` names in messages what is served, in the plural, and ``change`` the option for another address. Raises
    MonitoringError.
    """
    family = socket.AF_INET6 if address.ip.version == 6 else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((str(address.ip), address.port))
        bound.listen()
    except OSError as error:
        bound.close()
        raise MonitoringError(
            f"{what} cannot be served at {address.text}: {error.strerror}.",
            hint=f"Choose another address with {change}.",
            address=address.text,
        ) from error
    bound.setblocking(False)
    return bound


class OwnHost:
    """The address of a bound socket, and the hosts by which a request may name it."""

    def __init__(self, bound: socket.socket) -> None:
        host, self.port = bound.getsockname()[:2]
        self._ip = ipaddress.ip_address(host)
        self.url = f"http://{f'[{host}]' if self._ip.version == 6 else host}:{self.port}"

    def allows(self, host: str) -> bool:
        """Whether the header ``Host`` of a request names this machine by an IP address or as localhost.

        A name that only resolves to this machine is not allowed (DNS rebinding). Any port is, for tunnels.
        """
        name, _, _ = host.partition("]") if host.startswith("[") else host.partition(":")
        if name == "localhost":
            return True
        try:
            found = ipaddress.ip_address(name.removeprefix("["))
        except ValueError:
            return False
        return found.is_loopback or found == self._ip


def stopped_by_signals() -> asyncio.Event:
    """An event that is set when a signal asks the process to end: SIGINT, SIGTERM, or SIGHUP if it is not ignored."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            loop.add_signal_handler(number, stop.set)
    return stop
