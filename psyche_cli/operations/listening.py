"""The addresses at which commands listen."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from psyche_cli.errors import UsageError
from psyche_cli.limits import U16_MAX


class ListenAddress(NamedTuple):
    """An IP address, and a port, which is 0 for any free one."""

    ip: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int

    @property
    def text(self) -> str:
        """``HOST:PORT``."""
        return f"{self.host}:{self.port}"

    @property
    def host(self) -> str:
        """The IP address as in a URL."""
        return f"[{self.ip}]" if self.ip.version == 6 else str(self.ip)


def parse_listen(text: str) -> ListenAddress:
    """The value of ``--listen``: ``HOST:PORT``, where the host is an IP address or localhost. Raises UsageError."""
    host, colon, port = text.rpartition(":")
    bare = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    try:
        ip = ipaddress.ip_address(bare)
    except ValueError:
        ip = None
    if not colon or ip is None or not (port.isascii() and port.isdigit() and int(port) <= U16_MAX):
        raise UsageError(
            "--listen requires HOST:PORT with an IP address or localhost.", hint="For example: --listen 127.0.0.1:0"
        )
    return ListenAddress(ip, int(port))
