"""Selection of an endpoint's proxy by the usual environment variables."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

_DEFAULT_PORT = 80


class Proxy(NamedTuple):
    """An HTTP proxy, and the value of ``Proxy-Authorization`` if it requires one."""

    host: str
    port: int
    authorization: str | None


def proxy_for(parts: SplitResult, variables: Mapping[str, str]) -> Proxy | None:
    """The proxy for an http or https URL (split), by ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``.

    A lower-case variable takes precedence over the upper-case one, and an empty one counts as absent. Raises ValueError
    for a proxy that is not an HTTP proxy.
    """
    host = parts.hostname or ""
    if _is_exempt(host, _value("no_proxy", variables)):
        return None
    text = _value(f"{parts.scheme}_proxy", variables) or _value("all_proxy", variables)
    if not text:
        return None
    proxy = urlsplit(text if "://" in text else f"http://{text}")
    if proxy.scheme != "http" or not proxy.hostname:
        raise ValueError("not an HTTP proxy")
    port = _DEFAULT_PORT if proxy.port is None else proxy.port
    return Proxy(proxy.hostname, port, basic_authorization(proxy))


def basic_authorization(parts: SplitResult) -> str | None:
    """The ``Basic`` header value for the user name and password in a URL (split); None if it has none."""
    if parts.username is None and parts.password is None:
        return None
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"


def _value(name: str, variables: Mapping[str, str]) -> str:
    value = variables.get(name)
    return (variables.get(name.upper(), "") if value is None else value).strip()


def _is_exempt(host: str, no_proxy: str) -> bool:
    """Whether ``NO_PROXY`` lists the host, a parent domain, a network that contains its address, or ``*``."""
    for entry in no_proxy.lower().split(","):
        name = entry.strip().strip("[]")
        if "/" in name and _is_in_network(host, name):
            return True
        name = name.partition(":")[0].lstrip(".") if name.count(":") == 1 else name.lstrip(".")
        if name == "*" or (name and (host == name or host.endswith(f".{name}"))):
            return True
    return False


def _is_in_network(host: str, network: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
