"""RPC endpoints by URL or by name, and their labels for output.

Providers put access keys into the path, the query or the user info of RPC URLs, so messages contain only the scheme,
host and port.
"""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from psyche_cli.errors import UsageError
from psyche_cli.limits import LOCAL_RPC_URL

# The names that the Solana CLI accepts for --url. "localhost" maps to an address because local validators listen on
# IPv4 only, and the name may resolve to ::1 first.
_MONIKERS = {
    "localhost": LOCAL_RPC_URL,
    "devnet": "https://api.devnet.solana.com",
    "testnet": "https://api.testnet.solana.com",
    "mainnet-beta": "https://api.mainnet-beta.solana.com",
}
_WEBSOCKET_HINT = "Use a URL such as ws://127.0.0.1:8900."
_HINT = f"Use a URL such as {LOCAL_RPC_URL}, or localhost, devnet, testnet or mainnet-beta."


def endpoint_label(url: str) -> str:
    """The endpoint's label, safe to display: ``scheme://host:port``, with a port only if the URL contains one.

    Never raises; the label of an invalid URL contains no part of it.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "an invalid URL"
    if not host or "://" not in url:
        return "an invalid URL"
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" if port is None else f"{parts.scheme}://{shown}:{port}"


def check_rpc_url(text: str) -> str:
    """The URL given by ``text``: the text itself, without surrounding ``"`` characters, or the URL of a cluster name.

    Cluster names are those of the Solana CLI: localhost, devnet, testnet, mainnet-beta, or their first letters.
    Raises UsageError for a scheme other than http or https, a missing host, an invalid port, or embedded blanks.
    """
    url = _moniker_url(text.strip().strip('"').strip())
    if not url:
        raise UsageError("The RPC URL is empty.", hint=_HINT)
    if any(character.isspace() or not character.isprintable() for character in url):
        raise UsageError("The RPC URL contains whitespace or control characters.", hint=_HINT)
    if "://" not in url:
        raise UsageError("The RPC URL must start with http:// or https://.", hint=_HINT)
    parts = _split(url)
    if parts.scheme not in ("http", "https"):
        raise UsageError(f"The RPC URL {endpoint_label(url)} must have the scheme http or https.", hint=_HINT)
    if parts.fragment:
        raise UsageError(f"The RPC URL {endpoint_label(url)} has a fragment (#...).", hint=_HINT)
    return url


def websocket_url(rpc_url: str) -> str:
    """The PubSub URL that belongs to an RPC URL, as the Solana CLI derives it.

    The scheme is ws or wss; a port other than the scheme's default one is the next higher one.
    """
    parts = urlsplit(rpc_url)
    is_tls = parts.scheme == "https"
    authority = parts.netloc
    if parts.port is not None:
        authority = authority.rpartition(":")[0]
        if parts.port != (443 if is_tls else 80):
            authority = f"{authority}:{parts.port + 1}"
    return parts._replace(scheme="wss" if is_tls else "ws", netloc=authority).geturl()


def check_websocket_url(text: str) -> str:
    """The PubSub URL given by ``text``. Raises UsageError for one that is not a ws or wss URL."""
    scheme, separator, rest = text.strip().partition("://")
    if not separator or scheme not in ("ws", "wss"):
        raise UsageError("The PubSub URL must start with ws:// or wss://.", hint=_WEBSOCKET_HINT)
    try:
        checked = check_rpc_url(f"{_http_scheme(scheme)}://{rest}")
    except UsageError as error:
        raise UsageError(str(error).replace("RPC URL", "PubSub URL"), hint=_WEBSOCKET_HINT) from error
    return f"{scheme}{checked[len(_http_scheme(scheme)) :]}"


def as_http_url(websocket: str) -> str:
    """A ws or wss URL with the scheme http or https, by which its host is connected to."""
    scheme, _, rest = websocket.partition("://")
    return f"{_http_scheme(scheme)}://{rest}"


def _http_scheme(scheme: str) -> str:
    return "https" if scheme == "wss" else "http"


def moniker_of(label: str) -> str | None:
    """The name of the cluster whose public endpoint has this label; None for any other endpoint."""
    return next((moniker for moniker, url in _MONIKERS.items() if label == url), None)


def is_loopback(url: str) -> bool:
    """Whether the endpoint is on this machine, for which proxies are never used."""
    host = urlsplit(url).hostname or ""
    first, *others = host.split(".")
    is_ipv4 = len(others) == 3 and all(part.isascii() and part.isdigit() and len(part) <= 3 for part in others)
    return host in ("localhost", "::1") or (first == "127" and is_ipv4)


def _moniker_url(text: str) -> str:
    for moniker, url in _MONIKERS.items():
        if text in (moniker, moniker[0]):
            return url
    return text


def _split(url: str) -> SplitResult:
    """The parts of a URL with a host and, if given, a valid port."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError("The RPC URL has an invalid host or port.", hint=_HINT) from error
    if not parts.hostname:
        raise UsageError("The RPC URL has no host.", hint=_HINT)
    if port == 0:
        raise UsageError("The RPC URL has port 0.", hint=_HINT)
    return parts
