"""Which web pages may use the control methods (``localnet_...``)."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

_LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1")


def is_local_origin(origin: bytes | None) -> bool:
    """Whether a request with this header ``Origin`` is from no web page, or from one that this machine serves.

    Browsers send the page's origin by host name, even if that name resolves to this machine (DNS rebinding).
    """
    if origin is None:
        return True
    try:
        host = urlsplit(origin.decode("latin-1")).hostname
    except ValueError:
        return False
    return host in _LOCAL_HOSTS or (host or "").endswith(".localhost")
