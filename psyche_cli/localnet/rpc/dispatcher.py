"""JSON-RPC 2.0 over the bank: bytes in, bytes out, no sockets."""

from __future__ import annotations

import json
from typing import Final

from psyche_cli.json_values import Json, refuse_constant
from psyche_cli.localnet.chain.journal import NotRecorded
from psyche_cli.localnet.rpc.context import MethodTable, RpcContext
from psyche_cli.localnet.rpc.fault import UNSUPPORTED_VERSION, RpcFault, not_recorded
from psyche_cli.localnet.rpc.methods import accounts as rpc_accounts
from psyche_cli.localnet.rpc.methods import cluster as rpc_cluster
from psyche_cli.localnet.rpc.methods import control as rpc_control
from psyche_cli.localnet.rpc.methods import history as rpc_history
from psyche_cli.localnet.rpc.methods import tokens as rpc_tokens
from psyche_cli.localnet.rpc.methods import transactions as rpc_transactions
from psyche_cli.localnet.rpc.params import Params
from psyche_cli.localnet.rpc.requests import InvalidRequest, Request, Unreadable, read_request
from psyche_cli.localnet.rpc.signatures import checked_params
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
        try:
            requests = [read_request(item) for item in (request if isinstance(request, list) else [request])]
        except Unreadable:
            return _encode(_failure(None, RpcFault(PARSE_ERROR, "Parse error")))
        self.context.bank.catch_up()
        answers = [answer for item in requests if (answer := self._answer(item, allow_control)) is not None]
        if not answers:
            return b""
        return _encode(answers if isinstance(request, list) else answers[0])

    def _answer(self, request: Request | InvalidRequest, allow_control: bool) -> Json:
        identity = request.identity
        if isinstance(request, InvalidRequest):
            return _failure(identity, RpcFault(INVALID_REQUEST, "Invalid request"))
        if not request.has_version:
            if request.is_notification:
                return None
            return {"error": UNSUPPORTED_VERSION.to_json(), "id": identity}
        try:
            if not allow_control and request.method in rpc_control.METHODS:
                raise RpcFault(INVALID_REQUEST, f"{request.method} is not available to web pages from other origins")
            answer = {"jsonrpc": "2.0", "result": self._call(request.method, request.params), "id": identity}
        except RpcFault as fault:
            answer = _failure(identity, fault)
        except NotRecorded as refused:
            answer = _failure(identity, not_recorded(str(refused)))
        except Exception as error:
            self.context.notice(f"{request.method}: internal error: {type(error).__name__}: {error}")
            answer = _failure(identity, RpcFault(INTERNAL_ERROR, "Internal error"))
        if self.context.log_requests:
            outcome = f"error {answer['error']['code']}: {answer['error']['message']}" if "error" in answer else "ok"
            self.context.log(f"{request.method}: {outcome}")
        return None if request.is_notification else answer

    def _call(self, name: str, params: Json) -> Json:
        method = self._methods.get(name)
        if method is None:
            raise RpcFault(METHOD_NOT_FOUND, "Method not found")
        read = checked_params(name, params)
        try:
            return method(self.context, Params(read))
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
