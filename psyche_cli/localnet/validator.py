"""The common Python interface of local validators in a thread, in a process and in memory."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Final

from psyche_cli.errors import LocalnetError, RpcError
from psyche_cli.json_values import Json
from psyche_cli.transport import Transport

_CALL_SECONDS: Final = 30.0


class Validator(ABC):
    """A local validator until the end of the ``with`` statement."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """End the validator."""

    @abstractmethod
    def open_transport(self) -> Transport:
        """A new transport to the validator, to be closed by the caller. Raises LocalnetError if it is not running."""

    def call(self, method: str, *params: Json) -> Json:
        """The result of one RPC method, such as ``call("localnet_warpSeconds", 3600)``.

        Raises RpcError with the code and message of a JSON-RPC error, or another NetworkError.
        """
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        transport = self.open_transport()
        try:
            answer = json.loads(transport.send(json.dumps(body).encode(), timeout=_CALL_SECONDS))
        finally:
            transport.close()
        if "error" in answer:
            error = answer["error"]
            raise RpcError(f"{method}: {error['message']}", rpc_code=error["code"])
        return answer["result"]


def not_running() -> LocalnetError:
    """The error for a validator that has not been started or has ended."""
    return LocalnetError(
        "The local validator is not running.", hint="Use it as a context manager, in a with statement."
    )
