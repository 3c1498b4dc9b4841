"""JSON-RPC 2.0 over the bank: bytes in, bytes out, no sockets."""

from __future__ import annotations

import json
from typing import Final

from psyche_cli.json_values import Json, refuse_constant
from psyche_cli.localnet.chain.journal import NotRecorded
from psyche_cli.localnet.rpc.context import MethodTable, RpcContext
from psyche_cli.localnet.rpc.fault import RpcFault, invalid_params, is_identity, not_recorded
from psyche_cli.localnet.rpc.methods import accounts as rpc_accounts
from psyche_cli.localnet.rpc.methods import cluster as rpc_cluster
from psyche_cli.localnet.rpc.methods import control as rpc_control
from psyche_cli.localnet.rpc.methods import history as rpc_history
from psyche_cli.localnet.rpc.methods import tokens as rpc_tokens
from psyche_cli.localnet.rpc.methods import transactions as rpc_transactions
from psyche_cli.localnet.rpc.params import Params
from psyche_cli.solana.rpc.codes import INTERNAL_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, PARSE_ERROR

_TABLES: Final[tuple[MethodTable, ...]] = (
    rpc_accounts.METHODS,
    rpc_tokens.METHODS,
    rpc_transactions.METHODS,
    rpc_history.METHODS,
    rpc_cluster.METHODS,
    rpc_control.METHODS,
)


def all_methods() -> dict[str, str]:
    """The topic of each method, by method name, for the documentation and its test."""
    return {name: table_of for table_of, table in zip(_SUBJECTS, _TABLES, strict=True) for name in table}


_SUBJECTS: Final = ("accounts", "tokens", "transactions", "history", "cluster", "control")


_DECODER: Final = json.JSONDecoder(parse_constant=refuse_constant)
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))


class Dispatcher:
    """Answers JSON-RPC requests. All slots that are due begin before a request is handled."""

    def __init__(self, context: RpcContext) -> None:
        self.context = context
        self._methods = {name: method for table in _TABLES for name, method in table.items()}

    def handle(self, body: bytes, *, allow_control: bool = True) -> bytes:
        """The response to one body, a request or a batch; empty if it contains only notifications.

        With ``allow_control`` False, the control methods (``localnet_...``) are rejected.
        """
        try:
            request = _decode(body)
        except (ValueError, RecursionError):
            return _encode(_failure(None, RpcFault(PARSE_ERROR, "Parse error")))
        self.context.bank.catch_up()
        if not isinstance(request, list):
            answer = self._answer(request, allow_control)
            return b"" if answer is None else _encode(answer)
        if not request:
            return _encode(_failure(None, RpcFault(INVALID_REQUEST, "Invalid request")))
        answers = [answer for item in request if (answer := self._answer(item, allow_control)) is not None]
        return _encode(answers) if answers else b""

    def _answer(self, request: Json, allow_control: bool) -> Json:
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return _failure(None, RpcFault(INVALID_REQUEST, "Invalid request"))
        identity = request.get("id")
        if not is_identity(identity) or request.get("jsonrpc", "2.0") != "2.0":
            return _failure(None, RpcFault(INVALID_REQUEST, "Invalid request"))
        try:
            if not allow_control and request["method"] in rpc_control.METHODS:
                raise RpcFault(INVALID_REQUEST, f"{request['method']} is not available to web pages from other origins")
            answer = {"jsonrpc": "2.0", "result": self._call(request["method"], request.get("params")), "id": identity}
        except RpcFault as fault:
            answer = _failure(identity, fault)
        except NotRecorded as refused:
            answer = _failure(identity, not_recorded(str(refused)))
        except Exception as error:
            self.context.notice(f"{request['method']}: internal error: {type(error).__name__}: {error}")
            answer = _failure(identity, RpcFault(INTERNAL_ERROR, "Internal error"))
        if self.context.log_requests:
            outcome = f"error {answer['error']['code']}: {answer['error']['message']}" if "error" in answer else "ok"
            self.context.log(f"{request['method']}: {outcome}")
        # A request without an id is a notification: it is executed but not answered.
        return answer if "id" in request else None

    def _call(self, name: str, params: Json) -> Json:
        method = self._methods.get(name)
        if method is None:
            raise RpcFault(METHOD_NOT_FOUND, "Method not found")
        if params is None:
            params = []
        if not isinstance(params, list):
            raise invalid_params("Invalid params: expected a list of positional parameters.")
        try:
            return method(self.context, Params(params))
        except (KeyboardInterrupt, SystemExit, Exception):
            raise
        except BaseException as panic:  # pyo3's PanicException derives from BaseException
            raise RuntimeError(f"the VM panicked: {panic}") from panic


def _failure(identity: Json, fault: RpcFault) -> Json:
    return {"jsonrpc": "2.0", "error": fault.to_json(), "id": identity}


def _decode(body: bytes) -> Json:
    return _DECODER.decode(body.decode(json.detect_encoding(body), "surrogatepass"))


def _encode(answer: Json) -> bytes:
    return _ENCODER.encode(answer).encode()
