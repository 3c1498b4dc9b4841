"""JSON-RPC over HTTP, and the border where httpx exceptions become ours."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import httpx

from psyche_cli import __version__
from psyche_cli.cluster.endpoints import check_rpc_url, endpoint_label, is_loopback
from psyche_cli.errors import BadRpcResponse, HttpStatusError, PsycheError, TimedOut, Unreachable, UsageError

LARGEST_ANSWER = 64 * 1024 * 1024

_OK = 200
_CONNECT_HINT = "Is the URL right, and does the endpoint run?"
_STATUS_HINTS = {
    401: "The endpoint wants an access key.",
    403: "The access key is missing or wrong, or the endpoint does not allow this.",
    404: "Is the path of the URL right?",
    405: "Is this a JSON-RPC endpoint?",
    429: "The endpoint limits the rate of requests. Wait, or use another endpoint.",
    502: "The endpoint is overloaded or down. Wait, or use another endpoint.",
    503: "The endpoint is overloaded or down. Wait, or use another endpoint.",
    504: "The endpoint is overloaded or down. Wait, or use another endpoint.",
}


class HttpTransport:
    """One RPC endpoint over HTTP/1.1 with a kept connection. May be used from several threads.

    A proxy and certificates may come from the usual environment variables; for an endpoint on this machine they are
    ignored. Raises UsageError for a URL that cannot be meant, or when such a variable is unusable.
    """

    def __init__(self, url: str) -> None:
        self._label = endpoint_label(check_rpc_url(url))
        try:
            self._url = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise UsageError(f"The RPC URL of {self._label} is not valid.") from error
        local = is_loopback(url)
        try:
            self._client = httpx.Client(
                follow_redirects=False,
                trust_env=not local,
                # Certificates are always verified where TLS can occur. Loading them takes 20 ms, so they are not loaded
                # where it cannot: plain HTTP, without a proxy and without redirects.
                verify=not (local and self._url.scheme == "http"),
                headers={"user-agent": f"psyche-cli/{__version__}", "accept-encoding": "gzip"},
            )
        except (ValueError, OSError, ImportError) as error:
            # A proxy or certificate variable of the environment that cannot be used. Its value may hold a password.
            raise UsageError(
                f"Cannot prepare a connection to {self._label}: a proxy or certificate setting is unusable.",
                hint="Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
            ) from error

    @property
    def label(self) -> str:
        """Scheme, host and port of the endpoint."""
        return self._label

    def send(self, body: bytes, *, timeout: float) -> bytes:
        """Post one JSON-RPC request body and return the body of the answer, at most 64 MiB.

        ``timeout`` is in seconds of wall-clock time, from the look-up of the host to the last byte. httpx bounds each
        socket operation only, so an endpoint that drips bytes could hold a caller for ever: the exchange runs in a
        thread of its own, which is left behind when the time is over.

        Raises Unreachable or TimedOut, both with ``request_sent`` False when the endpoint certainly never saw the
        request; HttpStatusError; BadRpcResponse for an answer that is too large or wrongly compressed.
        """
        exchange = _Exchange()
        thread = threading.Thread(target=self._run, args=(exchange, body, timeout), daemon=True, name="rpc-exchange")
        try:
            thread.start()
        except RuntimeError as error:
            raise Unreachable(
                f"Cannot ask {self._label}: the system does not let this process start another thread.",
                hint="End other processes, or raise the limit on threads (ulimit -u).",
                endpoint=self._label,
                request_sent=False,
            ) from error
        try:
            exchange.finished.wait(timeout)
        finally:  # also after Ctrl-C
            exchange.abandoned = not exchange.finished.is_set()
        if exchange.abandoned:
            raise TimedOut(
                f"No answer from {self._label} within {timeout:g} seconds.", endpoint=self._label, request_sent=True
            )
        if exchange.error is not None:
            raise exchange.error
        return bytes(exchange.answer)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _run(self, exchange: _Exchange, body: bytes, timeout: float) -> None:
        try:
            self._exchange(exchange, body, timeout)
        except PsycheError as error:
            exchange.error = error
        except Exception as error:
            exchange.error = self._translated(error, timeout)
        finally:
            exchange.finished.set()

    def _exchange(self, exchange: _Exchange, body: bytes, timeout: float) -> None:
        request = self._client.build_request(
            "POST",
            self._url,
            content=body,
            headers={"content-type": "application/json"},
            timeout=httpx.Timeout(timeout, connect=_connect_seconds(timeout)),
        )
        response = self._client.send(request, stream=True)
        try:
            if response.status_code != _OK:
                raise self._status_error(response)
            for chunk in response.iter_bytes():
                exchange.answer += chunk
                if len(exchange.answer) > LARGEST_ANSWER:
                    raise BadRpcResponse(
                        f"The answer of {self._label} is larger than {LARGEST_ANSWER} bytes.", endpoint=self._label
                    )
                if exchange.abandoned:
                    return
        finally:
            response.close()

    def _status_error(self, response: httpx.Response) -> HttpStatusError:
        status = response.status_code
        hint = _STATUS_HINTS.get(status, "")
        if response.has_redirect_location:
            hint = "Redirects are not followed. Give the final URL."
        return HttpStatusError(
            f"{self._label} answered with HTTP status {status} {response.reason_phrase}".rstrip() + ".",
            hint=hint,
            endpoint=self._label,
            status=status,
            retry_after=_whole_seconds(response.headers.get("retry-after", "")),
        )

    def _translated(self, error: Exception, timeout: float) -> PsycheError:
        """The error of ours for one of httpx (or of a closed client, or of the operating system)."""
        label = self._label
        if isinstance(error, httpx.ConnectTimeout):
            return TimedOut(
                f"No connection to {label} within {_connect_seconds(timeout):g} seconds.",
                hint=_CONNECT_HINT,
                endpoint=label,
                request_sent=False,
            )
        if isinstance(error, httpx.TimeoutException):
            return TimedOut(f"No answer from {label} within {timeout:g} seconds.", endpoint=label, request_sent=True)
        if isinstance(error, (httpx.ConnectError, httpx.ProxyError)):
            return Unreachable(
                f"Cannot connect to {label}: {error}.",
                hint=_CONNECT_HINT,
                endpoint=label,
                request_sent=False,
            )
        if isinstance(error, httpx.DecodingError):
            return BadRpcResponse(f"The answer of {label} is wrongly compressed.", endpoint=label)
        return Unreachable(
            f"The connection to {label} broke: {str(error).rstrip('.') or type(error).__name__}.",
            endpoint=label,
            request_sent=True,
        )


@dataclass
class _Exchange:
    """What the caller and the thread that talks for it share. Written by the thread until ``finished`` is set."""

    finished: threading.Event = field(default_factory=threading.Event)
    answer: bytearray = field(default_factory=bytearray)
    error: PsycheError | None = None
    abandoned: bool = False


def _connect_seconds(timeout: float) -> float:
    """A host that does not answer at all is given up sooner than a request that it works on."""
    return min(timeout / 2, 5.0)


def _whole_seconds(text: str) -> int | None:
    """The seconds of a Retry-After header; None without one or for its date form."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
