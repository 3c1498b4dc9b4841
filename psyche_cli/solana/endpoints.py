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
