"""Failed requests to an RPC endpoint or another service, and failures of the local validator."""

from __future__ import annotations

from psyche_cli.errors.base import ExitCode, Json, PsycheError


class NetworkError(PsycheError):
    """A request to the RPC endpoint, or to the file service, failed.

    ``request_sent`` is False if the endpoint cannot have received the request, True if at least part of it was sent,
    and None if that is unknown.
    """

    exit_code = ExitCode.NETWORK

    endpoint: str | None = None
    method: str | None = None
    request_sent: bool | None = None


class Unreachable(NetworkError):
    """The connection could not be established, or was lost."""


class TimedOut(NetworkError):
    """The endpoint did not respond within the time limit."""


class HttpStatusError(NetworkError):
    """An HTTP ``status`` other than 200. ``retry_after`` is the requested delay in seconds, if any."""

    always_shown = ("retry_after",)

    status: int
    retry_after: int | None = None


class RpcError(NetworkError):
    """The endpoint returned a JSON-RPC error with the number ``rpc_code`` and the optional ``rpc_data``."""

    shown_as_json_text = ("rpc_data",)

    rpc_code: int
    rpc_data: Json = None


class BadRpcResponse(NetworkError):
    """The endpoint returned an invalid response."""


class BadServiceResponse(NetworkError):
    """The file service, or its storage, returned an invalid response or a file with a wrong checksum.

    ``path`` is the path of the file in the run. ``checksum`` is the algorithm of a checksum that does not match.
    """

    path: str | None = None
    checksum: str | None = None


class LocalnetError(PsycheError):
    """The local validator could not start, had to stop, or is not running."""

    exit_code = ExitCode.LOCALNET

    endpoint: str | None = None
    port: int | None = None
    path: str | None = None
    line: int | None = None


class PortInUse(LocalnetError):
    """Another process is listening on the port."""


class BadProgram(LocalnetError):
    """A program file that does not exist or that the VM rejects."""

    address: str | None = None
